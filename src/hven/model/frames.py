"""Shared variables of frames, raw and calibrated, and of what is measured on them."""

from __future__ import annotations

from types import MappingProxyType

from hven.model.variable import Variable

_T = ("time",)
_TYX = ("time", "y", "x")
_TQ = ("time", "quabo")
_CYX = ("cell", "y", "x")
_YX = ("y", "x")

QUALITY_FLAGS = MappingProxyType(
    {
        "quabo_missing": 1,
        "reordered": 2,
        "duplicate": 4,
        "gap_before": 8,
        "clock_bad": 16,
        "hv_bad": 32,
        "rate_spike": 64,
        "saturated": 128,
        "no_pedestal": 256,
    }
)
"""Bits of `quality`."""

MASK_FLAGS = MappingProxyType({"dead": 1, "hot": 2, "noisy": 4, "star": 8})
"""Bits of `pixel_mask`."""

TIME = Variable("time", _T, "datetime64[ns]", "", "Time of the frame, UTC.")
IMAGES = Variable("images", ("time", "..."), "any", "", "Frames as recorded.")
QUABO_VALID = Variable(
    "quabo_valid", ("time", "..."), "bool", "", "Whether a quadrant's packet is there.", optional=True
)
QUABO = Variable("quabo", _T, "any", "", "Quadrant of a frame that holds one quadrant only.", optional=True)
PKT_NUM = Variable("pkt_num", ("time", "..."), "any", "1", "Packet number, 16 bit.", optional=True)
PKT_NSEC = Variable("pkt_nsec", ("time", "..."), "any", "", "Nanoseconds of the packet's time stamp.", optional=True)
SEQNO = Variable("seqno", _T, "any", "1", "Number of the raw file in its sequence.", optional=True)
FRAME_IN_FILE = Variable("frame_in_file", _T, "any", "1", "Number of the frame in its raw file.", optional=True)
HOST_LAG = Variable("host_lag", _T, "int64", "ns", "Host time minus time of the frame.", optional=True)
TAI_OFFSET = Variable(
    "tai_offset", _T, "int16", "s", "Whole seconds minus the packet's TAI seconds + 37.", optional=True
)

SIGNAL = Variable(
    "signal", _TYX, "float32", "", "Recorded value minus pedestal over gain; NaN where a quabo is missing."
)
QUALITY = Variable("quality", _T, "uint16", "", "Quality bits; 0 is good.", flags=QUALITY_FLAGS)
FRAME_MEAN = Variable("frame_mean", _T, "float32", "", "Mean signal of the unmasked pixels of a frame.")
BRIGHTNESS = Variable("brightness", _T, "float32", "", "Mean recorded value of the unmasked pixels of a frame.")
SPREAD = Variable("spread", _T, "float32", "ns", "Span of the quabos' time stamps in a frame.", optional=True)
LOST_PACKETS = Variable(
    "lost_packets", _TQ, "uint16", "1", "Packets missing between a quabo's packet and the frame before.", optional=True
)
SUMS = Variable(
    "sums",
    ("cell", "y", "x"),
    "uint32",
    "",
    "Sum of consecutive frames, attribute `frames_of_sum` of them, scaled to that number where some are missing.",
)
LIVE = Variable("live", ("cell", "quabo"), "uint16", "1", "Frames of the sum in which the quadrant is there.")
FIRST = Variable(
    "first", ("cell",), "int64", "1", "Row of the first frame of the sum, where frames are left out.", optional=True
)
SUMMED = Variable("summed", ("cell", "quabo"), "bool", "", "Whether it is there in at least half of them.")
BEGIN = Variable("begin", ("cell",), "datetime64[ns]", "", "Begin of the cell, UTC.")
END = Variable("end", ("cell",), "datetime64[ns]", "", "End of the cell, UTC.")
PEDESTAL = Variable("pedestal", _CYX, "float32", "", "Clipped mean.")
NOISE = Variable("noise", _CYX, "float32", "", "Clipped standard deviation, digitisation included.")
POOLED = Variable(
    "pooled", _CYX, "bool", "", "Too few frames in the cell: pedestal and noise of the whole observation."
)
PIXEL_MASK = Variable("pixel_mask", _YX, "uint8", "", "Why a pixel is not to be trusted; 0 is good.", flags=MASK_FLAGS)
GAIN = Variable("gain", _YX, "float32", "1", "Relative response of the pixel.")
GAIN_ERROR = Variable("gain_error", _YX, "float32", "1", "Standard error of `gain`.", optional=True)

DARK = Variable("pedestal", _YX, "float32", "", "Mean without light over all cells.")
DARK_NOISE = Variable("noise", _YX, "float32", "", "Standard deviation without light over all cells.")
DARK_ERROR = Variable("pedestal_error", _YX, "float32", "", "Standard error of `pedestal`.")
DARK_COUNT = Variable("count", _YX, "int64", "1", "Frames that count.")

PEDESTAL_ERROR = Variable("pedestal_error", _CYX, "float32", "", "Predicted standard error of `pedestal`.")
NOISE_ERROR = Variable("noise_error", _CYX, "float32", "", "Predicted standard error of `noise`.")
COUNT = Variable("count", _CYX, "int64", "1", "Frames left by the clipping.")
FRAMES = Variable("frames", ("cell",), "int64", "1", "Frames of the cell.")
RATE = Variable("rate", ("cell", "bin"), "float32", "Hz", "Frame rate in each tenth of the cell.")
MEAN = Variable("mean", _CYX, "float32", "", "Mean of all frames.")
DEVIATION = Variable("deviation", _CYX, "float32", "", "Standard deviation of all frames.")
SKEW = Variable("skew", _CYX, "float32", "1", "Skewness of all frames: third central moment over deviation cubed.")
EXCESS_VARIANCE = Variable("excess_variance", _CYX, "float32", "", "Variance over mean of all frames.")
MINIMUM = Variable("minimum", _CYX, "float32", "", "Smallest value.")
MAXIMUM = Variable("maximum", _CYX, "float32", "", "Largest value.")
SATURATED_FRACTION = Variable("saturated_fraction", _CYX, "float32", "1", "Fraction of frames at saturation.")

PEDESTAL_VARIABLES = (
    BEGIN,
    END,
    FRAMES,
    RATE,
    PEDESTAL,
    NOISE,
    PEDESTAL_ERROR,
    NOISE_ERROR,
    COUNT,
    MEAN,
    DEVIATION,
    SKEW,
    EXCESS_VARIANCE,
    MINIMUM,
    MAXIMUM,
    SATURATED_FRACTION,
)
"""What `frames.measure_pedestals` gives."""
