"""Tonight: whether the data are good, and what to do if not."""

from hven.views import frame
from hven.views.pages import tonight

frame.serve("tonight", tonight.page)
