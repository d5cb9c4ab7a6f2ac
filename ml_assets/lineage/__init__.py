"""Drills through what is recorded: from a slice to all that used it, from a score to raw rows."""
