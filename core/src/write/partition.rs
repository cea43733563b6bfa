//! Which partition a row belongs to, and where the partition's data files lie.

use std::fmt::Write as _;

use crate::catalog::TimeBin;

/// A partition: the rows of one grid cell whose `datetime` lies in one time bin.
///
/// It is what the manifest says of a data file (Iceberg, Partition Transforms: identity, and year, month or day); paths
/// only repeat it for people and for tools that read folders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    /// The grid cell.
    pub cell: String,
    /// How long the table's bins are.
    pub time_bin: TimeBin,
    /// The bin's number counted from 1970, negative before; `None` for a null datetime.
    pub bin: Option<i32>,
}

impl PartitionKey {
    /// The partition of an item with this datetime, in µs since 1970, in a cell.
    #[must_use]
    pub fn new(cell: &str, time_bin: TimeBin, datetime_us: Option<i64>) -> Self {
        Self { cell: cell.to_owned(), time_bin, bin: datetime_us.and_then(|instant| time_bin.ordinal(instant)) }
    }

    /// The time bin as Iceberg shows it, `unknown` for a null datetime.
    #[must_use]
    pub fn human_bin(&self) -> String {
        self.bin.map_or_else(|| "unknown".to_owned(), |bin| self.time_bin.human(bin))
    }

    /// The key of a data file below the catalog's base: `name` is what tells it from the partition's other files.
    #[must_use]
    pub fn data_file_key(&self, name: &str) -> String {
        let (cell, name) = (cell_folder(&self.cell), path_safe(name));
        let (time_bin, bin) = (self.time_bin, self.human_bin());
        format!("warehouse/grid_partition={cell}/{time_bin}={bin}/part_{name}.parquet")
    }
}

/// Longest name of a folder: what file systems take for one name (255 bytes), less `grid_partition=`.
const FOLDER_BYTES: usize = 200;

/// A cell as a path segment. Where it would be too long its end is replaced by a hash, which keeps cells apart.
fn cell_folder(cell: &str) -> String {
    let safe = path_safe(cell);
    if safe.len() <= FOLDER_BYTES {
        return safe;
    }
    let start: String = safe.chars().take(FOLDER_BYTES - 33).collect();
    format!("{start}~{:032x}", xxhash_rust::xxh3::xxh3_128(cell.as_bytes()))
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
    fn keys_name_the_cell_and_the_time_bin() {
        let key = |cell, bin, datetime_us| PartitionKey::new(cell, bin, datetime_us).data_file_key("ab");
        let cell = "81003ffffffffff";
        assert_eq!(
            key(cell, TimeBin::Year, Some(0)),
            "warehouse/grid_partition=81003ffffffffff/year=1970/part_ab.parquet"
        );
        assert_eq!(key("a", TimeBin::Month, Some(-1)), "warehouse/grid_partition=a/month=1969-12/part_ab.parquet");
        assert_eq!(key("a", TimeBin::Day, Some(0)), "warehouse/grid_partition=a/day=1970-01-01/part_ab.parquet");
        for bin in TimeBin::ALL {
            let expected = format!("warehouse/grid_partition=__none__/{bin}=unknown/part_ab.parquet");
            assert_eq!(key("__none__", bin, None), expected);
        }
    }

    #[test]
    fn a_cell_of_any_length_is_one_folder_of_its_own() {
        let (a, b) = ("é".repeat(400), format!("{}x", "é".repeat(399)));
        let folders = [cell_folder(&a), cell_folder(&b)];
        assert!(folders.iter().all(|folder| folder.len() <= FOLDER_BYTES) && folders[0] != folders[1]);
        assert_eq!(cell_folder("81003ffffffffff"), "81003ffffffffff");
    }

    #[test]
    fn a_cell_cannot_leave_its_folder() {
        assert_eq!(path_safe("../a b/ü"), "..%2Fa%20b%2F%C3%BC");
        assert_eq!(path_safe(".."), "%2E%2E");
        assert_eq!(path_safe("a%2F"), "a%252F");
        assert_eq!(path_safe(""), "");
    }
}
