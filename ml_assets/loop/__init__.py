"""Pure: from findings, history and policy to a decision with its reason."""
