"""Pure SQL: parse a SELECT, its dependencies and lineage, turn contracts into SQL."""
