"""Failures of one kind together, and what people have decided about them."""
