"""The running platform: JupyterHub and its services, brought up, watched and taken down as one."""
