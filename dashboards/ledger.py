"""Ledger: whether every night is complete, from what was announced to L2."""

from hven.views import frame
from hven.views.pages import ledger

frame.serve("ledger", ledger.page)
