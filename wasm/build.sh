#!/usr/bin/env bash
# Builds the core for the browser's machine and binds it to JavaScript: target/npm/wasm/.
# The standard library is built along where its source is at hand: without the texts of its panics the module is a tenth
# smaller. rustup's compiler takes its own source or its own target; without either it is Debian's, which brings both.
# The folder is wasm's own: two compilers would throw away each other's work in a shared one.
set -euo pipefail
cd "$(dirname "$0")/.."

target=wasm32-unknown-unknown
out=target/npm/wasm
# zstd is C: its wasm build needs a clang that knows wasm32 and brings its own headers.
clang=$(command -v clang-22 || command -v clang)
llvm_ar=$(command -v llvm-ar-22 || command -v llvm-ar)
export CC_wasm32_unknown_unknown=$clang AR_wasm32_unknown_unknown=$llvm_ar
# Of zstd's compressor only what levels 1 to 3 use is kept.
exclude=""
for strategy in GREEDY LAZY LAZY2 BTLAZY2 BTOPT BTULTRA; do exclude+=" -DZSTD_EXCLUDE_${strategy}_BLOCK_COMPRESSOR"; done
export CFLAGS_wasm32_unknown_unknown="-Oz$exclude"
# A page must not lose its tab to one broken file: 2 GiB is the most this module takes.
flags="-C link-arg=--max-memory=2147483648"
# A panic stops the module either way; here it does so without saying what JavaScript could not show.
small="-Z unstable-options -C panic=immediate-abort"
build_std=(-Z build-std=std,panic_abort -Z build-std-features=optimize_for_size)

arguments=(build --locked --package earthcatalog-wasm --profile wasm --target $target --target-dir target/wasm)
sysroot=$(rustc --print sysroot)
if [[ -d "$sysroot/lib/rustlib/src/rust/library" ]]; then
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags $small" cargo "${arguments[@]}" "${build_std[@]}"
elif [[ -d "$sysroot/lib/rustlib/$target/lib" ]]; then
    RUSTFLAGS="$flags" cargo "${arguments[@]}"
else
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags $small" /usr/bin/cargo "${arguments[@]}" "${build_std[@]}"
fi

export PATH="$PWD/target/tools/bin:$PATH"
rm -rf $out
wasm-bindgen --target web --omit-default-module-path --remove-name-section --remove-producers-section \
    --out-dir $out --out-name earthcatalog target/wasm/$target/wasm/earthcatalog_wasm.wasm
