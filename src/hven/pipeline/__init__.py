"""From pipeline file to quantum graph to products."""
