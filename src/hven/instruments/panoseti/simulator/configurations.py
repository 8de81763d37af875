"""Configuration files of a simulated run, as the telescopes' control software leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hven.core.clock import format_utc
from hven.instruments.panoseti.products import QUABOS
from hven.instruments.panoseti.simulator.seeds import random
from hven.instruments.panoseti.simulator.site import Telescope

_MAROC_CHANNELS = 64
_PIXELS_OF_QUABO = 256


@dataclass(frozen=True, slots=True)
class Mode:
    """How a run records: integration time of images (0: none), 8 bit images, pulse heights of single quabos."""

    integration_s: float
    bytes_of_images: bool
    single_quabos: bool


def configurations(
    name: str, run_type: str, telescopes: Sequence[Telescope], mode: Mode, *, start_ns: int, seed: int
) -> dict[str, Any]:
    """Configuration files of a run by name."""
    return {
        "obs_config.json": _observatory(name, telescopes),
        "data_config.json": _data(run_type, mode),
        "daq_config.json": _acquisition(),
        "quabo_uids.json": {"domes": [{"modules": [_uids(t)]} for t in telescopes]},
        "quabo_ph_baseline.json": _baseline(telescopes, start_ns, seed),
        "sw_info.json": {"commit": "0" * 40, "author": "simulator", "branch": "master", "commit_date": "2025-01-01"},
        **{f"quabo_config_{_address(t, q)}.json": _registers() for t in telescopes for q in range(QUABOS)},
    }


def uid(telescope: Telescope, quabo: int) -> str:
    """Serial number of a quabo."""
    return f"6ae310480d{(telescope.module << 2) + quabo:05x}"


def boardloc(telescope: Telescope, quabo: int) -> int:
    """Number by which housekeeping names a quabo."""
    return (telescope.module << 2) + quabo


def _observatory(name: str, telescopes: Sequence[Telescope]) -> dict[str, Any]:
    return {
        "name": name,
        "comment": "simulated",
        **{f"wps_{t.dome}": {"url": f"http://admin:simulated@{t.dome}-power", "quabo_socket": 1} for t in telescopes},
        "wr_ip_addr": "wrs",
        "gps_port": "/dev/ttyUSB0",
        "detector_overvoltage": 2,
        "domes": [_dome(t) for t in telescopes],
    }


def _dome(telescope: Telescope) -> dict[str, Any]:
    module = {
        "name": telescope.name,
        "mobo_serialno": f"M{telescope.module}",
        "quabo_version": "qfp",
        "ip_addr": telescope.ip_address,
        "wps": f"wps_{telescope.dome}",
        "azimuth": telescope.azimuth,
        "elevation": telescope.elevation,
        "position_angle": telescope.position_angle,
    }
    place = {"obslat": telescope.latitude, "obslon": telescope.longitude, "obsalt": telescope.altitude}
    return {"name": telescope.dome, **place, "modules": [module]}


def _data(run_type: str, mode: Mode) -> dict[str, Any]:
    image = {
        "integration_time_usec": round(mode.integration_s * 1e6),
        "pe_threshold": 2,
        "quabo_sample_size": 8 if mode.bytes_of_images else 16,
    }
    return {
        "run_type": run_type,
        "gain": 60,
        "pulse_height": {
            "pe_threshold": 11.5,
            "any_trigger": {"group_ph_frames": int(not mode.single_quabos)},
            "two_pixel_trigger": 0,
            "three_pixel_trigger": 0,
        },
        **({"image": image} if mode.integration_s else {}),
        "max_file_size_mb": 1000,
    }


def _acquisition() -> dict[str, Any]:
    node = {
        "username": "panoseti",
        "data_dir": "/mnt/data10",
        "ip_addr": "daq1",
        "module_ids": "0-255",
        "bindhost": "enp133s0d1",
    }
    return {"head_node_data_dir": "/mnt/data11/data", "head_node_ip_addr": "headnode", "daq_nodes": [node]}


def _uids(telescope: Telescope) -> dict[str, Any]:
    return {"ip_addr": telescope.ip_address, "quabos": [{"uid": uid(telescope, q)} for q in range(QUABOS)]}


def _baseline(telescopes: Sequence[Telescope], start_ns: int, seed: int) -> dict[str, Any]:
    quabos = []
    for t in telescopes:
        for q in range(QUABOS):
            coefficients = random(seed, "baseline", t.module, q).integers(650, 800, _PIXELS_OF_QUABO)
            quabos.append({"uid": uid(t, q), "coefs": coefficients.astype(np.int64).tolist()})
    return {"date": format_utc(start_ns).removesuffix("Z"), "quabos": quabos}


def _registers() -> dict[str, str]:
    masks = {f"CHANMASK_{i}": "0xffffffff" for i in range(8)}
    gains = {f"GAIN{i}": "60,60,60,60" for i in reversed(range(_MAROC_CHANNELS))}
    return {
        **masks,
        "CHANMASK_8": "0x155",
        "GOEMASK": "0x3",
        "DAC2": "245,245,245,245",
        "DAC1": "200,200,200,200",
        **gains,
    }


def _address(telescope: Telescope, quabo: int) -> str:
    base, _, last = telescope.ip_address.rpartition(".")
    return f"{base}.{int(last) + quabo}"
