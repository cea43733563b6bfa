//! The first half of an ingest: sources to sorted rows.

use std::sync::Arc;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{Error, ErrorKind, Location, Result, limits};
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use tokio::sync::mpsc;

use super::report::{IngestOptions, IngestReport, Progress, Stage};
use crate::fetch::{blocking, local_path, read_object};
use crate::rows::row::{Name, Row, SortOrder};
use crate::source::{Entry, not_an_item, read_sources};
use crate::spill::{Runs, Sorter};
use crate::store::Stores;

/// Entries that wait for a free fetch. They may hold items, so they are few.
const ENTRIES: usize = 128;
/// Names take 112 bytes: an eighth of the budget holds those of as many items as the rest holds rows, and more.
const NAME_SHARE: usize = 8;
/// So many objects that cannot be read in a row, none before them: the place is wrong, not the objects.
const GIVE_UP_AFTER: u64 = 1000;

/// All items of the sources, ready to be written.
pub(super) struct Gathered {
    pub(super) rows: Runs<Row>,
    pub(super) names: Runs<Name>,
    pub(super) observed: ObservedProperties,
}

struct Gathering {
    rows: Sorter<Row>,
    names: Sorter<Name>,
    observed: ObservedProperties,
}

/// An entry after it was fetched and parsed.
enum Outcome {
    Item(Box<Checked>),
    Skipped(String),
    Failed { key: String, error: Error },
    Broken { key: String, reason: String },
}

struct Checked {
    item: ValidItem,
    /// When its object was last written, if that is known.
    modified_us: Option<i64>,
    json: Arc<[u8]>,
    partitions: Vec<PartitionKey>,
}

/// Reads and checks all items of the sources. Their order, and so everything written, is that of the sources
/// whatever the order in which fetches end.
pub(super) async fn read_items(
    stores: &Stores,
    catalog: &Catalog,
    options: &IngestOptions,
    progress: &dyn Progress,
    report: &mut IngestReport,
) -> Result<Gathered> {
    let (sender, mut receiver) = mpsc::channel(ENTRIES);
    let source_options = options.source_options();
    let reading = read_sources(stores, &options.sources, &source_options, sender);
    let outcomes = stream::poll_fn(move |context| receiver.poll_recv(context))
        .map(|entry| check(stores, catalog, entry))
        .buffered(options.concurrency.max(1));
    let gathering = gather(outcomes, options, progress, report);
    // If gathering fails, the receiver is gone and reading ends by itself.
    let (read, gathered) = tokio::join!(reading, gathering);
    let gathered = gathered?;
    read?;
    let Gathering { rows, names, observed } = gathered;
    let ((rows, size), (names, _)) = blocking(move || Ok((rows.finish(), names.finish()))).await?;
    report.sort = size;
    Ok(Gathered { rows, names, observed })
}

async fn gather(
    outcomes: impl stream::Stream<Item = Outcome>,
    options: &IngestOptions,
    progress: &dyn Progress,
    report: &mut IngestReport,
) -> Result<Gathering> {
    let mut gathered = Gathering {
        rows: Sorter::new(options.memory_bytes),
        names: Sorter::new(options.memory_bytes / NAME_SHARE),
        observed: ObservedProperties::default(),
    };
    let mut unreadable = 0_u64;
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Outcome::Item(checked) => {
                gathered = add(gathered, *checked, report.items_processed).await?;
                report.items_processed += 1;
            }
            Outcome::Skipped(reason) => report.skip(reason),
            Outcome::Broken { key, reason } => report.fail(key, reason),
            Outcome::Failed { key, error } => {
                let is_store = error.kind() != ErrorKind::Invalid;
                unreadable += u64::from(is_store);
                if is_store && unreadable >= GIVE_UP_AFTER && report.items_processed == 0 {
                    let message = format!("the first {unreadable} objects cannot be read");
                    return Err(Error::new(error.kind(), message).caused_by(error));
                }
                report.fail(key, error.to_string());
            }
        }
        progress.update(Stage::Reading, &report.counts());
    }
    Ok(gathered)
}

/// Adds an item. Sorting and spilling a full memory takes seconds, so that happens on a thread of its own.
async fn add(mut gathered: Gathering, checked: Checked, sequence: u64) -> Result<Gathering> {
    let Checked { item, modified_us, json, partitions } = checked;
    gathered.observed.observe(&item.item);
    let name = Name::new(&item, modified_us, sequence);
    let row = |partition| Row::new(&item, partition, sequence, Arc::clone(&json), SortOrder::Time);
    let rows = partitions.into_iter().map(row).collect::<Vec<_>>();
    if !gathered.rows.is_nearly_full() && !gathered.names.is_nearly_full() {
        return push(gathered, name, rows);
    }
    blocking(move || push(gathered, name, rows)).await
}

fn push(mut gathered: Gathering, name: Name, rows: Vec<Row>) -> Result<Gathering> {
    gathered.names.push(name)?;
    for row in rows {
        gathered.rows.push(row)?;
    }
    Ok(gathered)
}

async fn check(stores: &Stores, catalog: &Catalog, entry: Entry) -> Outcome {
    let modified_us = match &entry {
        Entry::Object { modified_us, .. } => *modified_us,
        _ => None,
    };
    let (key, work) = match entry {
        Entry::Skipped { reason } => return Outcome::Skipped(reason),
        Entry::Failed { key, reason } => return Outcome::Broken { key, reason },
        Entry::Object { key, location, .. } => match fetch(stores, location).await {
            Ok(body) => (key, body),
            Err(error) => return Outcome::Failed { key, error },
        },
        Entry::Text { key, text } => (key, Body::Text(text)),
        Entry::Parsed { key, item } => (key, Body::Parsed(item)),
    };
    let catalog = catalog.clone();
    match blocking(move || parse(&catalog, work, modified_us)).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed { key, error },
    }
}

enum Body {
    Text(bytes::Bytes),
    /// A local file: read on the thread that parses it.
    File(Location),
    Parsed(Value),
}

async fn fetch(stores: &Stores, location: Location) -> Result<Body> {
    match local_path(&location) {
        Some(_) => Ok(Body::File(location)),
        None => read_object(stores, &location, limits::ITEM_BYTES).await.map(Body::Text),
    }
}

fn parse(catalog: &Catalog, body: Body, modified_us: Option<i64>) -> Result<Outcome> {
    let value = match body {
        Body::Parsed(value) => value,
        Body::Text(text) => parse_json(&text)?,
        Body::File(location) => parse_json(&crate::fetch::read_local(&location, limits::ITEM_BYTES)?)?,
    };
    if let Some(reason) = not_an_item(&value) {
        return Ok(Outcome::Skipped(reason.to_owned()));
    }
    let item = ValidItem::from_value(value)?;
    // A dry run goes on for a table without bins that are written.
    let time_bin = catalog.time_bin().unwrap_or_default();
    let cells = catalog.grid().item_cells(item.shape.as_ref());
    let partitions = cells.iter().map(|cell| PartitionKey::new(cell, time_bin, item.datetime_us)).collect();
    let json = serde_json::to_vec(&item.item).map_err(|error| Error::internal("JSON").caused_by(error))?;
    Ok(Outcome::Item(Box::new(Checked { item, modified_us, json: json.into(), partitions })))
}

fn parse_json(text: &[u8]) -> Result<Value> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    serde_json::from_slice(text)
        .map_err(|error| Error::invalid("not JSON").caused_by(error))
        .context("bytes", text.len())
}
