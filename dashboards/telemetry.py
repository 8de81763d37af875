"""Telemetry: a channel against time, and the newest sample of every topic."""

from hven.views import frame
from hven.views.pages import telemetry

frame.serve("telemetry", telemetry.page)
