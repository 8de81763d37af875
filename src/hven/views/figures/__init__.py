"""Bokeh figures: pure functions from datasets and tables to plots."""
