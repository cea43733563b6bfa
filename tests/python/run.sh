#!/usr/bin/env bash
# Other programs on catalogs of ours: run.sh [path of the earthcatalog command]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=${1:-${EARTHCATALOG_BIN:-$root/target/debug/earthcatalog}}
EARTHCATALOG_BIN=$(realpath "$binary")
export EARTHCATALOG_BIN PYTHONDONTWRITEBYTECODE=1
"$here/setup.sh"

# tests NAME FILE...: a missing environment skips, with the message of setup.sh.
tests() {
    local python=$root/target/python/$1/bin/python
    shift
    if [[ -x $python ]]; then
        (cd "$here" && "$python" -m pytest -q --disable-warnings -p no:cacheprovider "$@")
    fi
}

tests latest test_pyiceberg.py test_readers.py test_published.py test_export.py test_geometry_oracle.py test_cql2.py
tests pyiceberg-0.9 test_pyiceberg.py
tests earthcatalog test_earthcatalog.py
# Stores in JavaScript; the others are in Python.
npm ci --prefix "$root/tests/servers" --no-fund --no-audit --silent
tests servers test_servers.py test_memory.py
