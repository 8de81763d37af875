"""Is everything there? Announced, on disk, registered, processed: compared by night, and healed from a source."""
