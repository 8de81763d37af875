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
    found=.venv/bin/python  # the checkout's own, where it has one
    "$found" -c '' >/dev/null 2>&1 || found=$(find_python)
    python=$("$found" platform/server/copy_python.py "$prefix/python")
    if [ "$(readlink -f "$prefix/venv/bin/python" 2>/dev/null || true)" != "$(readlink -f "$python")" ]; then
        echo "Making $prefix/venv with $("$python" --version)"
        rm -rf "$prefix/venv" "$prefix"/installed-*
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
    lock=$(sha256sum platform/server/requirements.lock)
    if [ "$(cat "$prefix/installed-lock" 2>/dev/null || true)" != "$lock" ]; then
        echo "Installing the locked dependencies"
        rm -f "$prefix/installed-lock" "$prefix/installed-hven"
        UV_PYTHON_DOWNLOADS=never "$uv" pip sync --quiet --python "$prefix/venv/bin/python" --require-hashes platform/server/requirements.lock
        echo "$lock" > "$prefix/installed-lock"
    fi
}

# hven itself, and what the running platform needs beside it: configuration, units, notebooks, pages, catalogs.
install_hven() {
    parts="pyproject.toml README.md LICENSE src platform notebooks dashboards catalogs"
    # shellcheck disable=SC2086 # a list of names
    here=$(find $parts -type f ! -path '*/__pycache__/*' ! -path '*.egg-info/*' | LC_ALL=C sort | xargs sha256sum | sha256sum)
    if [ "$(cat "$prefix/installed-hven" 2>/dev/null || true)" = "$here" ]; then
        return
    fi
    echo "Installing hven"
    rm -f "$prefix/installed-hven"
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    cp -R pyproject.toml README.md LICENSE src "$build"
    rm -rf "$build"/src/*.egg-info
    commit >"$build/src/hven/commit"
    UV_PYTHON_DOWNLOADS=never "$uv" pip install --quiet --python "$prefix/venv/bin/python" --no-deps --reinstall "$build"
    mkdir -p "$prefix/share/hven"
    for folder in platform notebooks dashboards catalogs; do
        rm -rf "$prefix/share/hven/${folder:?}"
        cp -R "$folder" "$prefix/share/hven/$folder"
    done
    chmod -R go+rX "$prefix/share"
    [ -z "$bytecode" ] || "$prefix/venv/bin/python" -m compileall -q -j 0 "$prefix/venv/lib" >/dev/null 2>&1 || true
    echo "$here" > "$prefix/installed-hven"
}

# What products say they were made with; nothing where this is no checkout.
commit() {
    git -c safe.directory='*' describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null || true
}

share_proxy() {
    share=$prefix/share/hven/.proxy
    if [ -e .proxy/installed ] && [ "$(cat .proxy/installed)" != "$(cat "$share/installed" 2>/dev/null || true)" ]; then
        rm -rf "$share"
        cp -R .proxy "$share"
    fi
    install_proxy "$share" "$prefix/venv/bin/python"
    chmod -R go+rX "$share"
}

mkdir -p "$prefix/bin"
install_python
find_uv
install_packages
install_hven
share_proxy
ln -sfn ../venv/bin/hven "$prefix/bin/hven"
"$prefix/venv/bin/python" -P -m hven.hub.machine.install --site "$site" --prefix "$prefix"
