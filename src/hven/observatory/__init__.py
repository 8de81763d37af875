"""The Python face: `connect()` and `Observatory`."""

from hven.observatory.connection import connect
from hven.observatory.observatory import Observatory

__all__ = ["Observatory", "connect"]
