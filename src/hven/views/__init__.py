"""What people see: figures, pages and the one theme they share. Reads, never writes."""
