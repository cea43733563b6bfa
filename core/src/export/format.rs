//! The formats: their names, and the endings of their files.

use crate::{Error, Result};

/// What items can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One item a line.
    Ndjson,
    /// A `FeatureCollection` of RFC 7946.
    Geojson,
    /// A STAC `ItemCollection`.
    Json,
    /// RFC 4180, a row for each item.
    Csv,
    /// The href of one asset a line.
    Url,
    /// An Arrow IPC stream of the catalog's columns.
    Arrow,
    /// The same as an Arrow IPC file, which readers may look into at any place.
    ArrowFile,
    /// A Parquet file of the STAC GeoParquet specification.
    Geoparquet,
}

impl Format {
    /// The formats by their names; that of an Arrow file is known by the file's name alone.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("ndjson", Self::Ndjson),
        ("geojson", Self::Geojson),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("url", Self::Url),
        ("arrow", Self::Arrow),
        ("geoparquet", Self::Geoparquet),
    ];

    /// The format of this name.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the names that are known.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let known = Self::NAMES.map(|(known, _)| known).join(", ");
            Error::invalid(format!("`{name}` is not a format: {known}"))
        })
    }

    /// The format that a file's name ends with, if it ends with a known one.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "ndjson" | "jsonl" | "geojsonl" | "ndgeojson" => Self::Ndjson,
            "geojson" => Self::Geojson,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "txt" | "url" | "urls" => Self::Url,
            // The endings that Apache Arrow recommends: `.arrows` for streams, `.arrow` for files.
            "arrows" => Self::Arrow,
            "arrow" | "feather" => Self::ArrowFile,
            "parquet" | "geoparquet" | "pq" => Self::Geoparquet,
            _ => return None,
        })
    }

    /// Whether it is text, which a terminal can show.
    #[must_use]
    pub fn is_text(self) -> bool {
        !matches!(self, Self::Arrow | Self::ArrowFile | Self::Geoparquet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_name_and_by_its_files() {
        assert_eq!(Format::parse("geoparquet").unwrap(), Format::Geoparquet);
        assert!(Format::parse("GeoJSON").unwrap_err().message().contains("ndjson, geojson"));
        assert_eq!(Format::of_file("a.b/items.GeoJSON"), Some(Format::Geojson));
        assert_eq!(Format::of_file("items.arrows"), Some(Format::Arrow));
        assert_eq!(Format::of_file("items.arrow"), Some(Format::ArrowFile));
        assert_eq!(Format::of_file("items.xyz"), None);
        assert_eq!(Format::of_file("items"), None);
    }
}
