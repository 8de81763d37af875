"""Pages: one question each, composed of figures and the common frame."""
