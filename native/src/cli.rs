//! What the command line accepts: clap types only, nothing is done here.

mod operations;
mod sharing;

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use operations::{
    Check, Compact, Delete, Delta, Expire, Gc, Index, IndexAction, Lock, LockAction, Optimize, Relocate, Repair,
    SortArgument, age,
};
pub(crate) use sharing::{Publish, Serve};

const EXAMPLES: &str = "\
Examples:
  earthcatalog sample archive --items 5000
  earthcatalog init catalog
  earthcatalog ingest catalog archive/items.ndjson.gz
  earthcatalog search catalog --bbox=-60,60,-40,70 --datetime 2020/2021 -n 5
  earthcatalog search s3://bucket/catalog --no-sign-request --intersects 'POINT (-45 70)' --count

CATALOG is a local folder, s3://…, gs://…, az://… or http(s)://… (read only), with or without /earthcatalog.db.

Exit codes: 0 done, 1 error, 2 wrong usage, 3 done in part (some items failed),
10 no catalog there, 11 locked, 12 access denied, 75 commit state unknown, 130 interrupted.
Data goes to stdout, progress and messages go to stderr.";

/// STAC catalogs on plain object storage: GeoParquet and Iceberg, no server.
#[derive(Debug, Parser)]
#[command(name = "earthcatalog", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command accepts.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Print JSON instead of text, errors included.
    #[arg(long, global = true, help_heading = "Common options")]
    pub(crate) json: bool,
    /// Set an option of the object store, as `object_store` names it, such as `aws_region=us-west-2`. Repeatable.
    #[arg(long = "opt", global = true, value_name = "KEY=VALUE", value_parser = pair, help_heading = "Common options")]
    pub(crate) options: Vec<(String, String)>,
    /// Read public buckets without credentials.
    #[arg(long, global = true, help_heading = "Common options")]
    pub(crate) no_sign_request: bool,
    /// Write without conditions, to a store or file system that cannot keep writers apart: nobody else may write.
    #[arg(long, global = true, help_heading = "Common options")]
    pub(crate) single_writer: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an empty catalog.
    Init(Init),
    /// Add STAC items to a catalog.
    Ingest(Ingest),
    /// Find items.
    Search(Search),
    /// Show a catalog in the explorer.
    Serve(Serve),
    /// Write what lets others read a catalog without this program: page, STAC Collection, Iceberg REST catalog.
    Publish(Publish),
    /// Merge the small data files of each partition.
    Compact(Compact),
    /// Write the manifests anew: few, sorted by cell, and small to read.
    Optimize(Optimize),
    /// Delete items.
    Delete(Delete),
    /// List the objects of an inventory that a catalog does not hold yet.
    Delta(Delta),
    /// Forget old snapshots.
    Expire(Expire),
    /// Delete objects that no snapshot names.
    Gc(Gc),
    /// Look after the hash index.
    Index(Index),
    /// Say who holds a catalog's lock, or remove it.
    Lock(Lock),
    /// Say what is wrong with a catalog.
    Check(Check),
    /// Rewrite stored locations, for other readers of a catalog that was moved.
    Relocate(Relocate),
    /// Write all items that can be read anew.
    Repair(Repair),
    /// List the data files that a search would read, one path a line.
    Files(Files),
    /// Count rows, files and bytes per partition.
    Stats(Stats),
    /// Describe a catalog.
    Info(Info),
    /// List the grid cells of a catalog, or those that a geometry touches.
    Cells(Cells),
    /// Make an archive of STAC items to try things on, the same for the same seed.
    Sample(Sample),
}

/// Arguments of `init`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  earthcatalog init catalog
  earthcatalog init s3://bucket/catalog --grid h3 --resolution 2 --time-bin month
  earthcatalog init catalog --grid geojson --boundaries regions.geojson --id-field name")]
