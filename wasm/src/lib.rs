//! The core compiled to WebAssembly.
