"""Attributes of L0 datasets from the configuration files of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hven.instruments.panoseti.names import parse_file_name
from hven.instruments.panoseti.products import QUADRANT_ORDER, DataProduct

_SITE = {"latitude": "obslat", "longitude": "obslon", "altitude": "obsalt"}
_POINTING = ("azimuth", "elevation", "position_angle")


def describe(product: DataProduct, paths: Sequence[Path], configurations: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of one dataset.

    Site in degrees and metres, pointing in degrees, `integration_time_s` in seconds, `pe_threshold` in
    photo-electrons. What the configuration files do not say is left out.
    """
    named = [n for n in (parse_file_name(p.name) for p in paths) if n]
    module = named[0].module if named else None
    known = {
        "Conventions": "CF-1.11",
        "instrument": "PANOSETI",
        "data_product": product.name,
        "module_id": module,
        "bits": 8 * product.bytes_per_pixel,
        "quadrant_order": QUADRANT_ORDER if product.whole_module else None,
        **_settings(product, configurations.get("data_config.json") or {}),
        **_place(module, configurations.get("obs_config.json") or {}),
    }
    return {k: v for k, v in known.items() if v is not None}


def module_id(ip_address: str) -> int:
    """Number of the module whose first quabo has this address.

    Examples
    --------
    >>> module_id("192.168.3.248")
    254
    """
    _, _, high, low = (int(part) for part in ip_address.split("."))
    return ((high * 256 + low) >> 2) & 255


def _settings(product: DataProduct, config: Mapping[str, Any]) -> dict[str, Any]:
    image = product.name.startswith("img")
    mode = config.get("image" if image else "pulse_height") or {}
    integration = mode.get("integration_time_usec") if image else None
    return {
        "run_type": config.get("run_type"),
        "gain": config.get("gain"),
        "detector_overvoltage": config.get("detector_overvoltage"),
        "pe_threshold": mode.get("pe_threshold"),
        "integration_time_s": integration and integration * 1e-6,
    }


def _place(module: int | None, config: Mapping[str, Any]) -> dict[str, Any]:
    for dome in config.get("domes") or []:
        for telescope in dome.get("modules") or []:
            if "ip_addr" in telescope and module_id(telescope["ip_addr"]) == module:
                return {
                    "observatory": config.get("name"),
                    "dome": dome.get("name"),
                    "telescope": telescope.get("name"),
                    **{k: dome.get(v) for k, v in _SITE.items()},
                    **{k: telescope.get(k) for k in _POINTING},
                }
    return {"observatory": config.get("name")}
