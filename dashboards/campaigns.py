"""Campaigns: how far each has come, and what it waits for."""

from hven.views import frame
from hven.views.pages import campaigns

frame.serve("campaigns", campaigns.page)
