"""Observations: what there is."""

from hven.views import frame
from hven.views.pages import observations

frame.serve("observations", observations.page)
