//! The time bins of a table: the second field of its partitions.

use serde::Serialize;
use std::collections::BTreeMap;

use super::properties::TIME_BIN;
use crate::iceberg::metadata::{TableMetadata, Transform};
use crate::iceberg::value::Value;
use crate::stac::schema;
use crate::{Error, Result};

/// How long a time bin is. Longer ones sort first, as the shorter ones of the same name would lie within.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeBin {
    /// A calendar year in UTC.
    #[default]
    Year,
    /// A calendar month in UTC.
    Month,
    /// A day in UTC.
    Day,
}

impl TimeBin {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Year, Self::Month, Self::Day];

    /// The name: of the partition field, of Iceberg's transform, and in keys of data files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
        }
    }

    /// Iceberg's transform of `datetime`.
    #[must_use]
    pub fn transform(self) -> Transform {
        match self {
            Self::Year => Transform::Year,
            Self::Month => Transform::Month,
            Self::Day => Transform::Day,
        }
    }

    /// The bin that a transform makes; `None` for one that makes no such bins.
    #[must_use]
    pub fn of_transform(transform: &Transform) -> Option<Self> {
        Self::ALL.into_iter().find(|bin| bin.transform() == *transform)
    }

    /// What a new table's properties ask for; a year where they say nothing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a bin that there is not.
    pub fn from_properties(properties: &BTreeMap<String, String>) -> Result<Self> {
        let Some(wanted) = properties.get(TIME_BIN) else { return Ok(Self::Year) };
        let found = Self::ALL.into_iter().find(|bin| bin.name() == wanted);
        found.ok_or_else(|| Error::invalid(format!("`{wanted}` is no time bin: it is year, month or day")))
    }

    /// The bin that new rows of a table go to, by its partition spec; `None` if that spec has no such field.
    #[must_use]
    pub fn of_table(metadata: &TableMetadata) -> Option<Self> {
        let datetime = metadata.schema().field_by_name(schema::DATETIME)?.id;
        let fields = &metadata.spec(metadata.default_spec_id)?.fields;
        fields.iter().filter(|field| field.source_id == datetime).find_map(|field| Self::of_transform(&field.transform))
    }

    /// The number of an instant's bin, counted from 1970 and rounded down (Iceberg, Partition Transforms).
    #[must_use]
    pub fn ordinal(self, datetime_us: i64) -> Option<i32> {
        match self.transform().apply(&Value::Timestamptz(datetime_us))? {
            Value::Int(ordinal) => Some(ordinal),
            _ => None,
        }
    }

    /// A bin as Iceberg shows it: `2021`, `2021-06`, `2021-06-15`.
    #[must_use]
    pub fn human(self, ordinal: i32) -> String {
        self.transform().human(Some(&Value::Int(ordinal)))
    }
}

impl std::fmt::Display for TimeBin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_counted_from_1970_in_utc_and_rounded_down() {
        let ordinals = |micros| TimeBin::ALL.map(|bin| bin.ordinal(micros).unwrap());
        assert_eq!(ordinals(0), [0, 0, 0]);
        assert_eq!(ordinals(-1), [-1, -1, -1]);
        assert_eq!(ordinals(1_577_836_799_999_999), [49, 599, 18_261]);
        assert_eq!(ordinals(1_577_836_800_000_000), [50, 600, 18_262]);
        assert_eq!(ordinals(-62_167_219_200_000_000)[0], -1970);
        let shown: Vec<String> =
            TimeBin::ALL.into_iter().zip(ordinals(1_577_836_800_000_000)).map(|(bin, at)| bin.human(at)).collect();
        assert_eq!(shown, ["2020", "2020-01", "2020-01-01"]);
    }

    #[test]
    fn properties_name_the_bin_of_a_new_table() {
        assert_eq!(TimeBin::from_properties(&BTreeMap::new()).unwrap(), TimeBin::Year);
        for bin in TimeBin::ALL {
            let properties = BTreeMap::from([(TIME_BIN.to_owned(), bin.to_string())]);
            assert_eq!(TimeBin::from_properties(&properties).unwrap(), bin);
        }
        let properties = BTreeMap::from([(TIME_BIN.to_owned(), "hour".to_owned())]);
        assert!(TimeBin::from_properties(&properties).is_err());
    }
}
