//! The `earthcatalog.*` table properties: the only place that knows their names.

use serde::Serialize;
use std::collections::BTreeMap;

use super::TimeBin;
use crate::{Error, Result};

/// `h3`, `geojson`, `s2`, `utm`, `lat_lon` or the name of another grid.
pub const GRID_TYPE: &str = "earthcatalog.grid.type";
/// The H3 resolution, the S2 level, or the degrees of a tile.
pub const GRID_RESOLUTION: &str = "earthcatalog.grid.resolution";
/// Where the regions of a GeoJSON grid lie.
pub const GRID_BOUNDARIES_PATH: &str = "earthcatalog.grid.boundaries_path";
/// The property of a region that names it.
pub const GRID_ID_FIELD: &str = "earthcatalog.grid.id_field";
/// `year`, `month` or `day`: the partitions' time bin; absent means `year`. What counts is the partition spec.
pub const TIME_BIN: &str = "earthcatalog.time_bin";
/// Where the hash index lies.
pub const HASH_INDEX_PATH: &str = "earthcatalog.hash_index_path";
/// What follows the warehouse's location in the hash index's where [`HASH_INDEX_PATH`] is not set.
pub const HASH_INDEX_SUFFIX: &str = "_id_hashes.parquet";
/// How many items the hash index holds.
pub const HASH_INDEX_ROWS: &str = "earthcatalog.hash_index_rows";
/// The snapshot for which the hash index was rebuilt.
pub const HASH_INDEX_SNAPSHOT: &str = "earthcatalog.hash_index_snapshot";
/// The hash index that holds every id of a snapshot, in its summary.
pub const INDEX_OF_SNAPSHOT: &str = "earthcatalog.hash-index";
/// The program that wrote the table, `earthcatalog-rs/<version>` for this one.
pub const WRITER: &str = "earthcatalog.writer";
/// The name of a commit, in the summary of the snapshot it made.
pub const COMMIT_ID: &str = "earthcatalog.commit-id";
/// What [`WRITER`] starts with in tables of this program.
pub const WRITER_PREFIX: &str = "earthcatalog-rs/";

/// How a table divides the globe, as its properties say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum GridDefinition {
    /// H3 cells of one resolution.
    H3 {
        /// 0 to 15.
        resolution: u8,
    },
    /// Named regions.
    GeoJson {
        /// The regions' location as stored.
        boundaries_path: String,
        /// The property of a region that names it.
        id_field: String,
    },
    /// S2 cells by their tokens.
    S2 {
        /// The level as stored.
        level: Option<String>,
    },
    /// UTM zones.
    Utm,
    /// Tiles of degrees.
    #[serde(rename = "lat_lon")]
    LatLon {
        /// The side of a tile as stored; without it searches look at every cell.
        degrees: Option<String>,
    },
    /// A grid this program does not know: searches look at every cell.
    Other {
        /// Its name.
        name: String,
    },
}

/// How a table is divided: its grid and its time bins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The grid.
    pub grid: GridDefinition,
    /// How long the time bins are.
    pub time_bin: TimeBin,
}

impl From<GridDefinition> for Layout {
    /// That grid, and a bin for each year.
    fn from(grid: GridDefinition) -> Self {
        Self { grid, time_bin: TimeBin::Year }
    }
}

impl Layout {
    /// The properties that say this.
    #[must_use]
    pub fn to_properties(&self) -> BTreeMap<String, String> {
        let mut all = self.grid.to_properties();
        all.insert(TIME_BIN.to_owned(), self.time_bin.to_string());
        all
    }
}

/// What the regions of a GeoJSON grid are named by unless the table says otherwise.
const DEFAULT_ID_FIELD: &str = "id";
const HIGHEST_RESOLUTION: u8 = 15;

impl Default for GridDefinition {
    /// H3 at resolution 1: what the Python program takes where the properties say nothing.
    fn default() -> Self {
        Self::H3 { resolution: 1 }
    }
}

impl GridDefinition {
    /// Reads the definition; what is missing has the default.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for a resolution that is none.
    pub fn from_properties(properties: &BTreeMap<String, String>) -> Result<Self> {
        let text = |key: &str| properties.get(key).cloned();
        match properties.get(GRID_TYPE).map_or("h3", String::as_str) {
            "h3" => {
                let resolution = properties.get(GRID_RESOLUTION).map_or(Ok(1), |text| {
                    let number = text.trim().parse().ok().filter(|number| *number <= HIGHEST_RESOLUTION);
                    number.ok_or_else(|| Error::corrupt(format!("`{text}` is no H3 resolution")))
                })?;
                Ok(Self::H3 { resolution })
            }
            "geojson" => Ok(Self::GeoJson {
                boundaries_path: text(GRID_BOUNDARIES_PATH).unwrap_or_default(),
                id_field: text(GRID_ID_FIELD).unwrap_or_else(|| DEFAULT_ID_FIELD.to_owned()),
            }),
            "s2" => Ok(Self::S2 { level: text(GRID_RESOLUTION) }),
            "utm" => Ok(Self::Utm),
            "lat_lon" | "latlon" => Ok(Self::LatLon { degrees: text(GRID_RESOLUTION) }),
            other => Ok(Self::Other { name: other.to_owned() }),
        }
    }

    /// The properties that say this.
    #[must_use]
    pub fn to_properties(&self) -> BTreeMap<String, String> {
        let named = |name: &str, resolution: &Option<String>| {
            let resolution = resolution.iter().map(|text| (GRID_RESOLUTION, text.clone()));
            std::iter::once((GRID_TYPE, name.to_owned())).chain(resolution).collect()
        };
        let pairs = match self {
            Self::H3 { resolution } => vec![(GRID_TYPE, "h3".to_owned()), (GRID_RESOLUTION, resolution.to_string())],
            Self::GeoJson { boundaries_path, id_field } => vec![
                (GRID_TYPE, "geojson".to_owned()),
                (GRID_BOUNDARIES_PATH, boundaries_path.clone()),
                (GRID_ID_FIELD, id_field.clone()),
            ],
            Self::S2 { level } => named("s2", level),
            Self::Utm => named("utm", &None),
            Self::LatLon { degrees } => named("lat_lon", degrees),
            Self::Other { name } => vec![(GRID_TYPE, name.clone())],
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// The grid's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::H3 { .. } => "h3",
            Self::GeoJson { .. } => "geojson",
            Self::S2 { .. } => "s2",
            Self::Utm => "utm",
            Self::LatLon { .. } => "lat_lon",
            Self::Other { name } => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_survives_its_properties() {
        for definition in [
            GridDefinition::H3 { resolution: 3 },
            GridDefinition::GeoJson { boundaries_path: "s3://b/r.json".into(), id_field: "name".into() },
            GridDefinition::S2 { level: Some("2".into()) },
            GridDefinition::Utm,
            GridDefinition::LatLon { degrees: None },
            GridDefinition::Other { name: "quadtree".into() },
        ] {
            assert_eq!(GridDefinition::from_properties(&definition.to_properties()).unwrap(), definition);
        }
    }

    #[test]
    fn missing_properties_mean_h3_at_resolution_1_and_wrong_ones_are_corrupt() {
        assert_eq!(GridDefinition::from_properties(&BTreeMap::new()).unwrap(), GridDefinition::default());
        for wrong in ["16", "-1", "one", ""] {
            let properties = BTreeMap::from([(GRID_RESOLUTION.to_owned(), wrong.to_owned())]);
            assert!(GridDefinition::from_properties(&properties).is_err(), "{wrong}");
        }
    }
}
