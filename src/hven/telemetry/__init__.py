"""Telemetry: time series of the facility, their binding to exposures, and the gateway that others follow."""
