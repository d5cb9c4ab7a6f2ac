"""What a defs.yaml may hold, generated from the declaration: for editors and for readers."""
