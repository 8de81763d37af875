"""MAGIS: an atom interferometer whose cameras see clouds of falling atoms and the fringes across them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hven.core.redact import redact
from hven.instruments.magis.recognise import name_file, recognise
from hven.instruments.magis.types import DATASET_TYPES
from hven.model.data_id import Level
from hven.model.instrument import Format, Instrument
from hven.model.report import night_report

_L0 = {t.name: t for t in DATASET_TYPES if t.level is Level.L0}


class _Formats(Mapping[str, Format]):
    """The formats, loaded at their first use: naming the instrument needs no xarray."""

    def __getitem__(self, name: str) -> Format:
        from hven.instruments.magis.images import DropFormat

        return DropFormat(_L0[name])

    def __iter__(self) -> Iterator[str]:
        return iter(_L0)

    def __len__(self) -> int:
        return len(_L0)


def simulate(folder: Path, *, night: int = 20251021, seed: int = 1, scale: float = 1.0) -> Any:
    """Write a simulated night; see `hven.instruments.magis.simulator.simulate`."""
    from hven.instruments.magis.simulator import simulate as run

    return run(folder, night=night, seed=seed, scale=scale)


INSTRUMENT = Instrument(
    name="magis",
    title="MAGIS",
    dataset_types=(*DATASET_TYPES, night_report("magis")),
    formats=_Formats(),
    recognise=recognise,
    redact=redact,
    simulate=simulate,
    resources=Path(__file__).parent,
    detector_word="camera",
    keep_raw=False,
    name_file=name_file,
)
