"""One folder per ML problem; the only place a user edits."""
