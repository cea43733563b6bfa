//! Which column of an inventory is which, by name in any spelling.

use super::{InventoryRow, parse_inventory_time};
use crate::{Error, Result};

/// The places of the columns that are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub(super) bucket: usize,
    pub(super) key: usize,
    pub(super) size: Option<usize>,
    pub(super) last_modified: Option<usize>,
    pub(super) is_latest: Option<usize>,
    pub(super) is_delete_marker: Option<usize>,
    pub(super) version_id: Option<usize>,
}

impl Columns {
    /// The columns of a CSV without header or schema: bucket, then key, the rest unknown (S3 Inventory always begins so).
    pub const BARE: Self = Self {
        bucket: 0,
        key: 1,
        size: None,
        last_modified: None,
        is_latest: None,
        is_delete_marker: None,
        version_id: None,
    };

    /// Finds the columns by name; `LastModifiedDate`, `last_modified_date` and `Last Modified Date` are the same.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the columns found if there is no `bucket` or `key`.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(plain).collect();
        let place = |name: &str| names.iter().position(|found| found == name);
        let (Some(bucket), Some(key)) = (place("bucket"), place("key")) else {
            let found = names.join("`, `");
            return Err(Error::invalid(format!("an inventory needs the columns `bucket` and `key`, found `{found}`")));
        };
        Ok(Self {
            bucket,
            key,
            size: place("size"),
            last_modified: place("lastmodifieddate").or_else(|| place("lastmodified")),
            is_latest: place("islatest"),
            is_delete_marker: place("isdeletemarker"),
            version_id: place("versionid"),
        })
    }

    /// The row whose cells are `cells`, as texts; `Err` says what is missing.
    pub(super) fn row<'a>(&self, cells: impl Fn(usize) -> Option<&'a str>) -> Result<InventoryRow, String> {
        let optional = |place: Option<usize>| place.and_then(&cells).filter(|text| !text.is_empty());
        let required =
            |place, name| cells(place).filter(|text| !text.is_empty()).ok_or_else(|| format!("row without a {name}"));
        Ok(InventoryRow {
            bucket: required(self.bucket, "bucket")?.to_owned(),
            key: required(self.key, "key")?.to_owned(),
            size: optional(self.size).and_then(|text| text.parse().ok()),
            last_modified_us: optional(self.last_modified).and_then(parse_inventory_time),
            is_latest: optional(self.is_latest).and_then(flag),
            is_delete_marker: optional(self.is_delete_marker).and_then(flag),
            version_id: optional(self.version_id).map(ToOwned::to_owned),
        })
    }
}

pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '_' | ' ' | '-' | '"')).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_spelling_and_order() {
        let columns = Columns::from_names(["Key", " Bucket", "IsLatest", "LastModifiedDate", "e_tag"]).unwrap();
        assert_eq!((columns.bucket, columns.key), (1, 0));
        assert_eq!((columns.is_latest, columns.last_modified, columns.size), (Some(2), Some(3), None));
    }

    #[test]
    fn missing_columns_are_named_with_what_was_found() {
        let error = Columns::from_names(["id", "geometry"]).unwrap_err();
        assert!(error.to_string().contains("found `id`, `geometry`"), "{error}");
    }
}
