"""Where raw tables come from: one module per kind of source, and typing of what they deliver."""
