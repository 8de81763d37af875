"""What every room needs and nothing else: errors, logging, clock, settings."""
