"""Schedules: when each fires, what it made, and how checks fared."""

from hven.views import frame
from hven.views.pages import schedules

frame.serve("schedules", schedules.page)
