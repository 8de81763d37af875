"""Simulated nights, byte-compatible with what the telescopes write."""
