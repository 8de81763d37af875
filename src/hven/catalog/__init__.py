"""Intake catalogs: products open in any process that knows `HVEN_ROOT`."""
