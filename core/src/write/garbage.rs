//! What an object below a catalog's base is, judged by its key, and whether it may go.

/// A kind of object that this program or the Python program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A Parquet file of rows.
    Data,
    /// Table metadata, a manifest list or a manifest.
    Metadata,
    /// A hash index.
    Index,
    /// The regions of a grid.
    Boundaries,
    /// What an ingest staged.
    Staging,
    /// The record of a commit.
    Record,
    /// What a put that was cut short left beside its object.
    Temporary,
}

/// What the object `key` below the base is; `None` for anything that is not known for certain to be the catalog's, and
/// for what is never garbage: the database and the lock.
///
/// `metadata_folder` is the key of the folder of the table's metadata.
#[must_use]
pub fn kind_of(key: &str, metadata_folder: &str) -> Option<Kind> {
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    if folder == metadata_folder {
        return is_metadata(name).then_some(Kind::Metadata);
    }
    if is_temporary(name) {
        return Some(Kind::Temporary);
    }
    let segments: Vec<&str> = folder.split('/').collect();
    match segments.as_slice() {
        [""] => (name.starts_with("boundaries-") && ends(name, "geojson")).then_some(Kind::Boundaries),
        ["warehouse", "index"] => (name.starts_with("id_hashes-") && ends(name, "parquet")).then_some(Kind::Index),
        ["_ec", "staging", ..] => Some(Kind::Staging),
        ["_ec", "commits"] => ends(name, "json").then_some(Kind::Record),
        // What tells the time of the store, and tries what it can do, is deleted at once unless the run is stopped.
        ["_ec", "clock"] => Some(Kind::Temporary),
        ["_ec", trial] if trial.starts_with("trial-") => Some(Kind::Temporary),
        ["warehouse", cell, bin] if cell.starts_with("grid_partition=") && is_bin(bin) => {
            is_data(name).then_some(Kind::Data)
        }
        ["warehouse", grid, level, tile, bin]
            if grid.starts_with("grid=") && level.starts_with("level=") && tile.starts_with("tile=") && is_bin(bin) =>
        {
            is_data(name).then_some(Kind::Data)
        }
        _ => None,
    }
}

fn is_bin(segment: &str) -> bool {
    ["year=", "month=", "day="].iter().any(|unit| segment.starts_with(unit))
}

fn ends(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end == extension)
}

/// Data files of both programs.
fn is_data(name: &str) -> bool {
    ["part_", "compacted_", "gc_"].iter().any(|start| name.starts_with(start)) && ends(name, "parquet")
}

/// `NNNNN-<uuid>.metadata.json`, `snap-<id>-<n>-<uuid>.avro`, `<uuid>-m<n>.avro`.
fn is_metadata(name: &str) -> bool {
    if let Some(stem) = name.strip_suffix(".metadata.json") {
        return stem.split_once('-').is_some_and(|(version, uuid)| all_digits(version) && is_uuid(uuid));
    }
    let Some(stem) = name.strip_suffix(".avro") else { return false };
    match stem.strip_prefix("snap-") {
        Some(rest) => {
            let mut parts = rest.splitn(3, '-');
            parts.next().is_some_and(all_digits)
                && parts.next().is_some_and(all_digits)
                && parts.next().is_some_and(is_uuid)
        }
        None => stem.rsplit_once("-m").is_some_and(|(uuid, number)| is_uuid(uuid) && all_digits(number)),
    }
}

/// What [`tempfile`](https://docs.rs/tempfile) and our own local puts name what they have not finished.
fn is_temporary(name: &str) -> bool {
    name.starts_with(".earthcatalog-") && ends(name, "tmp")
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "warehouse/earthcatalog/stac_items/metadata";
    const UUID: &str = "9c12d441-03fe-4693-9a96-a0705ddf69c1";

    #[test]
    fn what_the_programs_write_is_known() {
        let metadata = |name: &str| kind_of(&format!("{FOLDER}/{name}"), FOLDER);
        for name in
            [format!("00012-{UUID}.metadata.json"), format!("snap-12345-0-{UUID}.avro"), format!("{UUID}-m0.avro")]
        {
            assert_eq!(metadata(&name), Some(Kind::Metadata), "{name}");
        }
        for (key, kind) in [
            ("warehouse/grid_partition=81003ffffffffff/year=2020/part_000000_ab.parquet", Kind::Data),
            ("warehouse/grid_partition=__none__/year=unknown/compacted_ab12cd34.parquet", Kind::Data),
            ("warehouse/grid_partition=81003ffffffffff/month=2020-06/part_000000_ab.parquet", Kind::Data),
            ("warehouse/grid_partition=81003ffffffffff/day=2020-06-15/part_000000_ab.parquet", Kind::Data),
            ("warehouse/grid=h3/level=1/tile=81003ffffffffff/year=2020/part_000000.parquet", Kind::Data),
            ("warehouse/index/id_hashes-x.parquet", Kind::Index),
            ("boundaries-ab.geojson", Kind::Boundaries),
            ("_ec/staging/job/000001.zst", Kind::Staging),
            (".earthcatalog-ab12.tmp", Kind::Temporary),
            ("_ec/commits/00000001-a.json", Kind::Record),
            ("_ec/clock/9c12d441", Kind::Temporary),
            ("_ec/trial-9c12d441/a", Kind::Temporary),
            ("warehouse/grid_partition=a/year=2020/.earthcatalog-ab12.tmp", Kind::Temporary),
        ] {
            assert_eq!(kind_of(key, FOLDER), Some(kind), "{key}");
        }
    }

    #[test]
    fn everything_else_is_none_of_ours() {
        for key in [
            "earthcatalog.db",
            ".lock",
            "_ec/commits/notes.txt",
            "_ec/store.json",
            "README.md",
            "warehouse_id_hashes.parquet",
            "warehouse/notes.parquet",
            "warehouse/grid_partition=a/part_1.parquet",
            "warehouse/grid_partition=a/year=2020/mine.parquet",
            "warehouse/grid_partition=a/year=2020/part_1.csv",
            "other/grid_partition=a/year=2020/part_1.parquet",
            "warehouse/index/other.parquet",
            "boundaries.geojson",
            "x/boundaries-1.geojson",
        ] {
            assert_eq!(kind_of(key, FOLDER), None, "{key}");
        }
        for name in ["v1.metadata.json", "snap-x.avro", "stats.puffin", "00001-x.metadata.json", "version-hint.text"] {
            assert_eq!(kind_of(&format!("{FOLDER}/{name}"), FOLDER), None, "{name}");
        }
    }
}
