"""Products on disk; the only room that imports zarr."""
