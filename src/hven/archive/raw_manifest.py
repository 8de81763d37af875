"""The manifest of an observation's raw files, beside `raw/`: what healing and audits trust."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from hven.core.errors import DataError
from hven.model.digest import digest_json
from hven.model.instrument import Inspection, RawFile, Role
from hven.store.manifest import MANIFEST
from hven.store.small_file import replace_text


class RawRecord(BaseModel):
    """One archived file.

    `sha256` and `bytes` are those of the archived form, `original_sha256` and `original_bytes` those of the file as the
    instrument left it: the same but for redacted configurations and logs. `rows` counts the whole frames of a data
    file, `tail_bytes` what comes after them. One that is not `kept` lies in no folder: the L0 product that was made of
    it gives it back, see `hven.archive.restore`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    role: Role
    dataset_type: str
    data_id: dict[str, str | int]
    sequence: int
    bytes: int
    sha256: str
    original_bytes: int
    original_sha256: str
    rows: int = 0
    tail_bytes: int = 0
    kept: bool = True

    @classmethod
    def of(
        cls,
        file: RawFile,
        found: Inspection | None,
        *,
        archived: tuple[int, str],
        original: tuple[int, str],
        kept: bool = True,
    ) -> RawRecord:
        """Record of a file with what was found in it, and bytes and sha256 of its two forms."""
        return cls(
            name=file.name,
            role=file.role,
            dataset_type=file.dataset_type,
            data_id=dict(file.data_id),
            sequence=file.sequence,
            bytes=archived[0],
            sha256=archived[1],
            original_bytes=original[0],
            original_sha256=original[1],
            rows=found.rows if found else 0,
            tail_bytes=found.tail_bytes[0] if found else 0,
            kept=kept,
        )


class RawManifest(BaseModel):
    """All raw files of an observation, in order of name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    instrument: str
    observation: str
    day_obs: int
    day_obs_offset_hours: float
    start_ns: int
    complete: bool = False
    files: tuple[RawRecord, ...] = ()
    digest: str = ""

    def sealed(self) -> RawManifest:
        """With its own digest; of files that are kept it does not say so, as manifests never did."""
        said = {n: {"kept"} for n, file in enumerate(self.files) if file.kept}
        return self.model_copy(update={"digest": digest_json(self.model_dump(exclude={"digest": True, "files": said}))})

    def holding(self, records: dict[str, RawRecord], *, complete: bool) -> RawManifest:
        """The same observation with other files."""
        files = tuple(records[name] for name in sorted(records))
        return self.model_copy(update={"files": files, "complete": complete}).sealed()


def load(folder: Path) -> RawManifest | None:
    """Manifest in an observation's folder; None where there is none.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        return RawManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise DataError(
            f"{folder / MANIFEST} is no manifest of raw files: {error.errors()[0]['msg']}",
            hint="`hven audit` says what is amiss in its night, `hven catchup` writes it anew.",
        ) from None


def save(folder: Path, manifest: RawManifest) -> None:
    """Replace the manifest in one step."""
    replace_text(folder / MANIFEST, manifest.model_dump_json(indent=1))
