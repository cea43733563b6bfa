//! What the commands that keep a catalog in order accept.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::Filter;

/// Arguments of `compact`.
#[derive(Args, Debug)]
#[command(after_help = "\
What is merged stays readable in earlier snapshots: `expire` and `gc` free its space.

Examples:
  earthcatalog compact catalog --dry-run
  earthcatalog compact catalog --target-size 16MiB --partition 81083ffffffffff/2020")]
pub(crate) struct Compact {
    /// The catalog to compact.
    pub(crate) catalog: String,
    /// Leave partitions with fewer small files alone.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) threshold: usize,
    /// Size that merged files are to have, such as 8MiB; files below half of it are merged.
    #[arg(long, value_name = "S", default_value = "8MiB", value_parser = size)]
    pub(crate) target_size: u64,
    /// How rows lie in a merged file.
    #[arg(long, value_enum, default_value_t = SortArgument::Time)]
    pub(crate) sort: SortArgument,
    /// Only this cell, or CELL/YEAR. Repeatable.
    #[arg(long = "partition", value_name = "CELL[/YEAR]")]
    pub(crate) partitions: Vec<String>,
    /// Say what would be merged, change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Orders of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortArgument {
    /// By platform, then datetime.
    Time,
    /// By place, along a Hilbert curve.
    Hilbert,
}

/// Arguments of `delete`.
#[derive(Args, Debug)]
#[command(after_help = "\
Earlier snapshots keep what is deleted until `expire` and `gc`.

Examples:
  earthcatalog delete catalog --ids A,B
  earthcatalog delete catalog --ids A --collection sentinel-2-l2a --dry-run
  earthcatalog delete catalog --filter \"eo:cloud_cover > 90 AND datetime < TIMESTAMP('2016-01-01T00:00:00Z')\"")]
