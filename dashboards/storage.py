"""Storage: what is kept and why, and what goes next."""

from hven.views import frame
from hven.views.pages import storage

frame.serve("storage", storage.page)
