"""A first pipeline from one table: look at it, decide what is not said, write the folder."""
