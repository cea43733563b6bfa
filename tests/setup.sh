#!/usr/bin/env bash
# Installs what is missing for the named jobs: build, lint, wasm, js. Quick when nothing is.
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
    setup_wasm_compiler $target
    setup_wasm_bindgen
}

# The standard library for wasm32: its source with rustup, or as rustup has it built, or from Debian.
setup_wasm_compiler() {
    local sysroot
    sysroot=$(rustc --print sysroot)
    [[ -d "$sysroot/lib/rustlib/src/rust/library" ]] && return
    if has rustup && rustup component add rust-src >/dev/null 2>&1; then
        return
    fi
    [[ -x /usr/bin/rustc && -d /usr/lib/rustlib/src ]] && return
    if has apt-get; then
        say "rustup has no source of the standard library here: taking Debian's compiler for $1"
        install rustc-web cargo-web rust-web-src rust-web-llvm lld-22
    else
        rustup target add "$1"
    fi
}

# The binding's two halves must be of one version.
setup_wasm_bindgen() {
    local version
    version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
    local bindgen=target/tools/bin/wasm-bindgen
    [[ -x $bindgen && "$($bindgen --version)" == "wasm-bindgen $version" ]] && return
    say "installing wasm-bindgen $version"
    # A registry that lags behind may lack what its lock file names.
    cargo install --quiet --locked wasm-bindgen-cli --version "$version" --root target/tools ||
        cargo install --quiet wasm-bindgen-cli --version "$version" --root target/tools
}

setup_js() {
    local most
    has node || install nodejs npm
    most=$(node --version)
    most=${most#v}
    if ((${most%%.*} < 20)); then
        say "Node $most is too old: 20 is the oldest that works"
        exit 1
    fi
    has chromium || has chromium-browser || has google-chrome || install chromium
}

for job in "$@"; do
    "setup_$job"
done
