"""Where datasets lie below the data root: one function makes a path, its inverse parses it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from hven.core.errors import ConfigurationError, HvenError
from hven.model.data_id import DataId, DatasetRef, TypeName

PART = ".part-"
"""Names that begin so are being written."""

_SAFE = "+"
_VERSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OWN_WORDS = ("all", "raw")
_TAIL = 3
_PROJECT = "p/"


@dataclass(frozen=True, slots=True)
class ProductPath:
    """What a version folder's path says; `user` is empty for the observatory's own products."""

    ref: DatasetRef
    version: str
    user: str = ""


@lru_cache(maxsize=4096)
def data_id_folder(ref: DatasetRef, *, user: str = "") -> PurePosixPath:
    """Folder of all versions of a dataset, relative to the data root.

    Raises
    ------
    ConfigurationError
        For an empty name or value.

    Examples
    --------
    >>> ref = DatasetRef(TypeName.parse("L1/panoseti.ph1024"), DataId(instrument="panoseti", day_obs=20251021,
    ...     observation="crab.20251022T071822Z", detector=254))
    >>> str(data_id_folder(ref))
    'L1/panoseti/20251021/crab.20251022T071822Z/panoseti.ph1024/detector=254'
    """
    keys = dict(ref.data_id)
    head = [_encode(str(keys.pop("instrument"))) if "instrument" in keys else "all"]
    if "day_obs" in keys:
        head.append(_encode(str(keys.pop("day_obs"))))
        if "observation" in keys:
            head.append(_encode(str(keys.pop("observation"))))
    tail = ",".join(f"{key}={_encode(str(value))}" for key, value in keys.items()) or "all"
    owner = user_root(user) if user else PurePosixPath()
    return PurePosixPath(owner, str(ref.type.level), *head, _encode(ref.type.name), tail)


def user_root(user: str) -> PurePosixPath:
    """Folder of the products of a person or a project, relative to the data root.

    Examples
    --------
    >>> str(user_root("ada")), str(user_root("p/pulsars"))
    ('users/ada', 'projects/pulsars')
    """
    group = user.removeprefix(_PROJECT) if user.startswith(_PROJECT) else ""
    return PurePosixPath("projects", _encode(group)) if group else PurePosixPath("users", _encode(user))


def product_path(ref: DatasetRef, version: str, *, user: str = "") -> PurePosixPath:
    """Folder of one version, relative to the data root.

    Raises
    ------
    ConfigurationError
        For an empty name or value, or a version that is no UUID.
    """
    if not is_version(version):
        raise ConfigurationError(f"{version!r} is not a version", hint="A version is a UUIDv7 in lower case.")
    return data_id_folder(ref, user=user) / version


def parse_product_path(path: PurePosixPath | str) -> ProductPath:
    """Inverse of `product_path`.

    Raises
    ------
    ConfigurationError
        For anything that `product_path` does not make.

    Examples
    --------
    >>> print(parse_product_path("L2/a/20251021/a.pulses/all/0198c0de-0000-7000-8000-000000000000").ref)
    L2/a.pulses (instrument=a, day_obs=20251021)
    """
    try:
        parsed = _parse(PurePosixPath(path).parts)
        if product_path(parsed.ref, parsed.version, user=parsed.user) == PurePosixPath(path):
            return parsed
    except (ValueError, HvenError):
        pass
    raise ConfigurationError(f"{path} is not the path of a product")


def live_folder(instrument: str) -> PurePosixPath:
    """Folder in which what an instrument is taking is shown, relative to the data root.

    Examples
    --------
    >>> str(live_folder("magis"))
    'live/magis'
    """
    return PurePosixPath("live", instrument)


def raw_folder(instrument: str, day_obs: int, observation: str) -> PurePosixPath:
    """Folder of an observation's raw files, relative to the data root.

    Examples
    --------
    >>> str(raw_folder("panoseti", 20251021, "loose.20251022T071822Z"))
    'L0/panoseti/20251021/loose.20251022T071822Z/raw'
    """
    return PurePosixPath("L0", _encode(instrument), _encode(str(day_obs)), _encode(observation), "raw")


def is_version(name: str) -> bool:
    """Whether a folder name is that of a version."""
    return _VERSION.fullmatch(name) is not None


def _parse(parts: tuple[str, ...]) -> ProductPath:
    user = ""
    if parts[:1] == ("users",):
        user, parts = _decode(parts[1]), parts[2:]
    elif parts[:1] == ("projects",):
        user, parts = f"{_PROJECT}{_decode(parts[1])}", parts[2:]
    level, *head = parts[:-_TAIL]
    type_name, keys, version = parts[-_TAIL:]
    instrument, *rest = head
    values = {} if instrument == "all" else {"instrument": _decode(instrument)}
    values |= dict(zip(("day_obs", "observation"), map(_decode, rest), strict=False))
    if keys != "all":
        values |= {key: _decode(value) for key, _, value in (item.partition("=") for item in keys.split(","))}
    return ProductPath(DatasetRef(TypeName.parse(f"{level}/{_decode(type_name)}"), DataId(values)), version, user)


def _encode(value: str) -> str:
    """One path segment; what could be taken for a word of ours, a hidden name or a way up is percent-encoded."""
    if not value:
        raise ConfigurationError("an empty value cannot name a dataset")
    text = quote(value, safe=_SAFE).replace("~", "%7E")
    if value in _OWN_WORDS or text.startswith("."):
        text = f"%{ord(value[0]):02X}{text[1:]}"
    return text


def _decode(segment: str) -> str:
    return unquote(segment, errors="strict")
