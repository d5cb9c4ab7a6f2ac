"""Pure machine learning: split, encode, tune, train, measure. No Dagster, no MLflow."""
