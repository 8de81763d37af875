"""Imported by the process from which workers are forked."""

from __future__ import annotations

import os

from hven.cluster.forking import leave_main_alone, load
from hven.cluster.threads import WORKER_ENVIRONMENT

os.environ.update(WORKER_ENVIRONMENT)
load()
leave_main_alone()
