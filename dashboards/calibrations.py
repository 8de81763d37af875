"""Calibrations: what is valid until when, and who changed what."""

from hven.views import frame
from hven.views.pages import calibrations

frame.serve("calibrations", calibrations.page)
