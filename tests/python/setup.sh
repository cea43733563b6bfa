#!/usr/bin/env bash
# Virtual environments of the interoperability tests, below target/python; quick when nothing changed.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
place=$root/target/python

# environment NAME REQUIREMENTS PYTHON...: made with the first PYTHON there is.
environment() {
    local name=$1 requirements=$2 python
    shift 2
    local stamp=$place/$name/.installed
    if [[ -x $place/$name/bin/python ]] && cmp -s "$requirements" "$stamp"; then
        return
    fi
    for python in "$@"; do
        # A pyenv shim is a command that may not run.
        if "$python" -c 'import venv' >/dev/null 2>&1; then
            echo "python: installing $name with $python" >&2
            rm -rf "${place:?}/$name"
            "$python" -m venv "$place/$name"
            "$place/$name/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
            cp "$requirements" "$stamp"
            return
        fi
    done
    echo "python: skipped $name: none of $* is there" >&2
    rm -rf "${place:?}/$name"
}

shopt -s nullglob
mkdir -p "$place"
environment latest requirements.txt python3.11 python3.12 python3.13 "$HOME"/.pyenv/versions/3.1[123].*/bin/python
environment pyiceberg-0.9 requirements-0.9.txt python3.11 python3.12 python3.10 "$HOME"/.pyenv/versions/3.1[12].*/bin/python
environment servers requirements-servers.txt python3.11 python3.12 python3.13 "$HOME"/.pyenv/versions/3.1[123].*/bin/python
environment earthcatalog requirements-earthcatalog.txt python3.12 python3.13 "$HOME"/.pyenv/versions/3.1[23].*/bin/python
