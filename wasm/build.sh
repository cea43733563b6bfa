#!/usr/bin/env bash
# Builds the core for the browser's machine: target/wasm/wasm32-unknown-unknown/debug/earthcatalog_wasm.wasm.
# With rustup's target where there is one, else with Debian's compiler, which builds the standard library too.
# Either way the folder is wasm's own: the two compilers would throw away each other's work in a shared one.
set -euo pipefail
cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
# zstd is C: its wasm build needs a clang that knows wasm32 and brings its own headers.
clang=$(command -v clang-22 || command -v clang)
llvm_ar=$(command -v llvm-ar-22 || command -v llvm-ar)
export CC_wasm32_unknown_unknown=$clang AR_wasm32_unknown_unknown=$llvm_ar

arguments=(build --locked --package earthcatalog-wasm --target $target --target-dir target/wasm)
if [[ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]]; then
    cargo "${arguments[@]}"
else
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo "${arguments[@]}" -Z build-std=std,panic_abort
fi
