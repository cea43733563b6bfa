#!/usr/bin/env bash
# Installs what is missing for the named jobs: build, lint, wasm. Quick when nothing is.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "set-up: $*" >&2; }

has() { command -v "$1" >/dev/null; }

# Debian packages. Elsewhere the user is told what to install.
install() {
    if ! has apt-get; then
        say "please install what Debian calls: $*"
        exit 1
    fi
    local root=()
    [[ $(id -u) == 0 ]] || root=(sudo)
    say "installing $*"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "$@" >&2
}

setup_build() {
    if ! has cargo; then
        say "Rust is missing: install it with rustup (https://rustup.rs)"
        exit 1
    fi
    # SQLite and zstd are C.
    has cc || install gcc libc6-dev
}

setup_lint() {
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt >&2
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy >&2
}

setup_wasm() {
    local target=wasm32-unknown-unknown
    has node || install nodejs
    # zstd is C here too, and gcc does not know this target.
    if ! has clang-22 && ! { has clang && has llvm-ar; }; then
        install clang-22 llvm-22 || install clang llvm
    fi
    [[ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]] && return
    [[ -x /usr/bin/rustc && -d /usr/lib/rustlib/src ]] && return
    if has rustup && rustup target add $target >/dev/null 2>&1; then
        return
    fi
    say "rustup has no $target here: taking Debian's compiler for it"
    install rustc-web cargo-web rust-web-src rust-web-llvm lld-22
}

for job in "$@"; do
    "setup_$job"
done
