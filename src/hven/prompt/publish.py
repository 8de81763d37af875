"""What the gateway is told of new rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hven.model.data_id import DataId
from hven.model.dataset_type import DatasetType
from hven.model.feedback import ACCEPTED, is_feedback
from hven.prompt.channels import FEEDBACK, PROMPT
from hven.prompt.tables import frame_of

if TYPE_CHECKING:
    import xarray as xr

Message = tuple[str, str, dict[str, Any]]
"""Channel, name and value."""


def messages(dataset_type: DatasetType, data_id: DataId, rows: xr.Dataset) -> list[Message]:
    """Each row on channel `prompt`; of corrections those to be followed on channel `feedback`, by parameter.

    Names are ``<dataset type>/<detector>`` and ``<instrument>/<detector>/<parameter>``.
    """
    where = {"observation": data_id["observation"], "detector": data_id["detector"]}
    values = [{**where, **{str(k): _plain(v) for k, v in row.items()}} for row in frame_of(rows).to_dict("records")]
    if not is_feedback(frozenset(map(str, rows.variables))):
        name = f"{dataset_type.name}/{data_id['detector']}"
        return [(PROMPT, name, value) for value in values]
    of = f"{data_id['instrument']}/{data_id['detector']}"
    return [(FEEDBACK, f"{of}/{value['parameter']}", value) for value in values if value[ACCEPTED.name]]


def _plain(value: Any) -> Any:
    """JSON form: times in ISO 8601, null for what is no number."""
    if hasattr(value, "isoformat"):
        return f"{value.isoformat()}Z" if value == value else None  # noqa: PLR0124 - no time at all
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
