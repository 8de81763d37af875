"""SQL index of the products on disk."""
