"""Pure: what the world looks like beside a model's reference, and when that is an alarm."""
