"""The report of a night, as a dataset."""

from __future__ import annotations

from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable

_R = ("row",)

NIGHT_REPORT = (
    Variable("verdict", _R, "str", "", "PASS, WARN, FAIL or NO DATA."),
    Variable("text", _R, "str", "", "The summary that was sent."),
    Variable("notebook", _R, "str", "", "The executed notebook, nbformat JSON."),
    Variable("html", _R, "str", "", "The same as a page."),
)
"""One row."""


def night_report(instrument: str) -> DatasetType:
    """Dataset type of an instrument's reports.

    Examples
    --------
    >>> str(night_report("panoseti").type_name)
    'L2/panoseti.night_report'
    """
    name, keys = f"{instrument}.night_report", ("instrument", "day_obs")
    return DatasetType(name, Level.L2, "table", keys, NIGHT_REPORT, "Report of a night.", "row", coordinates=())
