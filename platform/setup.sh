#!/bin/sh
# Prepare this checkout: .venv with the locked dependencies, .proxy with configurable-http-proxy.
# What is right already is left alone, so that a second run takes a moment.
set -eu
cd "$(dirname "$0")/.."

. platform/find_python.sh
. platform/install_proxy.sh

install_python_packages() {
    if ! .venv/bin/python -c '' >/dev/null 2>&1; then
        python=$(find_python)
        echo "Making .venv with $("$python" --version)"
        rm -rf .venv
        "$python" -m venv .venv
    fi
    wanted=$(digest .venv/bin/python requirements.lock pyproject.toml)
    if [ "$(cat .venv/installed 2>/dev/null || true)" = "$wanted" ]; then
        return
    fi
    echo "Installing the locked dependencies"
    rm -f .venv/installed
    [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
    uv_install --no-deps --require-hashes -r requirements.lock
    uv_install --no-deps -e .
    echo "$wanted" > .venv/installed
}

uv_install() {
    UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip install --quiet --python .venv/bin/python "$@"
}

install_python_packages
uv=.venv/bin/uv
install_proxy .proxy .venv/bin/python
