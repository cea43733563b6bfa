//! Which partition a row belongs to, and where the partition's data files lie.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _};

/// A partition: the rows of one grid cell whose `datetime` lies in one year, in UTC.
///
/// It is what the manifest says of a data file (Iceberg, Partition Transforms: identity and year); paths only repeat it
/// for people and for tools that read folders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    /// The grid cell.
    pub cell: String,
    /// Years since 1970, negative before; `None` for a null datetime.
    pub year: Option<i32>,
}

impl PartitionKey {
    /// The partition of an item with this datetime, in µs since 1970, in a cell.
    #[must_use]
    pub fn new(cell: &str, datetime_us: Option<i64>) -> Self {
        Self { cell: cell.to_owned(), year: datetime_us.and_then(years_since_1970) }
    }

    /// The key of a data file below the catalog's base: `name` is what tells it from the partition's other files.
    #[must_use]
    pub fn data_file_key(&self, name: &str) -> String {
        let year = self.year.map_or_else(|| "unknown".to_owned(), |year| format!("{:04}", i64::from(year) + 1970));
        format!("warehouse/grid_partition={}/year={year}/part_{}.parquet", path_safe(&self.cell), path_safe(name))
    }
}

/// The year of an instant in UTC, counted from 1970, rounded down (Iceberg, Partition Transforms).
#[must_use]
pub fn years_since_1970(datetime_us: i64) -> Option<i32> {
    Some(DateTime::from_timestamp_micros(datetime_us)?.year() - 1970)
}

/// A text that is one harmless path segment: all but `A-Z a-z 0-9 _ . -` percent-encoded, and dots too where the
/// segment would be empty of anything else.
#[must_use]
pub fn path_safe(text: &str) -> String {
    let only_dots = text.bytes().all(|byte| byte == b'.');
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'.' if only_dots => safe.push_str("%2E"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' => safe.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(safe, "%{byte:02X}")),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_counted_from_1970_in_utc_and_rounded_down() {
        assert_eq!(years_since_1970(0), Some(0));
        assert_eq!(years_since_1970(-1), Some(-1));
        assert_eq!(years_since_1970(1_577_836_799_999_999), Some(49));
        assert_eq!(years_since_1970(1_577_836_800_000_000), Some(50));
        assert_eq!(years_since_1970(-62_167_219_200_000_000), Some(-1970));
    }

    #[test]
    fn keys_name_the_cell_and_the_year() {
        let key = PartitionKey::new("81003ffffffffff", Some(0));
        assert_eq!(key.data_file_key("ab"), "warehouse/grid_partition=81003ffffffffff/year=1970/part_ab.parquet");
        let key = PartitionKey::new("__none__", None);
        assert_eq!(key.data_file_key("ab"), "warehouse/grid_partition=__none__/year=unknown/part_ab.parquet");
    }

    #[test]
    fn a_cell_cannot_leave_its_folder() {
        assert_eq!(path_safe("../a b/ü"), "..%2Fa%20b%2F%C3%BC");
        assert_eq!(path_safe(".."), "%2E%2E");
        assert_eq!(path_safe("a%2F"), "a%252F");
        assert_eq!(path_safe(""), "");
    }
}
