"""Cherenkov showers and coincidences between telescopes."""
