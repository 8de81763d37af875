"""Simulated nights, byte-compatible with what the telescopes write, and movies and events in memory for tests."""

from __future__ import annotations

from hven.instruments.panoseti.simulator.events import Events, simulate_events
from hven.instruments.panoseti.simulator.faults import Faults
from hven.instruments.panoseti.simulator.movie import Movie, Pulse, random_pulses, simulate_movie
from hven.instruments.panoseti.simulator.night import simulate
from hven.instruments.panoseti.simulator.run import Run, write_run
from hven.instruments.panoseti.simulator.site import PALOMAR, Telescope, point

__all__ = [
    "PALOMAR",
    "Events",
    "Faults",
    "Movie",
    "Pulse",
    "Run",
    "Telescope",
    "point",
    "random_pulses",
    "simulate",
    "simulate_events",
    "simulate_movie",
    "write_run",
]
