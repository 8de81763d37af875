"""Telemetry: samples, and what they say of exposures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hven.core.clock import parse_utc
from hven.model.data_id import DataId
from hven.observatory.calibrated import Calibrated

if TYPE_CHECKING:
    import xarray as xr

    from hven.model.telemetry import Topic


class Measured(Calibrated):
    """What devices have measured; see `Observatory`."""

    def telemetry_topics(self) -> list[Topic]:
        """Topics of which there are samples, with their fields, by name."""
        from hven.telemetry.store import TelemetryStore

        return TelemetryStore(self.root).topics()

    def telemetry(
        self, topic: str, fields: Sequence[str] | str = (), start: str | int = 0, end: str | int = 1 << 62
    ) -> xr.Dataset:
        """Samples of a topic in `[start, end)`, in order of time.

        Parameters
        ----------
        topic
            E.g. ``weather``; `telemetry_topics` lists them.
        fields
            Which fields; all if empty.
        start, end
            ISO 8601 text in UTC, or UTC nanoseconds since 1970.

        Raises
        ------
        UnknownNameError
            For a topic or field that does not exist; it lists those that do.

        Examples
        --------
        ::

            obs.telemetry("weather", ["wind_speed"], "2025-10-22T04:00", "2025-10-22T05:00")
        """
        from hven.telemetry.store import TelemetryStore

        names = [fields] if isinstance(fields, str) else fields
        begin_ns, end_ns = (parse_utc(t) if isinstance(t, str) else t for t in (start, end))
        return TelemetryStore(self.root).read(topic, names, begin_ns, end_ns)

    def with_telemetry(self, dataset: xr.Dataset) -> xr.Dataset:
        """Dataset that hven has opened, with what telemetry says of its exposures as coordinates.

        Raises
        ------
        DatasetNotFoundError
            When the exposures of its night have not been tabulated, or without the dataset's observation.

        Examples
        --------
        ::

            ds = obs.with_telemetry(obs.open("magis.drops", observation="...", detector=1))
            ds.plot.scatter(x="laser_power", y="phase")
        """
        from hven.store.accessor import ID
        from hven.telemetry.night import join

        data_id: DataId = self.product(str(dataset.attrs[ID])).ref.data_id
        instrument, night = data_id["instrument"], data_id["day_obs"]
        return join(dataset, data_id, self.open(f"{instrument}.exposures", level="L2", chunks=None, day_obs=night))
