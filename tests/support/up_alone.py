"""`hven up` with the hub alone and one worker: `up_alone.py SITE_FILE`."""

import sys
from pathlib import Path

from hven.core.settings import load_settings
from hven.hub.hub_services import hub_services
from hven.hub.supervised import Supervised, hub_process
from hven.hub.up import up

CONFIG = Path(__file__).with_name("hub_alone_config.py")
SLEEPER = (sys.executable, "-c", "import time; time.sleep(1e6)")


def processes(settings, ports):
    return (hub_process(CONFIG, ports, hub_services(3600)), Supervised("worker", SLEEPER))


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


up(
    load_settings(sys.argv[1]),
    data=False,
    progress=say,
    ready=lambda record: say(f"ready {record.address}"),
    processes=processes,
)
