"""The words of the platform as records: no input or output, no scheduler, no database."""
