"""Processing of data while they come, before they are archived."""
