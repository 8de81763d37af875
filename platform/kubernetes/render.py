"""Fill the manifests, or the chart's values, with what a site file says: ``render.py SITE [--values] NAME=VALUE...``.

Names that no site file has: image_name, image_tag, nfs_server, hub_network, max_workers, quota_cores, quota_memory.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from hven.core.errors import HvenError
from hven.core.settings import Settings, load_settings
from hven.hub.machine.files import fill

HERE = Path(__file__).parent


def render(settings: Settings, values: Mapping[str, str], template: str) -> str:
    """Text of a template for a site; raises ConfigurationError for a name that has no value."""
    size = settings.engine.profiles[settings.engine.default_profile]
    known = {
        "root": str(settings.root),
        "hub": settings.hub.public_url.rstrip("/"),
        "worker_cores": str(size.threads_per_worker),
        "worker_threads": str(size.threads_per_worker),
        "worker_memory": f"{size.memory_gb:g}G",
    }
    return fill((HERE / template).read_text(), {**known, **values})


def main(arguments: list[str]) -> int:
    """Print what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--values", action="store_true", help="the chart's values instead of the manifests")
    parser.add_argument("name", nargs="*", metavar="NAME=VALUE")
    asked = parser.parse_args(arguments)
    values = dict(word.split("=", 1) for word in asked.name)
    try:
        settings = load_settings(asked.site, environ={})
        sys.stdout.write(render(settings, values, "values.yaml" if asked.values else "manifests.yaml"))
    except HvenError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
