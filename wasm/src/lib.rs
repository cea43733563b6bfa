//! The core compiled to WebAssembly: a catalog read step by step by a host that brings the bytes.
//!
//! Everything crosses as JSON text or bytes, errors too, so that a host needs no more than strings and numbers. The
//! exports go through `wasm-bindgen` and not through plain `extern "C"`: handing memory over by hand takes `unsafe`,
//! and none is allowed in this workspace. What it leaves to import is named `__wbindgen_placeholder__`; an import from
//! `env` would be C code or a system call that slipped in.

mod reading;

use wasm_bindgen::prelude::wasm_bindgen;

pub use reading::Reading;

/// The version of this module.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
