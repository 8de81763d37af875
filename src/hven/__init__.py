"""hven."""
