"""Reports: parametrised notebooks, executed on a schedule, kept as products and sent."""
