//! Where an object lies, and how the absolute locations stored in a catalog are moved onto the place that was opened.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::{Error, Result};

/// The place of one object or folder: `s3://bucket/key`, `https://host/path`, `file:///path` or a bare path.
///
/// Kept as the text it was given, so that a location that was stored is written back unchanged. Comparison ignores
/// how a local path was spelled: see [`Location::normal`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location(Arc<str>);

impl Location {
    /// A location from its text; a trailing `/` is dropped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for an empty text, and for a scheme alone unless it is `file://`.
    pub fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim_end_matches('/');
        if text.contains("://") && trimmed.ends_with(':') && !trimmed.eq_ignore_ascii_case("file:") {
            return Err(Error::invalid("location names no bucket or host").with("location", text));
        }
        match (trimmed.is_empty(), text.is_empty()) {
            (_, true) => Err(Error::invalid("a location must not be empty")),
            (true, false) => Ok(Self("/".into())),
            (false, _) if trimmed.ends_with(':') => Ok(Self(text.into())),
            (false, _) => Ok(Self(trimmed.into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scheme in lower case, such as `s3`; `None` for bare and Windows paths.
    #[must_use]
    pub fn scheme(&self) -> Option<String> {
        let (scheme, _) = self.0.split_once("://")?;
        Some(scheme.to_ascii_lowercase())
    }

    /// The object `key` below this one.
    #[must_use]
    pub fn join(&self, key: &str) -> Self {
        Self(format!("{}/{}", self.0.trim_end_matches('/'), key.trim_start_matches('/')).into())
    }

    /// The object that is stored under `key` below this one: [`join`](Self::join), percent-encoded in a web address,
    /// where stored keys stand as they are everywhere else.
    #[must_use]
    pub fn below(&self, key: &str) -> Self {
        if is_web(&self.normal()) { self.join(&percent_encoded(key)) } else { self.join(key) }
    }

    /// The folder this object lies in; `None` at the root of a store.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let start = self.0.find("://").map_or(0, |at| at + 3);
        let body = self.0.get(start..)?;
        let cut = body.rfind(['/', '\\']).filter(|cut| *cut > 0)?;
        Some(Self(self.0.get(..start + cut)?.into()))
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit(['/', '\\']).next().unwrap_or_default()
    }

    /// Whether this is a path of the reader's own machine, not an address in a store or on the web.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.scheme().as_deref(), None | Some("file"))
    }

    /// Whether this is an address on the web, which is read and never written.
    #[must_use]
    pub fn is_web(&self) -> bool {
        is_web(&self.normal())
    }

    /// One spelling per place: `file://` dropped, `\` as `/`, the scheme in lower case, `s3a` and `s3n` as `s3`.
    #[must_use]
    pub fn normal(&self) -> String {
        normal(&self.0)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn normal(text: &str) -> String {
    let text = text.trim_end_matches('/');
    let Some((scheme, rest)) = text.split_once("://") else {
        // `file:/path`, as Hadoop writes it.
        let path = text.strip_prefix("file:").unwrap_or(text);
        return path.replace('\\', "/");
    };
    match scheme.to_ascii_lowercase().as_str() {
        "file" => match rest.strip_prefix('/') {
            // file:///C:/dir
            Some(drive) if is_drive(drive) => drive.replace('\\', "/"),
            _ => rest.replace('\\', "/"),
        },
        "s3a" | "s3n" => format!("s3://{rest}"),
        other => format!("{other}://{rest}"),
    }
}

fn is_drive(path: &str) -> bool {
    let mut chars = path.chars();
    chars.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && chars.next() == Some(':')
}

/// Moves stored locations: everything below `from` is looked for below `to`, everything else stays where it is.
///
/// A catalog stores absolute locations (Iceberg requires it), so one that was copied or is served under another name
/// would otherwise read the place it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebase {
    from: String,
    to: Location,
}

impl Rebase {
    /// Moves what lies below `from`, in any spelling, to below `to`.
    #[must_use]
    pub fn new(from: &str, to: Location) -> Self {
        Self { from: normal(from), to }
    }

    /// The old base, normalised.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Where a stored location is to be read.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for a location that climbs out of the catalog by `..`.
    pub fn apply(&self, stored: &str) -> Result<Location> {
        let place = normal(stored);
        let Some(below) = place.strip_prefix(&self.from).and_then(|rest| rest.strip_prefix('/')) else {
            return Location::parse(stored);
        };
        if below.split('/').any(|segment| segment == "..") {
            return Err(Error::corrupt("stored location climbs out of the catalog").with("location", stored));
        }
        Ok(if is_web(&place) { self.to.join(below) } else { self.to.below(below) })
    }
}

fn is_web(normal: &str) -> bool {
    normal.starts_with("http://") || normal.starts_with("https://")
}

/// A key as the path of a web address (RFC 3986 §3.3): all but `pchar` and `/` percent-encoded.
#[must_use]
pub fn percent_encoded(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            _ if b"-._~!$&'()*+,;=:@/".contains(&byte) => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// The folder a table was written below: its location without the end that SQL catalogs add.
///
/// `{base}/warehouse/{namespace}/{table}` for this program and the Python one, `{base}/{namespace}.db/{table}` or
/// `{base}/{namespace}/{table}` for other writers with the database beside the warehouse. `None` if it ends otherwise.
#[must_use]
pub fn base_of_table<'a>(table_location: &'a str, namespace: &str, table: &str) -> Option<&'a str> {
    let location = table_location.trim_end_matches('/');
    let above_table = location.strip_suffix(table)?.strip_suffix(['/', '\\'])?;
    let folder = above_table.strip_suffix(".db").unwrap_or(above_table);
    let warehouse = folder.strip_suffix(namespace)?;
    let warehouse = warehouse.strip_suffix(['/', '\\']).or_else(|| warehouse.is_empty().then_some(warehouse))?;
    let base = warehouse.strip_suffix("warehouse").and_then(|base| base.strip_suffix(['/', '\\']));
    Some(base.unwrap_or(warehouse))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str, stored: &str) -> String {
        let to = Location::parse(to).unwrap();
        Rebase::new(from, to).apply(stored).unwrap().to_string()
    }

