//! One history: writers at work in one catalog until all have done what they were asked to, then what must be true.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use earthcatalog::check::check;
use earthcatalog::compact::{CompactOptions, compact};
use earthcatalog::delete::{DeleteOptions, delete};
use earthcatalog::driver::Driver;
use earthcatalog::expire::{ExpireOptions, expire};
use earthcatalog::gc::{GcOptions, collect_garbage, store_now_us};
use earthcatalog::index;
use earthcatalog::ingest::{IngestOptions, ingest};
use earthcatalog::lock::Lease;
use earthcatalog::optimize::{OptimizeOptions, optimize};
use earthcatalog::read::{list_files, open, search};
use earthcatalog::store::{Protocol, Stores};
use earthcatalog_core::query::Query;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use futures::FutureExt as _;
use futures::future::join_all;
use object_store::memory::InMemory;
use serde_json::Value;
use tokio::time::Instant;

use super::{Chance, Defect, FaultStore, Faults, SimHost};
use crate::place::{Place, item, item_at};

const ROOT: &str = "memory://bucket";
const CATALOG: &str = "memory://bucket/some/catalog";
/// What is younger may be in use, says the collector of garbage.
const GRACE_US: i64 = 3_600_000_000;
/// Runs of one command after which something is wrong.
const MOST_RUNS: u32 = 10_000;

/// What a writer is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ingest items, each with the month in which it was updated.
    Ingest(Vec<(String, u32)>),
    /// Merge small files.
    Compact,
    /// Delete items.
    Delete(Vec<String>),
    /// Forget old snapshots.
    Expire,
    /// Collect garbage.
    Gc,
    /// Make the hash index anew.
    RebuildIndex,
    /// Write the manifests anew.
    Optimize,
}

impl Command {
    /// An ingest of items that were updated in this month.
    #[must_use]
    pub fn ingest(ids: &[&str], month: u32) -> Self {
        Self::Ingest(ids.iter().map(|id| ((*id).to_owned(), month)).collect())
    }
}

/// How a history goes.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Decides the order of all operations, and chance.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether writers take the catalog's lock.
    pub locked: bool,
    /// How wrong the clocks of the writers' machines are at most.
    pub skew_ms: u64,
    /// What the writers do wrong.
    pub defect: Defect,
    /// The steps of the commit.
    pub protocol: Protocol,
    /// Objects must be so old before they are collected.
    pub grace_us: i64,
}

impl Setting {
    /// A history of this seed in which nothing goes wrong.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            faults: Faults::None,
            locked: false,
            skew_ms: 0,
            defect: Defect::None,
            protocol: Protocol::default(),
            grace_us: GRACE_US,
        }
    }
}

/// What a history came to.
#[derive(Debug)]
pub struct History {
    /// Operations of the store that writers made.
    pub operations: u64,
    /// How many went wrong.
    pub injected: u64,
    /// Runs of commands that ended with an error, and writers that died.
    pub failed_runs: u32,
    /// What happened, one operation a line.
    pub log: Vec<String>,
    /// What was found to be wrong.
    pub broken: Vec<Broken>,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// The catalog that histories begin with.
#[derive(Debug)]
pub struct World {
    objects: InMemory,
    items: BTreeMap<String, u32>,
    /// Sources of the ingests.
    folder: tempfile::TempDir,
}

/// Where an item lies: two cells are in use.
fn made_item(id: &str, month: u32) -> Value {
    if id.len().is_multiple_of(2) {
        item(id, month)
    } else {
        item_at(id, 60.0, &format!("2021-{month:02}-01T00:00:00Z"))
    }
}

impl World {
    /// A catalog of three small ingests and a deletion, so that there is something to merge, to forget and to collect.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let objects = InMemory::new();
        // Its names are drawn alike each time: a history follows from them too.
        let stores = Stores::default().with_host(Arc::new(SimHost::new(Instant::now(), 0, 0)));
        let place = Place::of_host(stores, Arc::new(objects.clone()), 1);
        let mut items = BTreeMap::new();
        for ids in [["a1", "b", "old"], ["a2", "c", "d1"], ["a3", "d", "d2"]] {
            for id in ids {
                items.insert(id.to_owned(), 3);
            }
            place.ingest(&ids.map(|id| made_item(id, 3)));
        }
        let gone = DeleteOptions::new(place.catalog.clone(), Query::new().ids(["old"]));
        crate::place::run(delete(&place.stores, &gone)).unwrap();
        items.remove("old");
        let options = ExpireOptions { catalog: place.catalog.clone(), keep: 2, before_ms: i64::MAX, dry_run: false };
        crate::place::run(expire(&place.stores, &options)).unwrap();
        Self { objects, items, folder: place.folder }
    }

