"""QC trends: how does a metric change over nights?"""

from hven.views import frame
from hven.views.pages import trends

frame.serve("trends", trends.page)
