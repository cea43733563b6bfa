//! The first half of an ingest: sources to sorted rows.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{Error, ErrorKind, Location, Result, limits};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use tokio::sync::mpsc;

use super::report::{FAILURES, IngestOptions, IngestReport, Progress, Stage};
use super::retry::{Lists, Missed};
use super::staging::{self, Group, Staging};
use crate::fetch::{blocking, local_path, read_object};
use crate::rows::row::{Name, Row, SortOrder};
use crate::source::{Entry, not_an_item, read_sources};
use crate::spill::{Runs, Sorter};
use crate::store::Stores;

/// Entries that wait for a free fetch. They may hold items, so they are few.
const ENTRIES: usize = 128;
/// Groups of entries under way at once.
const GROUPS: usize = 2;
/// Names take 112 bytes: an eighth of the budget holds those of as many items as the rest holds rows, and more.
const NAME_SHARE: usize = 8;
/// So many objects that cannot be read in a row, none before them: the place is wrong, not the objects.
const GIVE_UP_AFTER: u64 = 1000;

/// All items of the sources, ready to be written.
pub(super) struct Gathered {
    pub(super) rows: Runs<Row>,
    pub(super) names: Runs<Name>,
    pub(super) observed: ObservedProperties,
    /// Objects that could not be taken, the first [`FAILURES`] of them.
    pub(super) missed: Vec<Missed>,
}

struct Gathering {
    rows: Sorter<Row>,
    names: Sorter<Name>,
    observed: ObservedProperties,
    missed: Vec<Missed>,
}

/// An entry after it was fetched and parsed.
enum Outcome {
    Item(Box<Checked>),
    Skipped(String),
    Failed { key: String, error: Error, missed: Option<Missed> },
    Broken { key: String, reason: String },
}

struct Checked {
    item: ValidItem,
    /// When its object was last written, if that is known.
    modified_us: Option<i64>,
    json: Arc<[u8]>,
    partitions: Vec<PartitionKey>,
}

/// How items are read.
pub(super) struct Reading<'a> {
    pub(super) stores: &'a Stores,
    pub(super) catalog: &'a Catalog,
    pub(super) options: &'a IngestOptions,
    /// Lists of failed objects that are read before the sources.
    pub(super) lists: Option<&'a Lists>,
    pub(super) staging: Option<&'a Staging>,
}

impl Reading<'_> {
    /// Reads and checks all items of the sources. Their order, and so everything written, is that of the sources
    /// whatever the order in which fetches end.
    pub(super) async fn read_items(&self, progress: &dyn Progress, report: &mut IngestReport) -> Result<Gathered> {
        let (sender, receiver) = mpsc::channel(ENTRIES);
        let source_options = self.options.source_options();
        let reading = async {
            if let Some(lists) = self.lists {
                lists.read(self.stores, &sender).await?;
            }
            read_sources(self.stores, &self.options.sources, &source_options, sender).await
        };
        let outcomes = staging::groups(receiver, self.options.staged_items)
            .map(|group| self.check_group(group))
            .buffered(GROUPS)
            .map_ok(|outcomes| stream::iter(outcomes).map(Ok))
            .try_flatten();
        let gathering = gather(outcomes, self.options, progress, report);
        // If gathering fails, the receiver is gone and reading ends by itself.
        let (read, gathered) = tokio::join!(reading, gathering);
        let gathered = gathered?;
        read?;
        let Gathering { rows, names, observed, missed } = gathered;
        let ((rows, size), (names, _)) = blocking(move || Ok((rows.finish(), names.finish()))).await?;
        report.sort = size;
        Ok(Gathered { rows, names, observed, missed })
    }

    /// Fetches a group of entries, but what is staged, and stages what it fetched.
    async fn check_group(&self, group: Group) -> Result<Vec<Outcome>> {
        let Group { entries, name } = group;
        let name = name.and_then(|name| Some((self.staging?, name)));
        let staged = match &name {
            Some((staging, name)) => staging.read(self.stores, name).await?,
            None => HashMap::new(),
        };
        let requests = stream::iter(entries).map(|entry| fetch(self.stores, entry, &staged));
        let at_once = self.options.concurrency.div_ceil(GROUPS).max(1);
        let fetched: Vec<Fetched> = requests.buffered(at_once).collect().await;
        if let Some((staging, name)) = name {
            let texts: Vec<_> = fetched.iter().filter_map(Fetched::text).collect();
            if texts.len() > staged.len() {
                staging.put(self.stores, &name, texts).await?;
            }
        }
        let checks = stream::iter(fetched).map(|fetched| check(self.catalog, fetched));
        Ok(checks.buffered(at_once).collect().await)
    }
}

