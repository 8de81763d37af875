"""OCS-driven batch: a control system commands a pipeline on a data query and follows what becomes of it."""