pub(crate) struct Init {
    /// Where the catalog is to be.
    pub(crate) catalog: String,
    /// How items are laid into partitions.
    #[arg(long, value_enum, default_value_t = GridKind::H3)]
    pub(crate) grid: GridKind,
    /// Resolution of the H3 grid, 0 to 15 [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=15))]
    pub(crate) resolution: Option<u8>,
    /// How much time a partition holds.
    #[arg(long, value_enum, default_value_t = TimeBinArgument::Year)]
    pub(crate) time_bin: TimeBinArgument,
    /// Regions of a geojson grid: a GeoJSON `FeatureCollection`, in a file or at a URL. The catalog keeps a copy.
    #[arg(long, value_name = "FILE|URL", required_if_eq("grid", "geojson"))]
    pub(crate) boundaries: Option<String>,
    /// The property of each region that names it.
    #[arg(long, value_name = "NAME", required_if_eq("grid", "geojson"))]
    pub(crate) id_field: Option<String>,
}

/// The grids a catalog can be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GridKind {
    /// Hexagons of Uber's H3.
    H3,
    /// Regions of a GeoJSON file.
    Geojson,
}

/// How long time bins can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeBinArgument {
    /// A calendar year in UTC.
    Year,
    /// A calendar month in UTC.
    Month,
    /// A day in UTC.
    Day,
}

/// Arguments of `ingest`.
#[derive(Args, Debug)]
#[command(after_help = "\
A SOURCE is a folder of item files, an ItemCollection, NDJSON (.gz too), or an S3 Inventory: its CSV, CSV.gz or
Parquet data file, or its manifest.json.

Examples:
  earthcatalog ingest catalog items/
  earthcatalog ingest catalog items.ndjson.gz --limit 1000 --dry-run
  earthcatalog ingest catalog inventory/manifest.json --since 2024-01-01
  earthcatalog ingest catalog inventory/manifest.json --bucket my-bucket=file:///data/my-bucket
  earthcatalog ingest catalog --retry-failed

A run that was stopped is run again in the same way: what it had fetched is kept in the catalog until it is committed.")]
pub(crate) struct Ingest {
    /// The catalog to add to.
    pub(crate) catalog: String,
    /// Where the items come from.
    #[arg(required_unless_present = "retry_failed", value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Replace the catalog's items (full), add to them (delta), or full while it is empty and delta after (auto).
    #[arg(long, value_enum, default_value_t = ModeArgument::Auto)]
    pub(crate) mode: ModeArgument,
    /// Only objects of an inventory modified at this time or later.
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// At most so many items.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// So many items are fetched at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub(crate) concurrency: usize,
    /// Make the hash index from all rows, where the catalog has none or another program outdated it.
    #[arg(long)]
    pub(crate) update_hash_index: bool,
    /// Take what earlier runs could not read, too.
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// Read and check everything, write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read the objects of an inventory's bucket from another place, or allow a further bucket. Repeatable.
    #[arg(long = "bucket", value_name = "NAME=URL", value_parser = pair)]
    pub(crate) buckets: Vec<(String, String)>,
}

/// How an ingest treats what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArgument {
    /// Full while the catalog is empty, delta after.
    Auto,
    /// Replace what is there.
    Full,
    /// Add to what is there.
    Delta,
}

/// Where to look: nowhere in particular, a box, or a geometry.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Area {
    /// A box in degrees; west > east crosses the antimeridian. Six numbers (with heights) are taken too.
    #[arg(long, value_name = "W,S,E,N", allow_hyphen_values = true, conflicts_with = "intersects")]
    pub(crate) bbox: Option<String>,
    /// A geometry: GeoJSON (a Feature or `FeatureCollection` too), WKT, or @FILE that holds one (@- is stdin).
    #[arg(long, value_name = "GEOJSON|@FILE|WKT")]
    pub(crate) intersects: Option<String>,
}

