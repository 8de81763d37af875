"""How big the computers must be."""
