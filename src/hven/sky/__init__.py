"""The sky: pointing, projections, regions."""