/// When to look.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Time {
    /// An instant, a year, a month, a day, or an interval of two of them; `..` leaves an end open.
    #[arg(long, value_name = "T|T/T")]
    pub(crate) datetime: Option<String>,
    /// What is held against --datetime: the item's whole time range, or its `datetime` alone.
    #[arg(long, value_enum, default_value_t = TemporalArgument::Overlap)]
    pub(crate) temporal: TemporalArgument,
}

/// What to look for.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Filter {
    /// A CQL2 filter as text or JSON, or @FILE with one.
    #[arg(long, value_name = "CQL2|@FILE", allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
}

/// The temporal rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemporalArgument {
    /// `start_datetime` to `end_datetime` (or `datetime`) overlaps.
    #[default]
    Overlap,
    /// `datetime` lies within.
    Datetime,
}

/// Arguments of `search`.
#[derive(Args, Debug)]
#[command(after_help = "\
Formats:
  ndjson      one item a line (default)
  geojson     a FeatureCollection
  json        a STAC ItemCollection (default with --json)
  csv         id,collection,datetime,start_datetime,end_datetime,west,south,east,north, href with --asset, then a
              column for each property that the catalog has one for
  url         the href of one asset a line: --asset KEY, else `data`
  arrow       an Arrow IPC stream of the catalog's columns; a file that ends in .arrow is an Arrow IPC file
  geoparquet  a file of the STAC GeoParquet specification

With -o, the format is that of the file's ending unless --format says otherwise, and the file is there when all of it
is: .ndjson .jsonl .geojson .json .csv .txt .arrow .arrows .feather .parquet

With --json, --count prints {\"count\": N}, --estimate {\"atMost\": N}, and --explain the plan instead of the items, or
beside a file.

Examples:
  earthcatalog search catalog --bbox=-60,60,-40,70 --datetime 2020-06/2020-09 -n 10
  earthcatalog search catalog --intersects @area.geojson --count --explain
  earthcatalog search catalog --intersects @area.geojson --sortby -datetime -n 10 --fields id,properties.datetime
  earthcatalog search catalog --filter \"eo:cloud_cover < 10 AND platform LIKE 'sentinel-2%'\"
  earthcatalog search catalog --ids A,B --format url --asset thumbnail | xargs -n 1 curl -O
  earthcatalog search catalog --datetime 2020 -o items.parquet")]
pub(crate) struct Search {
    /// The catalog to read.
    pub(crate) catalog: String,
    #[command(flatten)]
    pub(crate) area: Area,
    #[command(flatten)]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only items with one of these ids.
    #[arg(long, value_name = "A,B", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) ids: Vec<String>,
    /// Only items of one of these collections.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) collections: Vec<String>,
    /// The order of the items: properties, each with `-` before it for the greatest first. Items without one come last.
    #[arg(long, value_name = "+A,-B", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) sortby: Vec<String>,
    /// The members of items to print, or with `-` before them those to leave out, such as `id,properties,-links`.
    #[arg(long, value_name = "A,-B", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) fields: Vec<String>,
    /// At most so many items.
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) max_items: Option<u64>,
    /// Most items of a page: json and geojson are then as many documents as there are pages.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroU64>,
    /// How items are written [default: by the ending of FILE, or ndjson].
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Write to a file, or to an object of a store, instead of stdout; `-` is stdout.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Option<String>,
    /// The asset whose href is printed by url and csv.
    #[arg(long, value_name = "KEY")]
    pub(crate) asset: Option<String>,
    /// Print how many items there are instead of the items.
    #[arg(long, conflicts_with_all = ["format", "asset", "output", "limit"])]
    pub(crate) count: bool,
    /// Print a number that the items do not exceed, from metadata alone: an item counts once for each of its cells.
    #[arg(long, conflicts_with_all = ["format", "asset", "count", "explain", "output", "limit"])]
    pub(crate) estimate: bool,
    /// Say what was read and what was skipped: a table on stderr, or JSON on stdout with --json.
    #[arg(long)]
    pub(crate) explain: bool,
}

