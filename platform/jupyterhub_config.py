"""JupyterHub of one observatory: everything it needs follows from the site's settings."""

from jupyterhub.app import JupyterHub

from hven.core.settings import load_settings
from hven.hub.batch_token import renew_while_it_runs
from hven.hub.configure import configure

settings = load_settings()
configure(get_config(), settings)  # noqa: F821 - JupyterHub defines it
renew_while_it_runs(JupyterHub.instance(), settings)
