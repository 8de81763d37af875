"""Alarms: what needs somebody, and what follows from it."""

from hven.views import frame
from hven.views.pages import alarms

frame.serve("alarms", alarms.page)
