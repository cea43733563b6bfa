//! The core compiled to WebAssembly, with the one driver that reads over `fetch`.
//!
//! JavaScript sees two classes: a [`Catalog`], and a [`Run`] for everything that reads. The package's own JavaScript
//! stands before them and is what users see.

mod address;
mod body;
mod cache;
mod catalog;
mod convert;
mod driver;
mod explain;
mod flight;
mod host;
mod http;
mod inbox;
mod run;
mod task;
mod turns;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

pub use catalog::Catalog;
pub use run::Run;

/// Begins to open the catalog at `url`: its folder, its `earthcatalog.db`, or a table's metadata object. The run yields
/// a [`Catalog`].
///
/// `options` may have `fetch`, `headers` (pairs of texts), `resolve`, `cacheBytes`, `concurrency` and `timeoutMs`.
#[wasm_bindgen(js_name = openCatalog)]
pub fn open_catalog(url: &str, options: &JsValue) -> Result<Run, JsValue> {
    let host = host::Host::new(url, options).map_err(|error| convert::error_to_js(&error))?;
    Ok(Run::open(host))
}
