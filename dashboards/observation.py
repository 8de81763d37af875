"""Observation: what the data of one detector look like."""

from hven.views import frame
from hven.views.pages import observation

frame.serve("observation", observation.page)
