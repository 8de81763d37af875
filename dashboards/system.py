"""System: whether the platform itself is well."""

from hven.views import frame
from hven.views.pages import system

frame.serve("system", system.page)
