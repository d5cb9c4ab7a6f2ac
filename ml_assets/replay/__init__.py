"""The time machine: live through a pipeline's past as production would have."""