/// How items are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One item a line.
    Ndjson,
    /// A `FeatureCollection`.
    Geojson,
    /// A STAC `ItemCollection`.
    Json,
    /// A row for each item.
    Csv,
    /// The href of one asset a line.
    Url,
    /// An Arrow IPC stream.
    Arrow,
    /// A STAC `GeoParquet` file.
    Geoparquet,
}

/// Arguments of `files`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  earthcatalog files catalog --bbox=-60,60,-40,70 --datetime 2020
  duckdb -c \"FROM read_parquet([$(earthcatalog files catalog | sed \"s/.*/'&'/\" | paste -sd,)])\"")]
pub(crate) struct Files {
    /// The catalog to read.
    pub(crate) catalog: String,
    #[command(flatten)]
    pub(crate) area: Area,
    #[command(flatten)]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// Arguments of `stats`.
#[derive(Args, Debug)]
pub(crate) struct Stats {
    /// The catalog to read.
    pub(crate) catalog: String,
}

/// Arguments of `info`.
#[derive(Args, Debug)]
pub(crate) struct Info {
    /// The catalog to read.
    pub(crate) catalog: String,
}

/// Arguments of `cells`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  earthcatalog cells catalog -n 10
  earthcatalog cells catalog --intersects 'POINT (-45 70)'
  earthcatalog cells catalog --bbox=-60,60,-40,70 --sql")]
pub(crate) struct Cells {
    /// The catalog to read.
    pub(crate) catalog: String,
    #[command(flatten)]
    pub(crate) area: Area,
    /// Print the SQL condition that picks the cells of a geometry.
    #[arg(long)]
    pub(crate) sql: bool,
    /// Only the N cells with most rows.
    #[arg(short = 'n', long, value_name = "N", conflicts_with_all = ["bbox", "intersects", "sql"])]
    pub(crate) top: Option<usize>,
}

/// Arguments of `sample`.
#[derive(Args, Debug)]
#[command(after_help = "\
The archive holds the items and S3 Inventories of them in every format: CSV, CSV.gz, Parquet and manifest.json.

Examples:
  earthcatalog sample archive --items 5000
  earthcatalog sample archive --items 200 --kind sentinel-2 --seed 7")]
pub(crate) struct Sample {
    /// The folder to write to.
    pub(crate) dir: PathBuf,
    /// So many items.
    #[arg(long, value_name = "N")]
    pub(crate) items: u64,
    /// Another seed makes another archive.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What the items look like.
    #[arg(long, value_enum, default_value_t = KindArgument::Itslive)]
    pub(crate) kind: KindArgument,
}

/// The kinds of sample archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArgument {
    /// Ice velocity image pairs, as `ITS_LIVE` publishes them.
    Itslive,
    /// Scenes of Sentinel-2 on its tiles.
    #[value(name = "sentinel-2")]
    Sentinel2,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected a name, `=` and a value".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_box_may_start_with_a_minus_sign() {
        let cli = Cli::try_parse_from(["earthcatalog", "search", "c", "--bbox", "-60,60,-40,70", "-n", "3"]).unwrap();
        let Command::Search(search) = cli.command else { panic!("not a search") };
        assert_eq!(search.area.bbox.as_deref(), Some("-60,60,-40,70"));
        assert_eq!(search.max_items, Some(3));
    }

    #[test]
    fn common_options_stand_before_or_after_the_command() {
        for words in [["earthcatalog", "--json", "info", "c"], ["earthcatalog", "info", "c", "--json"]] {
            assert!(Cli::try_parse_from(words).unwrap().common.json);
        }
    }

    #[test]
    fn a_geojson_grid_needs_its_boundaries() {
        assert!(Cli::try_parse_from(["earthcatalog", "init", "c", "--grid", "geojson"]).is_err());
    }
}
