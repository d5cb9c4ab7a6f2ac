"""MLflow: runs, logged models, registered versions and what each needs to be rebuilt."""
