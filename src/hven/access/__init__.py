"""Access classes: to whom they are open, and the folders that say so."""
