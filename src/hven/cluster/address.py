"""Engine on a scheduler that runs elsewhere."""

from __future__ import annotations

from pathlib import Path

from distributed import Client

from hven.cluster.certificates import security
from hven.cluster.client import ClientEngine
from hven.core.errors import CommunicationFailedError, ConfigurationError


class AddressEngine(ClientEngine):
    """A running scheduler; its keys lie in a folder as `hven.cluster.certificates.make_keys` writes them.

    Raises
    ------
    ConfigurationError
        For an address that is not tls://, or a folder without keys.
    CommunicationFailedError
        When the scheduler does not answer.
    """

    def __init__(self, address: str, keys: Path, *, timeout_s: float = 30.0) -> None:
        if not address.startswith("tls://"):
            raise ConfigurationError(
                f"{address!r} is not a tls:// address", hint="Dask without encryption lets every local user run code."
            )
        try:
            client = Client(address, security=security(keys), timeout=timeout_s, set_as_default=False)
        except OSError as error:
            raise CommunicationFailedError(f"no scheduler answers at {address}: {error}") from None
        super().__init__(client)

    def close(self) -> None:
        """Close the connection; the cluster goes on."""
        self._client.close()