pub(crate) struct Delete {
    /// The catalog to delete from.
    pub(crate) catalog: String,
    /// The ids of the items.
    #[arg(long, value_name = "A,B", value_delimiter = ',', required_unless_present = "filter")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only items of this collection. Repeatable.
    #[arg(long = "collection", value_name = "ID")]
    pub(crate) collections: Vec<String>,
    /// Count, change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `delta`.
#[derive(Args, Debug)]
#[command(after_help = "\
An object is known if the hash index holds the id that its key names: its last segment without .stac.json.
The delta is itself an inventory, which `ingest` takes.

Examples:
  earthcatalog delta catalog s3://bucket/inventory/manifest.json -o delta.parquet
  earthcatalog ingest catalog delta.parquet")]
pub(crate) struct Delta {
    /// The catalog to compare with.
    pub(crate) catalog: String,
    /// The inventory: its manifest.json, or a CSV, CSV.gz or Parquet file of it.
    pub(crate) inventory: String,
    /// The Parquet file to write.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Only objects modified at this time or later.
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
}

/// Arguments of `optimize`.
#[derive(Args, Debug)]
#[command(after_help = "\
Data files stay as they are; `compact` merges them, and does this too where there are many manifests.
A table of another writer is told to keep no bounds of columns by which no query is pruned.

Examples:
  earthcatalog optimize catalog --dry-run
  earthcatalog optimize s3://bucket/catalog --json")]
pub(crate) struct Optimize {
    /// The catalog whose manifests are written anew.
    pub(crate) catalog: String,
    /// Count, change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `expire`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  earthcatalog expire catalog --keep 10 --older-than 7d
  earthcatalog expire catalog --older-than 2026-01-01")]
pub(crate) struct Expire {
    /// The catalog whose old snapshots are forgotten.
    pub(crate) catalog: String,
    /// Keep so many of the newest, whatever their age.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) keep: usize,
    /// Forget only older ones: an age such as 12h, 7d or 4w, or a time.
    #[arg(long, value_name = "T", default_value = "5d")]
    pub(crate) older_than: String,
    /// Say which, change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `gc`.
#[derive(Args, Debug)]
#[command(after_help = "\
Objects that are not known to be the catalog's are never touched.

Examples:
  earthcatalog gc catalog --dry-run
  earthcatalog gc catalog --grace 72h")]
pub(crate) struct Gc {
    /// The catalog to collect the garbage of.
    pub(crate) catalog: String,
    /// Leave younger objects, which may be those of a commit in flight: an age such as 24h or 3d.
    #[arg(long, value_name = "AGE", default_value = "24h", value_parser = age)]
    pub(crate) grace: Duration,
    /// Say what would be deleted, delete nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Each finding names the object, what is wrong and what to do. The exit code is 1 if there is any.

Examples:
  earthcatalog check catalog
  earthcatalog check catalog --deep --json
  earthcatalog check s3://bucket/catalog --store")]
pub(crate) struct Check {
    /// The catalog to look at.
    pub(crate) catalog: String,
    /// Read every row of the current snapshot too: bounds, partitions, covers, hash index.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Try instead whether the store keeps writers apart, by racing some: the catalog need not be there yet.
    #[arg(long, conflicts_with = "deep")]
    pub(crate) store: bool,
}

/// Arguments of `repair`.
#[derive(Args, Debug)]
#[command(after_help = "\
Reads the data files of the current snapshot that can be read, and writes each item anew: once, in its newest version,
in all its cells. A catalog that lost its database gets one, with all data files below it.

A commit that another program undid, by uploading a database of its own over it, is found by `check` and made again by
--replay.

Examples:
  earthcatalog repair catalog --dry-run
  earthcatalog repair catalog --all-data-files
  earthcatalog repair catalog --replay")]
pub(crate) struct Repair {
    /// The catalog to repair.
    pub(crate) catalog: String,
    /// Take every data file below the catalog, also those no snapshot names; deleted items come back.
    #[arg(long)]
    pub(crate) all_data_files: bool,
    /// Only make commits again that another program undid.
    #[arg(long, conflicts_with = "all_data_files")]
    pub(crate) replay: bool,
    /// Say what would be kept and lost, change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `lock`.
#[derive(Args, Debug)]
#[command(after_help = "\
A writer holds the lock while it works, for 15 minutes at a time; that of a writer that died ends by itself.

Examples:
  earthcatalog lock status catalog
  earthcatalog lock break catalog")]
pub(crate) struct Lock {
    #[command(subcommand)]
    pub(crate) action: LockAction,
}

/// What to do with the lock.
#[derive(Debug, Subcommand)]
pub(crate) enum LockAction {
    /// Say who holds it, and until when.
    Status {
        /// The catalog.
        catalog: String,
    },
    /// Remove it, whoever holds it. A catalog is safe from two writers of this program all the same.
    Break {
        /// The catalog.
        catalog: String,
    },
}

/// Arguments of `relocate`.
#[derive(Args, Debug)]
#[command(after_help = "\
Needed only for programs that follow the absolute locations that Iceberg stores; this one finds a moved catalog's objects
where it opens it. Earlier snapshots are forgotten.

Examples:
  earthcatalog relocate /data/moved-here
  earthcatalog relocate /mnt/bucket/catalog --to s3://bucket/catalog")]
pub(crate) struct Relocate {
    /// The catalog.
    pub(crate) catalog: String,
    /// The base that locations are to lie below [default: CATALOG].
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// Say what would be written, change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `index`.
#[derive(Args, Debug)]
pub(crate) struct Index {
    #[command(subcommand)]
    pub(crate) action: IndexAction,
}

/// What to do with the hash index.
#[derive(Debug, Subcommand)]
pub(crate) enum IndexAction {
    /// Make it anew from all rows.
    Rebuild {
        /// The catalog.
        catalog: String,
    },
    /// Compare it with all rows; fails if they differ.
    Verify {
        /// The catalog.
        catalog: String,
    },
}

/// An age: a number of seconds, minutes, hours, days or weeks.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err("expected a number and s, m, h, d or w, such as 24h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "expected a number and a unit, such as 24h".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "too long".to_owned())
}

/// A size in bytes: a number, and kB, MB, GB, KiB, MiB or GiB.
fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let bytes = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("expected a size such as 8MiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "expected a size such as 8MiB".to_owned())?;
    number.checked_mul(bytes).filter(|size| *size > 0).ok_or_else(|| "too large, or nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_have_units() {
        assert_eq!(age("36h"), Ok(Duration::from_hours(36)));
        assert_eq!(age("0s"), Ok(Duration::ZERO));
        for wrong in ["", "h", "1", "1y", "-1h", "1.5h", "99999999999999999999h", "99999999999999999w"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        assert_eq!((size("8MiB"), size("2 gb"), size("7")), (Ok(8 << 20), Ok(2_000_000_000), Ok(7)));
        for wrong in ["", "MiB", "8XB", "-1", "0", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
