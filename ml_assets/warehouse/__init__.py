"""DuckDB and DuckLake: connect, write a slice in one transaction, keep and expire snapshots."""
