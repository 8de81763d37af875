"""Dask engines; the only room that imports distributed."""
