"""The data products of a PANOSETI telescope: what stands in each frame."""

from __future__ import annotations

from dataclasses import dataclass

QUABOS = 4
"""Quadrant boards of a module, each 16x16 pixels."""

QUADRANT_ORDER = "UL,UR,LR,LL"
"""Places of quabo 0 to 3 in the stored image. The data acquisition rotates and places them; readers never swap them."""


@dataclass(frozen=True, slots=True)
class DataProduct:
    """One kind of frame.

    Parameters
    ----------
    name
        As in file names after ``dp_``.
    side
        Pixels along y and x.
    dtype
        Pixel type on disk, little-endian.
    units
        ``count`` (photo-electrons above threshold in one integration) or ``adu`` (pulse height).
    doc
        What it is.
    """

    name: str
    side: int
    dtype: str
    units: str
    doc: str

    @property
    def whole_module(self) -> bool:
        """Whether a frame joins the four quabos of a module (else it is one quabo's)."""
        return self.side == 32  # noqa: PLR2004 - pixels of a module

    @property
    def bytes_per_pixel(self) -> int:
        """1 or 2, as in file names after ``bpp_``."""
        return int(self.dtype[-1])

    @property
    def image_bytes(self) -> int:
        """Bytes of the pixels of one frame."""
        return self.side * self.side * self.bytes_per_pixel


PRODUCTS = {
    p.name: p
    for p in (
        DataProduct("img16", 32, "<u2", "count", "Images of counted photo-electrons, 16 bit."),
        DataProduct("img8", 32, "<u1", "count", "Images of counted photo-electrons, 8 bit."),
        DataProduct("ph256", 16, "<i2", "adu", "Pulse heights of one triggered quabo."),
        DataProduct("ph1024", 32, "<i2", "adu", "Pulse heights of all quabos of a module, triggered by any of them."),
    )
}