    #[test]
    fn everything_below_the_old_base_moves_and_nothing_else() {
        assert_eq!(
            moved("s3://b/cat", "https://h/c", "s3://b/cat/warehouse/x.parquet"),
            "https://h/c/warehouse/x.parquet"
        );
        assert_eq!(moved("s3://b/cat", "/c", "s3a://b/cat/x"), "/c/x");
        assert_eq!(moved("s3://b/cat", "/c", "s3://b/catalog/x"), "s3://b/catalog/x");
        assert_eq!(moved("s3://b/cat", "/c", "https://h/x"), "https://h/x");
    }

    #[test]
    fn local_paths_are_one_place_in_every_spelling() {
        for stored in ["/a/cat/x", "file:///a/cat/x", "file:/a/cat/x"] {
            assert_eq!(moved("/a/cat", "/b", stored), "/b/x");
        }
        for stored in ["C:\\cat\\w\\x", "file:///C:/cat/w/x", "C:/cat/w/x"] {
            assert_eq!(moved("C:\\cat", "s3://b", stored), "s3://b/w/x");
        }
    }

    #[test]
    fn a_key_is_percent_encoded_in_a_web_address_and_nowhere_else() {
        let stored = "/c/grid_partition=a%2Fb c/é?#.parquet";
        let encoded = "https://h/c%20d/grid_partition=a%252Fb%20c/%C3%A9%3F%23.parquet";
        assert_eq!(moved("/c", "https://h/c%20d", stored), encoded);
        assert_eq!(moved("/c", "s3://b", stored), "s3://b/grid_partition=a%2Fb c/é?#.parquet");
        assert_eq!(moved("https://h/c", "http://i", "https://h/c/a%20b"), "http://i/a%20b");
    }

    #[test]
    fn a_scheme_alone_is_no_location() {
        for text in ["s3://", "https:///"] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
        assert_eq!(Location::parse("file:///").unwrap().join("x").normal(), "/x");
    }

    #[test]
    fn a_location_cannot_climb_out() {
        let rebase = Rebase::new("/a", Location::parse("/b").unwrap());
        assert!(rebase.apply("/a/../etc/passwd").is_err());
    }

    #[test]
    fn the_base_of_a_table_is_above_warehouse_namespace_and_table() {
        let base = |location| base_of_table(location, "earthcatalog", "stac_items");
        assert_eq!(base("s3://b/c/warehouse/earthcatalog/stac_items"), Some("s3://b/c"));
        assert_eq!(base("/w/earthcatalog.db/stac_items/"), Some("/w"));
        assert_eq!(base("C:\\c\\warehouse\\earthcatalog\\stac_items"), Some("C:\\c"));
        assert_eq!(base("s3://b/elsewhere"), None);
        assert_eq!(base_of_table("data/persistent/d/default/t", "default", "t"), Some("data/persistent/d"));
    }

    #[test]
    fn parents_stop_at_the_root_of_a_store() {
        let parent = |text| Location::parse(text).unwrap().parent().map(|parent| parent.to_string());
        assert_eq!(parent("s3://b/k/x"), Some("s3://b/k".into()));
        assert_eq!(parent("s3://b"), None);
        assert_eq!(parent("/a"), None);
        assert_eq!(parent("/a/b"), Some("/a".into()));
    }
}
