"""The pipeline measured against a plain script doing the same work; not part of the package."""
