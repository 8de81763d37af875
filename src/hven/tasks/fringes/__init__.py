"""Clouds of atoms and the fringes across them: number, place, width, phase, contrast, temperature."""
