"""What is kept and what may go: people's own space, its quota, and removing products."""
