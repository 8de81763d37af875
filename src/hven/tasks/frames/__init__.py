"""Frames of a camera: pedestals, calibrated signal, housekeeping."""
