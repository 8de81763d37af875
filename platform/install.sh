#!/bin/sh
# Install hven for many users of this machine, or bring an installation up to date with this checkout:
#   sudo sh platform/install.sh [--prefix /opt/hven] [--site /etc/hven/site.yaml] [--no-bytecode]
# What is right already is left alone. docs/operator-guide.md says what is made.
set -eu
umask 022
cd "$(dirname "$0")/.."
. platform/find_python.sh
. platform/install_proxy.sh

prefix=/opt/hven
site=/etc/hven/site.yaml
bytecode=yes
while [ $# -gt 0 ]; do
    case "$1" in
        --prefix) prefix=$2; shift 2 ;;
        --site) site=$2; shift 2 ;;
        --no-bytecode) bytecode=""; shift ;;
        *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
    esac
done
case "$prefix$site" in *" "*) echo "paths with spaces are not supported" >&2; exit 2 ;; esac
[ "$(id -u)" = 0 ] || { echo "This makes accounts and system files: run it as root." >&2; exit 1; }

install_python() {
    found=$(find_python)
    python=$("$found" platform/server/copy_python.py "$prefix/python")
    if [ "$(readlink -f "$prefix/venv/bin/python" 2>/dev/null || true)" != "$(readlink -f "$python")" ]; then
        echo "Making $prefix/venv with $("$python" --version)"
        rm -rf "$prefix/venv" "$prefix/installed"
        "$python" -m venv --without-pip "$prefix/venv"
    fi
}

find_uv() {
    if [ -x .venv/bin/uv ]; then
        uv=$(pwd)/.venv/bin/uv
        return
    fi
    uv=$prefix/uv/bin/uv
    [ -x "$uv" ] && return
    "$python" -m venv "$prefix/uv"
    "$prefix/uv/bin/python" -m pip install --quiet --disable-pip-version-check uv
}

install_packages() {
    lock=$(sha256sum requirements.lock)
    if [ "$(cat "$prefix/installed" 2>/dev/null || true)" != "$lock" ]; then
        echo "Installing the locked dependencies"
        rm -f "$prefix/installed"
        UV_PYTHON_DOWNLOADS=never "$uv" pip sync --quiet --python "$prefix/venv/bin/python" --require-hashes requirements.lock
        echo "$lock" > "$prefix/installed"
    fi
    echo "Installing hven"
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    cp -R pyproject.toml README.md LICENSE src "$build"
    rm -rf "$build"/src/*.egg-info
    UV_PYTHON_DOWNLOADS=never "$uv" pip install --quiet --python "$prefix/venv/bin/python" --no-deps --reinstall "$build"
    [ -z "$bytecode" ] || "$prefix/venv/bin/python" -m compileall -q -j 0 "$prefix/venv/lib" >/dev/null 2>&1 || true
}

install_share() {
    share=$prefix/share/hven
    mkdir -p "$share"
    for folder in platform notebooks dashboards catalogs; do
        rm -rf "${share:?}/$folder"
        cp -R "$folder" "$share/$folder"
    done
    [ -e .proxy/installed ] && [ ! -e "$share/.proxy" ] && cp -R .proxy "$share/.proxy"
    install_proxy "$share/.proxy" "$prefix/venv/bin/python"
    chmod -R go+rX "$share"
}

mkdir -p "$prefix/bin"
install_python
find_uv
install_packages
install_share
ln -sfn ../venv/bin/hven "$prefix/bin/hven"
