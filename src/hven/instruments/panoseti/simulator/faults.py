"""What can go wrong in a simulated run; each can be switched on singly."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

HOT_PIXEL = (20, 11)
"""y and x of the pixel that is hot when one is."""
MISSING_QUABO = 2
"""The quabo that is silent when one is."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of a run and how large they are; all are off by default.

    Parameters
    ----------
    dropped_packets
        Fraction of frames that the network loses whole: their packet numbers are skipped.
    missing_quabo
        Fraction of frames, in one stretch, for which `MISSING_QUABO` sends nothing (and counts nothing).
    hot_pixel
        Factor by which `HOT_PIXEL` is brighter and noisier.
    clouds
        Fraction of light lost in the middle of the run.
    drifting_temperature
        Kelvin by which the detectors warm up during the run.
    lost_clock
        The quabos' clocks run free, though the switch is locked.
    unlocked_switch
        Fraction of the run, at its end, in which the White Rabbit switch does not follow its reference. The quabos
        follow the switch: they still agree with each other.
    lost_link
        Ports of the switch that lose their link in the middle of the run. None is a quabo's.
    lost_gps
        Fraction of the run, at its end, in which the GPS receiver has no satellites; its oscillator holds the second.
    """

    dropped_packets: float = 0.0
    missing_quabo: float = 0.0
    hot_pixel: float = 1.0
    clouds: float = 0.0
    drifting_temperature: float = 0.0
    lost_clock: bool = False
    unlocked_switch: float = 0.0
    lost_link: int = 0
    lost_gps: float = 0.0

    @property
    def switched_on(self) -> dict[str, float]:
        """The faults that are on, with their sizes."""
        defaults = {f.name: f.default for f in fields(self)}
        return {k: float(v) for k, v in asdict(self).items() if v != defaults[k]}


NO_FAULTS = Faults()
