"""Retraining policies compared on the past: a simulation over stored predictions."""
