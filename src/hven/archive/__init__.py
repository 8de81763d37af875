"""Raw files into the archive: verified, immutable, converted to L0."""
