//! The explorer's files, as `make www` built them before this program was built.

/// Name and content of each file, with `index.html` among them; nothing in a program that was built without it.
pub static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/explorer.rs"));

/// Where its page lies.
pub const PAGE: &str = "index.html";
/// The folder of its files that carry a digest in their names, so that caches may keep them for good.
pub const HASHED: &str = "assets/";

/// What stands in its place in a program that was built without it.
pub const MISSING: &str = "this earthcatalog was built without the explorer: run `make www`, and build it again";

/// The content of a file.
#[must_use]
pub fn file(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// What a file holds, by the ending of its name (media types of RFC 6838).
#[must_use]
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("geojson") => "application/geo+json",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("text") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
