"""Optical pulses in image streams."""
