"""PANOSETI: telescopes of 32x32 photon counters that look for optical flashes and Cherenkov light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hven.core.redact import redact
from hven.instruments.panoseti.lazy import FORMATS
from hven.instruments.panoseti.names import canonical_name
from hven.instruments.panoseti.product_types import PRODUCT_TYPES
from hven.instruments.panoseti.raw_types import RAW_TYPES
from hven.instruments.panoseti.recognise import recognise
from hven.model.instrument import Instrument
from hven.model.report import night_report


def simulate(folder: Path, *, night: int = 20251021, seed: int = 1, scale: float = 1.0) -> Any:
    """Write a simulated night; see `hven.instruments.panoseti.simulator.simulate`."""
    from hven.instruments.panoseti.simulator import simulate as run

    return run(folder, night=night, seed=seed, scale=scale)


INSTRUMENT = Instrument(
    name="panoseti",
    title="PANOSETI",
    dataset_types=(*RAW_TYPES, *PRODUCT_TYPES, night_report("panoseti")),
    formats=FORMATS,
    recognise=recognise,
    redact=redact,
    simulate=simulate,
    resources=Path(__file__).parent,
    detector_word="module",
    canonical_name=canonical_name,
)
