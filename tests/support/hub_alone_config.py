"""JupyterHub as the platform configures it, with quiet services behind it."""

from dataclasses import replace
from pathlib import Path

from hven.core.settings import load_settings
from hven.hub.configure import configure
from hven.hub.hub_services import hub_services

QUIET = (str(Path(__file__).with_name("quiet_service.py")),)
services = [replace(s, command=QUIET) if s.port else s for s in hub_services(3600)]

configure(get_config(), load_settings(), services)  # noqa: F821 - JupyterHub defines it
