"""How a pipeline's tables are built: what a slice may see, its checks, its record, its plan."""
