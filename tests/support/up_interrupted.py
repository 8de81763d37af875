"""`hven up` with its first night and nothing to keep alive, interrupted: `up_interrupted.py SITE_FILE WORDS SECONDS`.

Ctrl-C comes so many seconds after a step that begins with these words, else once everything is up.
"""

import os
import signal
import sys
import threading

from hven.core.settings import load_settings
from hven.hub.supervised import Supervised
from hven.hub.up import up

SLEEPER = Supervised("sleeper", (sys.executable, "-c", "import time; time.sleep(1e6)"))


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    if text.startswith(sys.argv[2]):
        threading.Timer(float(sys.argv[3]), interrupt).start()


up(load_settings(sys.argv[1]), progress=say, ready=lambda _: interrupt(), processes=lambda *_: (SLEEPER,))
