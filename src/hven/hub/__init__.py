"""The running platform: JupyterHub and its services, brought up, watched and taken down as one."""

from hven.hub.configure import configure
from hven.hub.doctor import doctor
from hven.hub.down import down
from hven.hub.status import status
from hven.hub.up import up

__all__ = ["configure", "doctor", "down", "status", "up"]