    /// Lets writers work, each at its commands in their order and each command until it succeeds, and looks at the
    /// catalog after each change and in the end.
    ///
    /// # Panics
    /// If there is no runtime to be had.
    #[must_use]
    pub fn history(&self, writers: &[Vec<Command>], setting: &Setting) -> History {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(self.unfold(writers, setting))
    }

    async fn unfold(&self, writers: &[Vec<Command>], setting: &Setting) -> History {
        let began = Instant::now();
        let store = FaultStore::new(self.objects.fork(), began, setting.seed, setting.faults.clone());
        // Long enough for the catalog's beginnings to be old.
        tokio::time::sleep(Duration::from_hours(48)).await;
        let judge = Arc::new(Judge::new(&self.items, &store));
        let looks = Arc::clone(&judge);
        store.on_change(move || {
            let judge = Arc::clone(&looks);
            async move { judge.look("after a commit").await }.boxed()
        });
        let mut chance = Chance::new(setting.seed ^ 0x5eed);
        let work = writers.iter().enumerate().map(|(number, commands)| {
            let skew = chance.below(2 * setting.skew_ms + 1);
            let skew_ms = i64::try_from(skew).unwrap() - i64::try_from(setting.skew_ms).unwrap();
            let writer = Worker { number, store: &store, judge: &judge, setting, skew_ms, began, folder: &self.folder };
            writer.work(commands)
        });
        let failed_runs = join_all(work).await.into_iter().sum();
        // What was delayed comes now at the latest.
        tokio::time::sleep(Duration::from_mins(10)).await;
        judge.look("in the end").await;
        judge.judge_end().await;
        store.ignore_changes();
        History {
            operations: store.operations(),
            injected: store.injected(),
            failed_runs,
            log: store.log(),
            broken: judge.broken(),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// One writer: a process that is begun again when it dies.
struct Worker<'a> {
    number: usize,
    store: &'a FaultStore,
    judge: &'a Judge,
    setting: &'a Setting,
    skew_ms: i64,
    began: Instant,
    folder: &'a tempfile::TempDir,
}

impl Worker<'_> {
    /// How many runs failed.
    async fn work(self, commands: &[Command]) -> u32 {
        let mut failed = 0;
        for command in commands {
            let mut done = false;
            for run in 1..=MOST_RUNS {
                // Where something is wrong already, what follows from it may not end.
                if !self.judge.broken().is_empty() {
                    return failed;
                }
                match self.run(command, run).await {
                    Some(Ok(())) => {
                        self.judge.acknowledge(command);
                        done = true;
                        break;
                    }
                    Some(Err(error)) if matches!(error.kind(), ErrorKind::Internal) => {
                        self.judge.find(format!("writer {}, {command:?}: {error}", self.number));
                    }
                    Some(Err(_)) | None => {}
                }
                failed += 1;
                // As long as it may take until a dead writer's lock ends.
                tokio::time::sleep(Duration::from_secs(if self.setting.locked { 120 } else { 1 })).await;
            }
            if !done {
                self.judge.find(format!("writer {}, {command:?}: not done in {MOST_RUNS} runs", self.number));
            }
        }
        failed
    }

    /// One process; `None` if it died.
    async fn run(&self, command: &Command, run: u32) -> Option<Result<()>> {
        let (view, death) = self.store.writer(self.number, self.setting.defect);
        let seed = self.setting.seed ^ (self.number as u64 + 1) << 32 ^ u64::from(run) << 16 ^ self.store.operations();
        let host = SimHost::new(self.began, self.skew_ms, seed);
        let stores = Stores::default().with_host(Arc::new(host)).with_protocol(self.setting.protocol);
        stores.mount(ROOT, Arc::new(view));
        tokio::select! {
            biased;
            () = death.notified() => None,
            done = self.command(&stores, command) => Some(done),
        }
    }

    async fn command(&self, stores: &Stores, command: &Command) -> Result<()> {
        if !self.setting.locked {
            return self.act(stores, command).await;
        }
        let lease = Lease::take(stores, &Location::parse(CATALOG)?, "test").await?;
        let done = self.act(&lease.stores(), command).await;
        // It ends by itself if it cannot be given back.
        drop(lease.release().await);
        done
    }

    async fn act(&self, stores: &Stores, command: &Command) -> Result<()> {
        let catalog = CATALOG.to_owned();
        match command {
            Command::Ingest(items) => {
                let source = self.source(items);
                let mut options = IngestOptions::new(catalog, vec![source]);
                options.memory_bytes = 1 << 20;
                let report = ingest(stores, &options, &()).await?;
                if report.items_failed > 0 {
                    return Err(Error::internal(format!("{:?}", report.failed)));
                }
            }
            Command::Compact => {
                compact(stores, &CompactOptions::new(catalog)).await?;
            }
            Command::Delete(ids) => {
                delete(stores, &DeleteOptions::new(catalog, Query::new().ids(ids))).await?;
            }
            Command::Expire => {
                expire(stores, &ExpireOptions { catalog, keep: 1, before_ms: i64::MAX, dry_run: false }).await?;
            }
            Command::Gc => {
                let before_us = store_now_us(stores, &catalog, false).await?.saturating_sub(self.setting.grace_us);
                collect_garbage(stores, &GcOptions { catalog, before_us, dry_run: false }).await?;
            }
            Command::Optimize => {
                optimize(stores, &OptimizeOptions { catalog, dry_run: false }).await?;
            }
            Command::RebuildIndex => {
                index::rebuild(stores, &catalog).await?;
            }
        }
        Ok(())
    }

    fn source(&self, items: &[(String, u32)]) -> String {
        let lines: Vec<String> = items.iter().map(|(id, month)| made_item(id, *month).to_string()).collect();
        let names: Vec<String> = items.iter().map(|(id, month)| format!("{id}{month}")).collect();
        let path = self.folder.path().join(format!("{}.ndjson", names.join("-")));
        // Histories that go on at once share the folder.
        let mut file = tempfile::NamedTempFile::new_in(self.folder).unwrap();
        file.write_all(lines.join("\n").as_bytes()).unwrap();
        file.persist(&path).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Knows what must be in the catalog, and looks whether it is.
struct Judge {
    stores: Stores,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// What is to be in the catalog, with the month of the version that must be there at least.
    there: BTreeMap<String, u32>,
    /// What must not come back.
    gone: BTreeSet<String>,
    broken: Vec<Broken>,
}

impl Judge {
    fn new(items: &BTreeMap<String, u32>, store: &FaultStore) -> Self {
        let stores = Stores::default();
        stores.mount(ROOT, Arc::new(store.clone()));
        let known = Known { there: items.clone(), ..Known::default() };
        Self { stores, known: Mutex::new(known) }
    }

    fn known<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, what: String) {
        self.known(|known| known.broken.push(Broken(what)));
    }

    fn broken(&self) -> Vec<Broken> {
        self.known(|known| known.broken.clone())
    }

    /// A command was told to have succeeded: from now on that must show.
    fn acknowledge(&self, command: &Command) {
        self.known(|known| match command {
            Command::Ingest(items) => {
                for (id, month) in items.iter().filter(|(id, _)| !known.gone.contains(id)) {
                    let there = known.there.entry(id.clone()).or_default();
                    *there = (*month).max(*there);
                }
            }
            Command::Delete(ids) => {
                for id in ids {
                    known.there.remove(id);
                    known.gone.insert(id.clone());
                }
            }
            _ => {}
        });
    }

    /// Reads everything as a reader would. Items that are being deleted may be there or not.
    async fn look(&self, when: &str) {
        if let Err(error) = self.read_all(when).await {
            self.find(format!("{when}: a reader met {error}"));
        }
    }

    async fn read_all(&self, when: &str) -> Result<BTreeMap<String, u32>> {
        let driver = Driver::new(self.stores.clone());
        // What must be there at this moment, and not what is promised while the reader reads.
        let (there, gone) = self.known(|known| (known.there.clone(), known.gone.clone()));
        let catalog = open(&self.stores, CATALOG).await?;
        let (files, _) = list_files(&driver, &catalog, None).await?;
        let rows: u64 = files.iter().map(|file| file.data_file.record_count).sum();
        let mut found = BTreeMap::new();
        search(&driver, &catalog, Query::new(), |item| {
            let id = item["id"].as_str().unwrap_or_default().to_owned();
            let month = item["properties"]["updated"].as_str().and_then(|text| text.get(5..7)?.parse().ok());
            found.insert(id, month.unwrap_or_default());
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        if rows != found.len() as u64 {
            self.find(format!("{when}: {rows} rows of {} items", found.len()));
        }
        for (id, month) in there {
            // An item that is about to be deleted is one of those whose name says so.
            if !id.starts_with('d') && found.get(&id).is_none_or(|found| *found < month) {
                self.find(format!("{when}: item {id} of month {month} is {:?}", found.get(&id)));
            }
        }
        if let Some(id) = gone.iter().find(|id| found.contains_key(*id)) {
            self.find(format!("{when}: item {id} came back"));
        }
        Ok(found)
    }

    /// All is done: the catalog holds exactly what it must, and nothing in it is wrong.
    async fn judge_end(&self) {
        match self.read_all("in the end").await {
            Ok(found) => {
                let there = self.known(|known| known.there.clone());
                if found != there {
                    self.find(format!("in the end there are {found:?}, and not {there:?}"));
                }
            }
            Err(error) => self.find(format!("in the end: {error}")),
        }
        match check(&self.stores, CATALOG, true).await {
            Ok(report) if report.findings.is_empty() => {}
            Ok(report) => self.find(format!("in the end: {:?}", report.findings)),
            Err(error) => self.find(format!("in the end: {error}")),
        }
    }
}
