//! Where items come from: folders, JSON, NDJSON and S3 inventories, told apart by name and content.

mod folder;
mod inventory;
mod json;
mod kind;

use std::collections::BTreeMap;
use std::fs::File;

use bytes::Bytes;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::{Error, ErrorKind, Location, Result, limits};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::fetch::{blocking, file_error, local_path, open_file};
use crate::store::Stores;
use kind::Kind;

/// What a source yields, in its order.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// An object to be read; it should be an item.
    Object {
        /// What it is called in reports.
        key: String,
        /// Where it lies.
        location: Location,
        /// When it was last written, if the source tells: µs since 1970 UTC.
        modified_us: Option<i64>,
    },
    /// The text of an item.
    Text {
        /// What it is called in reports.
        key: String,
        /// The text.
        text: Bytes,
    },
    /// An item that was parsed on the way.
    Parsed {
        /// What it is called in reports.
        key: String,
        /// The item.
        item: Value,
    },
    /// Something left out, and why.
    Skipped {
        /// The reason, the same text for all with it.
        reason: String,
    },
    /// Something that should have been an item and cannot be one.
    Failed {
        /// What it is called in reports.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// How sources are read.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// Objects known to be last written before this are left out: µs since 1970 UTC.
    pub since_us: Option<i64>,
    /// At most so many items.
    pub limit: Option<u64>,
    /// Where the objects of an inventory's bucket are read from, by bucket; `s3://<bucket>` if it is not named.
    pub buckets: BTreeMap<String, String>,
}

/// Reads sources one after the other into `entries`, until they end, the limit is reached or nobody listens.
///
/// A source is a folder (or a prefix of a store) of item files, a `FeatureCollection` or item as JSON, NDJSON, or an
/// S3 Inventory: its `manifest.json` or a data file. All but Parquet may be gzipped. Lines of NDJSON are items, or
/// objects that hold one as `item`, with its `key`.
///
/// # Errors
/// [`ErrorKind::NotFound`] if a source does not exist, [`ErrorKind::Invalid`] naming what was found if it is none of
/// these, and whatever makes the rest of a source unreadable.
pub async fn read_sources(
    stores: &Stores,
    sources: &[String],
    options: &SourceOptions,
    entries: mpsc::Sender<Entry>,
) -> Result<()> {
    let mut feed =
        Feed { entries, left: options.limit.unwrap_or(u64::MAX), options: options.clone(), inventory_of: None };
    for source in sources {
        if feed.left == 0 {
            break;
        }
        let read = read_source(stores, source, feed).await;
        let (back, open) = read.context("source", source)?;
        feed = back;
        if !open {
            break;
        }
    }
    Ok(())
}

/// Hands entries on and counts them. It moves into the thread that reads and back, so that the limit holds across
/// sources.
struct Feed {
    entries: mpsc::Sender<Entry>,
    left: u64,
    options: SourceOptions,
    /// The bucket that the inventory at hand is of.
    inventory_of: Option<String>,
}

/// Whether more is wanted.
type More = bool;

impl Feed {
    /// Hands on an entry, from a thread that may block.
    fn send(&mut self, entry: Entry) -> More {
        let counts = !matches!(entry, Entry::Skipped { .. });
        if self.left == 0 || self.entries.blocking_send(entry).is_err() {
            self.left = 0;
            return false;
        }
        self.left -= u64::from(counts);
        self.left > 0
    }

    fn skip(&mut self, reason: impl Into<String>) -> More {
        self.send(Entry::Skipped { reason: reason.into() })
    }

    fn fail(&mut self, key: String, reason: impl Into<String>) -> More {
        self.send(Entry::Failed { key, reason: reason.into() })
    }

    /// Where an object of a bucket is read from.
    ///
    /// An inventory is of one bucket. Others that its rows may name are read only if the user named them: an inventory
    /// that somebody else wrote must not choose what is read with the user's credentials.
    fn locate(&mut self, bucket: &str, key: &str) -> Result<Location> {
        let own = self.inventory_of.get_or_insert_with(|| bucket.to_owned());
        match self.options.buckets.get(bucket) {
            Some(place) if key.split('/').any(|segment| segment == "..") => {
                Err(Error::invalid(format!("key climbs out of `{place}`")))
            }
            Some(place) => Ok(Location::parse(place)?.join(key)),
            None if own == bucket => Location::parse(&format!("s3://{bucket}/{key}")),
            None => Err(Error::invalid(format!(
                "the inventory is of the bucket `{own}`: `--bucket {bucket}=s3://{bucket}` allows this one too"
            ))),
        }
    }
}

async fn read_source(stores: &Stores, source: &str, feed: Feed) -> Result<(Feed, More)> {
    let location = Location::parse(source)?;
    if is_folder(&location, source).await? {
        return folder::read_folder(stores, &location, feed).await;
    }
    let file = match open_file(stores, &location, None).await {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && local_path(&location).is_none() => {
            // A prefix that was given without its slash.
            return folder::read_prefix(stores, &location, feed).await?.ok_or(error);
        }
        Err(error) => return Err(error),
    };
    let name = location.name().to_owned();
    let (kind, file) = blocking(move || kind::detect(&name, file)).await?;
    read_kind(stores, &location, kind, file, feed).await
}

async fn read_kind(
    stores: &Stores,
    location: &Location,
    kind: Kind,
    file: File,
    mut feed: Feed,
) -> Result<(Feed, More)> {
    let key = location.to_string();
    feed.inventory_of = None;
    match kind {
        Kind::Manifest => inventory::read_manifest(stores, location, file, feed).await,
        Kind::CsvInventory => {
            let work = move || inventory::read_csv(&key, file, None, &mut feed).map(|more| (feed, more));
            blocking(work).await
        }
        Kind::Parquet => {
            let work = move || inventory::read_parquet(&key, file, &mut feed).map(|more| (feed, more));
            blocking(work).await
        }
        Kind::Lines => blocking(move || json::read_lines(&key, file, &mut feed).map(|more| (feed, more))).await,
        Kind::Json => blocking(move || json::read_document(&key, file, &mut feed).map(|more| (feed, more))).await,
    }
}

async fn is_folder(location: &Location, source: &str) -> Result<bool> {
    let Some(path) = local_path(location) else {
        return Ok(source.ends_with('/') && !location.is_web());
    };
    blocking(move || Ok(std::fs::metadata(path).map_err(file_error)?.is_dir())).await
}

/// Why an object that is JSON is no item and was not meant to be one; `None` if it is to be taken for an item, valid
/// or not.
///
/// A folder or bucket of items usually holds catalogs and collections too: they are no failure.
#[must_use]
pub fn not_an_item(value: &Value) -> Option<&'static str> {
    let Some(members) = value.as_object() else {
        return Some("JSON that is no object");
    };
    let has = |name| members.contains_key(name);
    match members.get("type").and_then(Value::as_str) {
        Some("Feature") => None,
        Some("Catalog") => Some("STAC catalog"),
        Some("Collection") => Some("STAC collection"),
        Some("FeatureCollection" | "ItemCollection") => Some("item collection within a folder or inventory"),
        _ if has("geometry") && has("properties") => None,
        _ if has("stac_version") && has("extent") => Some("STAC collection"),
        _ if has("stac_version") && has("links") && !has("properties") => Some("STAC catalog"),
        _ if has("fileSchema") && has("files") => Some("inventory manifest"),
        _ => Some("JSON that is no STAC item"),
    }
}

/// Longest line or item that is read.
const ITEM_BYTES: usize = limits::ITEM_BYTES;
