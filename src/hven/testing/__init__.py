"""Contract classes and strategies for authors of plug-ins and engines."""
