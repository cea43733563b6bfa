//! S3 Inventory: which objects a bucket holds, out of CSV, Parquet and `manifest.json`.

mod columns;
mod csv;
mod manifest;
mod parquet;

use std::fmt;

pub use columns::Columns;
pub use csv::{CsvReader, KeyEncoding};
pub use manifest::{InventoryFile, InventoryFormat, InventoryManifest, parse_inventory_manifest};
pub use parquet::{inventory_columns, inventory_rows};

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// One object of an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InventoryRow {
    /// The bucket it lies in.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// When it was last written, in µs since 1970 UTC; `None` if absent or unreadable.
    pub last_modified_us: Option<i64>,
    /// Whether this is the current version; absent in inventories of current versions only.
    pub is_latest: Option<bool>,
    /// Whether this version says that the object was deleted.
    pub is_delete_marker: Option<bool>,
    /// The version, in inventories of all versions.
    pub version_id: Option<String>,
}

impl InventoryRow {
    /// Whether the object is to be read as an item: `Err` says why not.
    ///
    /// `since_us` leaves out what was last written before it; a row without a readable time is taken, because leaving
    /// it out would lose an item.
    pub fn check(&self, since_us: Option<i64>) -> Result<(), RowSkip> {
        if self.is_delete_marker == Some(true) {
            return Err(RowSkip::DeleteMarker);
        }
        if self.is_latest == Some(false) {
            return Err(RowSkip::OldVersion);
        }
        if !is_item_key(&self.key) {
            return Err(RowSkip::NotAnItemKey);
        }
        match (self.last_modified_us, since_us) {
            (Some(modified), Some(since)) if modified < since => Err(RowSkip::BeforeSince),
            _ => Ok(()),
        }
    }
}

/// Why an object of an inventory is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RowSkip {
    /// The row records a deletion.
    DeleteMarker,
    /// A newer version of the object exists.
    OldVersion,
    /// The key does not end as an item's does.
    NotAnItemKey,
    /// Last written before the time that was asked for.
    BeforeSince,
}

impl fmt::Display for RowSkip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeleteMarker => "delete marker",
            Self::OldVersion => "not the latest version",
            Self::NotAnItemKey => "name does not end in .json or .geojson",
            Self::BeforeSince => "last modified before --since",
        })
    }
}

/// A row that names no object, with its place in the source: 1 is the first row, a header included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// The row's number.
    pub row: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Whether an object's key ends as an item's: `.json` (so also `.stac.json`) or `.geojson`, in any case.
#[must_use]
pub fn is_item_key(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    [".json", ".geojson"].iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// Parses the times inventories hold, in µs since 1970: RFC 3339, with a space for the `T`, or a day. A time without
/// a zone is UTC.
#[must_use]
pub fn parse_inventory_time(text: &str) -> Option<i64> {
    const ZONED: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
    const NAIVE: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    let text = text.trim();
    let zoned = DateTime::parse_from_rfc3339(text).ok();
    let zoned = zoned.or_else(|| ZONED.iter().find_map(|format| DateTime::parse_from_str(text, format).ok()));
    if let Some(time) = zoned {
        return Some(time.timestamp_micros());
    }
    let naive = NAIVE.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    Some(naive.or_else(day)?.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str) -> InventoryRow {
        InventoryRow { key: key.to_owned(), ..InventoryRow::default() }
    }

    #[test]
    fn only_keys_that_end_as_items_do_are_taken() {
        for key in ["a/b.stac.json", "b.json", "B.JSON", "x.geojson"] {
            assert_eq!(row(key).check(None), Ok(()), "{key}");
        }
        for key in ["a/b.json.gz", "b.nc", "json", "a/.json", "b.json/", ""] {
            assert_eq!(row(key).check(None), Err(RowSkip::NotAnItemKey), "{key}");
        }
    }

    #[test]
    fn old_versions_delete_markers_and_old_objects_are_left_out() {
        let old = InventoryRow { is_latest: Some(false), ..row("a.json") };
        assert_eq!(old.check(None), Err(RowSkip::OldVersion));
        let deleted = InventoryRow { is_latest: Some(true), is_delete_marker: Some(true), ..row("a.json") };
        assert_eq!(deleted.check(None), Err(RowSkip::DeleteMarker));
        let dated = InventoryRow { last_modified_us: Some(5), ..row("a.json") };
        assert_eq!(dated.check(Some(5)), Ok(()));
        assert_eq!(dated.check(Some(6)), Err(RowSkip::BeforeSince));
        assert_eq!(row("a.json").check(Some(6)), Ok(()));
    }

    #[test]
    fn times_are_read_in_every_spelling_and_naive_ones_are_utc() {
        let expected = Some(1_756_774_220_500_000);
        for text in [
            "2025-09-02T00:50:20.500Z",
            "2025-09-02T02:50:20.5+02:00",
            "2025-09-02T00:50:20.5",
            "2025-09-02 00:50:20.500",
            "2025-09-02 00:50:20.5+00:00",
            " 2025-09-02 00:50:20.5+0000",
        ] {
            assert_eq!(parse_inventory_time(text), expected, "{text}");
        }
        assert_eq!(parse_inventory_time("1970-01-02"), Some(86_400_000_000));
        assert_eq!(parse_inventory_time("yesterday"), None);
    }
}
