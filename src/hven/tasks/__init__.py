"""Algorithms with their Task records, grouped by science; each module named `verb_noun` holds one, `TASK`."""
