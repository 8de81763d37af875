"""Notebook forms: submit processing, browse products.

Plain ipywidgets, which JupyterLab renders under a hub without the internet.
"""

from __future__ import annotations

from hven.widgets.browse import Browser
from hven.widgets.submit import SubmitForm

__all__ = ["Browser", "SubmitForm"]
