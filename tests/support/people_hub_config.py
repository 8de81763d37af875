"""The hub for many users without its services: for tests of who gets in."""

from hven.core.settings import load_settings
from hven.hub.configure import configure

c = get_config()  # noqa: F821 - JupyterHub defines it
configure(c, load_settings(), services=[])
c.JupyterHub.load_roles = [role for role in c.JupyterHub.load_roles if "services" not in role]