async fn gather(
    outcomes: impl stream::Stream<Item = Result<Outcome>>,
    options: &IngestOptions,
    progress: &dyn Progress,
    report: &mut IngestReport,
) -> Result<Gathering> {
    let mut gathered = Gathering {
        rows: Sorter::new(options.memory_bytes),
        names: Sorter::new(options.memory_bytes / NAME_SHARE),
        observed: ObservedProperties::default(),
        missed: Vec::new(),
    };
    let mut unreadable = 0_u64;
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        match outcome? {
            Outcome::Item(checked) => {
                gathered = add(gathered, *checked, report.items_processed).await?;
                report.items_processed += 1;
            }
            Outcome::Skipped(reason) => report.skip(reason),
            Outcome::Broken { key, reason } => report.fail(key, reason),
            Outcome::Failed { key, error, missed } => {
                gathered.missed.extend(missed.filter(|_| gathered.missed.len() < FAILURES));
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

/// An entry whose text is there, if it has one.
enum Fetched {
    Decided(Outcome),
    Found { key: String, body: Body, object: Option<Missed> },
}

impl Fetched {
    /// What is worth staging.
    fn text(&self) -> Option<(String, Bytes)> {
        match self {
            Self::Found { key, body: Body::Text(text), object: Some(_) } => Some((key.clone(), text.clone())),
            _ => None,
        }
    }
}

enum Body {
    Text(Bytes),
    /// A local file: read on the thread that parses it.
    File(Location),
    Parsed(Value),
}

async fn fetch(stores: &Stores, entry: Entry, staged: &HashMap<String, Bytes>) -> Fetched {
    match entry {
        Entry::Skipped { reason } => Fetched::Decided(Outcome::Skipped(reason)),
        Entry::Failed { key, reason } => Fetched::Decided(Outcome::Broken { key, reason }),
        Entry::Text { key, text } => Fetched::Found { key, body: Body::Text(text), object: None },
        Entry::Parsed { key, item } => Fetched::Found { key, body: Body::Parsed(item), object: None },
        Entry::Object { key, location, modified_us } => {
            let missed = Missed { key: key.clone(), location: location.to_string(), modified_us };
            let body = match (local_path(&location), staged.get(&key)) {
                (Some(_), _) => Ok(Body::File(location)),
                (None, Some(text)) => Ok(Body::Text(text.clone())),
                (None, None) => read_object(stores, &location, limits::ITEM_BYTES).await.map(Body::Text),
            };
            match body {
                Ok(body) => Fetched::Found { key, body, object: Some(missed) },
                Err(error) => Fetched::Decided(Outcome::Failed { key, error, missed: Some(missed) }),
            }
        }
    }
}

async fn check(catalog: &Catalog, fetched: Fetched) -> Outcome {
    let (key, body, object) = match fetched {
        Fetched::Decided(outcome) => return outcome,
        Fetched::Found { key, body, object } => (key, body, object),
    };
    let catalog = catalog.clone();
    let modified_us = object.as_ref().and_then(|object| object.modified_us);
    match blocking(move || parse(&catalog, body, modified_us)).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed { key, error, missed: object },
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
