//! The catalog's lock: who gets it, how it ends, and what a writer does that lost it.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use earthcatalog::commit::init;
use earthcatalog::ingest::{IngestOptions, ingest};
use earthcatalog::lock::{CatalogLocked, Lease, LockOptions, break_lock, status};
use earthcatalog::read::open;
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::write::lock::LockRecord;
use earthcatalog_core::{ErrorKind, Location};
use earthcatalog_tests::place::item;
use earthcatalog_tests::sim::{Defect, FaultStore, Faults, SimHost};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_mins(1);

/// As the Python program writes it.
const THEIRS: &str = r#"{"owner": "incremental", "pid": 7, "hostname": "h", "acquired": "2026-01-02T03:04:05.678901+00:00", "ttl_hours": 12}"#;

/// Two machines at one store, under a clock that runs as fast as there is work.
struct Bench {
    began: Instant,
    store: FaultStore,
}

impl Bench {
    fn new() -> Self {
        let began = Instant::now();
        Self { began, store: FaultStore::new(InMemory::new(), began, 1, Faults::None) }
    }

    /// A machine whose clock is off by so much.
    fn machine(&self, number: usize, skew_ms: i64) -> Stores {
        let host = SimHost::new(self.began, skew_ms, number as u64);
        let stores = Stores::default().with_host(Arc::new(host));
        stores.mount("memory://bucket", Arc::new(self.store.writer(number, Defect::None).0));
        stores
    }

    async fn put(&self, body: &str) {
        self.store.put(&"some/catalog/.lock".into(), body.to_owned().into()).await.unwrap();
    }

    async fn body(&self) -> Option<LockRecord> {
        let read = self.store.get(&"some/catalog/.lock".into()).await.ok()?;
        LockRecord::parse(&read.bytes().await.unwrap())
    }
}

fn base() -> Location {
    Location::parse("memory://bucket/some/catalog").unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_writer_at_a_time_and_the_other_is_told_who() {
    let bench = Bench::new();
    let (one, other) = (bench.machine(1, 0), bench.machine(2, 7 * 3_600_000));
    let lease = Lease::take(&one, &base(), "ingest").await.unwrap();
    let error = Lease::take(&other, &base(), "compact").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    let holder = CatalogLocked::of(&error).unwrap();
    assert_eq!(holder.owner, "earthcatalog-rs/ingest");
    assert_eq!(&holder.until[..15], "2026-01-01T00:1", "{holder}");
    assert_eq!(status(&other, &base()).await.unwrap().unwrap().holder, holder);
    lease.release().await.unwrap();
    assert_eq!(status(&other, &base()).await.unwrap(), None);
    Lease::take(&other, &base(), "compact").await.unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn d5_catalogs_of_one_bucket_do_not_wait_for_each_other() {
    let bench = Bench::new();
    let (one, other) = (bench.machine(1, 0), bench.machine(2, 0));
    let lease = Lease::take(&one, &base(), "ingest").await.unwrap();
    let beside = Location::parse("memory://bucket/some/other").unwrap();
    Lease::take(&other, &beside, "ingest").await.unwrap().release().await.unwrap();
    lease.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn d4_a_lease_is_renewed_as_long_as_its_writer_lives_and_then_taken_over() {
    let bench = Bench::new();
    let (one, other) = (bench.machine(1, 0), bench.machine(2, -3_600_000));
    let lease = Lease::take(&one, &base(), "ingest").await.unwrap();
    sleep(120 * MINUTE).await;
    lease.confirm().await.unwrap();
    assert_eq!(Lease::take(&other, &base(), "gc").await.unwrap_err().kind(), ErrorKind::Locked);
    drop(lease);
    sleep(10 * MINUTE).await;
    assert_eq!(Lease::take(&other, &base(), "gc").await.unwrap_err().kind(), ErrorKind::Locked);
    sleep(6 * MINUTE).await;
    let second = Lease::take(&other, &base(), "gc").await.unwrap();
    assert_eq!((second.fence(), bench.body().await.unwrap().fence), (2, Some(2)));
}

#[tokio::test(start_paused = true)]
async fn d1_a_writer_that_lost_its_lock_neither_commits_nor_takes_it_from_the_next() {
    let bench = Bench::new();
    let ours = bench.machine(1, 0);
    init(&ours, &base(), GridDefinition::H3 { resolution: 1 }, None).await.unwrap();
    let lease = Lease::take(&ours, &base(), "ingest").await.unwrap();
    bench.put(THEIRS).await;
    let source = tempfile::NamedTempFile::with_suffix(".ndjson").unwrap();
    std::fs::write(source.path(), item("a", 1).to_string()).unwrap();
    let options = IngestOptions::new(base().to_string(), vec![source.path().to_str().unwrap().to_owned()]);
    sleep(16 * MINUTE).await;
    let error = ingest(&lease.stores(), &options, &()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(open(&ours, base().as_str()).await.unwrap().snapshot().is_none());
    lease.release().await.unwrap();
    assert_eq!(bench.body().await.unwrap().owner, "incremental", "the next one's lock is still there");
    ingest(&ours, &options, &()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn d3_a_lock_of_the_python_program_counts_and_what_is_no_lock_ends_as_one() {
    for body in [THEIRS, "", "{}", "not JSON"] {
        let bench = Bench::new();
        let ours = bench.machine(1, 0);
        bench.put(body).await;
        sleep(11 * 60 * MINUTE).await;
        assert_eq!(Lease::take(&ours, &base(), "x").await.unwrap_err().kind(), ErrorKind::Locked, "{body}");
        sleep(61 * MINUTE).await;
        Lease::take(&ours, &base(), "x").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn d2_only_one_of_many_takes_a_lock_that_ended() {
    let bench = Bench::new();
    bench.put(THEIRS).await;
    sleep(13 * 60 * MINUTE).await;
    let machines: Vec<Stores> = (0..8).map(|number| bench.machine(number, 0)).collect();
    let base = base();
    let taken = futures::future::join_all(machines.iter().map(|stores| Lease::take(stores, &base, "x"))).await;
    assert_eq!(taken.iter().filter(|lease| lease.is_ok()).count(), 1);
    assert!(taken.iter().filter_map(|lease| lease.as_ref().err()).all(|error| error.kind() == ErrorKind::Locked));
}

#[tokio::test(start_paused = true)]
async fn a_broken_lock_can_be_taken() {
    let bench = Bench::new();
    let (one, other) = (bench.machine(1, 0), bench.machine(2, 0));
    let lease =
        Lease::take_with(&one, &base(), LockOptions { ttl: 60 * MINUTE, ..LockOptions::new("x") }).await.unwrap();
    assert_eq!(break_lock(&other, &base()).await.unwrap().unwrap().owner, "earthcatalog-rs/x");
    assert_eq!(break_lock(&other, &base()).await.unwrap(), None);
    let second = Lease::take(&other, &base(), "y").await.unwrap();
    sleep(20 * MINUTE).await;
    assert_eq!(lease.confirm().await.unwrap_err().kind(), ErrorKind::Locked);
    second.confirm().await.unwrap();
}
