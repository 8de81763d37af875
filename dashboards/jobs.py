"""Jobs: what is being processed, and what went wrong."""

from hven.views import frame
from hven.views.pages import jobs

frame.serve("jobs", jobs.page)
