"""A closed ML loop on Dagster, DuckDB and LightGBM that is safe to leave switched on."""
