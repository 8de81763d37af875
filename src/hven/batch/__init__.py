"""Jobs: one pipeline over one data query, run by the batch service."""
