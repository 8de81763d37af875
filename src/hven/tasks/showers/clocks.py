"""Whether the clocks of several telescopes may be compared."""

from __future__ import annotations

from collections.abc import Iterable

from hven.core.errors import ClockError

_LOCKED = frozenset({"wr-locked", "subsecond-locked"})


def require_locked(status: Iterable[tuple[int, str]]) -> None:
    """Refuse telescopes whose clocks do not allow a comparison.

    Allowed are telescopes that are all ``wr-locked``, or all ``subsecond-locked``: those share the pulse that starts
    each second, and their whole seconds come from hosts that agree to better than half a second, so that times
    differ by nanoseconds. Where some follow TAI and others do not, the common reference is not proven.

    Parameters
    ----------
    status
        Detector and clock status of each of their datasets.

    Raises
    ------
    ClockError
        Names the detector and its status.
    """
    told = sorted(set(status))
    for detector, found in told:
        if found not in _LOCKED:
            raise ClockError(
                f"clock of detector {detector} is {found or 'of unknown status'}",
                hint="Telescopes are compared only when their clocks are locked.",
            )
    if len({found for _, found in told}) > 1:
        listed = ", ".join(f"detector {d} is {s}" for d, s in told)
        raise ClockError(f"clocks are not locked alike: {listed}", hint="Compare telescopes of the same clock status.")
