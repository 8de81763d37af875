# Sourced: find_python prints a Python that can make virtual environments.
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
