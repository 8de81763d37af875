"""Checks of the platform itself, on a timer: a fresh observatory from nothing, and canaries."""
