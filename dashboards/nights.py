"""Nights: a calendar of what each was like."""

from hven.views import frame
from hven.views.pages import nights

frame.serve("nights", nights.page)
