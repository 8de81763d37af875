"""JupyterHub of one observatory: everything it needs follows from the site's settings."""

from hven.core.settings import load_settings
from hven.hub.configure import configure

configure(get_config(), load_settings())  # noqa: F821 - JupyterHub defines it
