"""Failures of all jobs by kind, and what was decided about them."""

from hven.views import frame
from hven.views.pages import triage

frame.serve("triage", triage.page)
