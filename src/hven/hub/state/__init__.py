"""The platform's state as a whole: moved to another database, backed up, restored."""
