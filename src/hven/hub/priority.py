"""Who goes first on a busy machine: what answers everybody, before what somebody has started."""

from __future__ import annotations

import os

ANSWERS = -15
"""Nice value of the hub and of the services that people wait for."""

_FIRST = f"""[ ! -e /proc/self/autogroup ] || echo {ANSWERS} >/proc/self/autogroup; exec nice -n {ANSWERS} "$@" """


def first() -> tuple[str, ...]:
    """What root puts before a command that goes first.

    Linux may share the processor out among sessions before it looks at nice values within them; so the session's own
    nice value is set as well.
    """
    return ("sh", "-c", _FIRST, "sh")


def like_everybody() -> None:
    """Give up what this process has inherited from one that goes first; its session is a new one."""
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
