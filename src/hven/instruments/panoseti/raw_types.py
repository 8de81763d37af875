"""Dataset types of raw PANOSETI data (L0)."""

from __future__ import annotations

from hven.instruments.panoseti.products import PRODUCTS, DataProduct
from hven.model.data_id import Level
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable

_RUN_KEYS = ("instrument", "day_obs", "observation")


def packet_variables(dims: tuple[str, ...]) -> tuple[Variable, ...]:
    """What hashpipe wrote about each packet; zeros where `quabo_valid` is false."""
    return (
        Variable("pkt_num", dims, "uint32", "1", "Packet number of the quabo; wraps at 65536."),
        Variable("pkt_tai", dims, "uint16", "s", "TAI seconds of the quabo's clock, modulo 1024."),
        Variable("pkt_nsec", dims, "uint32", "ns", "Nanoseconds within the second of the quabo's clock."),
        Variable("tv_sec", dims, "int64", "s", "Host time of arrival, UTC seconds since 1970."),
        Variable("tv_usec", dims, "uint32", "us", "Host time of arrival, microseconds within the second."),
        Variable("quabo_valid", dims, "bool", "", "Whether the quabo's packet is there, told by its header."),
    )


def _frames(product: DataProduct) -> DatasetType:
    module = product.whole_module
    dims = ("time", "quabo") if module else ("time",)
    own = () if module else (Variable("quabo", ("time",), "uint8", "1", "Number of the quabo that triggered."),)
    old = (
        Variable("acq_mode", dims, "uint8", "1", "Acquisition mode (headers of 2022).", optional=True),
        Variable("mod_num", dims, "uint8", "1", "Module number (headers of 2022).", optional=True),
    )
    dtype = {"<u2": "uint16", "<u1": "uint8", "<i2": "int16"}[product.dtype]
    return DatasetType(
        name=f"panoseti.{product.name}",
        level=Level.L0,
        form="array",
        keys=(*_RUN_KEYS, "detector"),
        variables=(
            Variable("images", ("time", "y", "x"), dtype, product.units, "Pixels as recorded."),
            Variable("time", ("time",), "datetime64[ns]", "", "UTC time of the frame, of its earliest quabo."),
            *own,
            *packet_variables(dims),
            Variable("host_lag", ("time",), "int64", "ns", "Host minus quabo time of the earliest quabo."),
            Variable("tai_offset", ("time",), "int16", "s", "Seconds by which the quabo's clock is off from TAI."),
            Variable("seqno", ("time",), "uint16", "1", "Number of the raw file in its sequence."),
            Variable("frame_in_file", ("time",), "uint32", "1", "Number of the frame in its raw file."),
            *(old if module else ()),
        ),
        doc=product.doc,
        overviews=("images",),
    )


HOUSEKEEPING = DatasetType(
    name="panoseti.housekeeping",
    level=Level.L0,
    form="table",
    keys=_RUN_KEYS,
    variables=(
        Variable("time", ("time",), "datetime64[ns]", "", "UTC time at which the device was read (Computer_UTC)."),
        Variable("device", ("time",), "str", "", "What was read: QUABO_<location>, GPSPRIM, GPSSUPP, WRSWITCH, WPS."),
        Variable("fields", ("time",), "str", "", "JSON object with the device's fields, all strings, as recorded."),
    ),
    doc="Housekeeping records as recorded: one row for each reading of a device.",
)

RAW_TYPES = (*(_frames(p) for p in PRODUCTS.values()), HOUSEKEEPING)
"""All L0 dataset types."""
