"""System: is the platform itself well?"""

from hven.views import frame
from hven.views.pages import system

frame.serve("system", system.page)
