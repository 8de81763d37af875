"""Live: what is being taken, and what is said back to the hardware."""

from hven.views import frame
from hven.views.pages import live

frame.serve("live", live.page)
