"""QC trends: how a metric changes over hours, nights and years."""

from hven.views import frame
from hven.views.pages import trends

frame.serve("trends", trends.page)
