//! Every operation of every command goes wrong in every way, once: nothing may be lost, doubled or shown half done.
//!
//! `EARTHCATALOG_SWEEP=all` tries every operation; otherwise a share of them is tried. Each failure names the history,
//! which is the same whenever it is run again.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earthcatalog::commit::{self, Change, NewDataFile};
use earthcatalog::driver::Driver;
use earthcatalog::read::{list_files, open};
use earthcatalog::store::{Protocol, Stores};
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::write::metrics::Metrics;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{ErrorKind, Location};
use earthcatalog_tests::sim::{Command, Defect, Fault, FaultStore, Faults, History, Setting, SimHost, World};
use object_store::memory::InMemory;

fn sweeps_all() -> bool {
    std::env::var("EARTHCATALOG_SWEEP").is_ok_and(|text| text == "all")
}

/// One writer for each command, or several.
fn one(command: Command) -> Vec<Vec<Command>> {
    vec![vec![command]]
}

fn ingest() -> Command {
    // A new item, one that is there, and a newer version of one that is there.
    Command::Ingest(vec![("n1".into(), 1), ("b".into(), 3), ("a1".into(), 5)])
}

fn delete() -> Command {
    Command::Delete(vec!["d1".into(), "d2".into()])
}

fn four() -> Vec<Vec<Command>> {
    vec![vec![ingest()], vec![Command::Compact], vec![delete()], vec![Command::Gc]]
}

fn five() -> Vec<Vec<Command>> {
    vec![
        vec![ingest(), Command::Compact],
        vec![Command::ingest(&["n1", "n2"], 2), Command::RebuildIndex],
        vec![Command::ingest(&["n2", "nn", "c"], 4)],
        vec![Command::Compact, Command::Expire, Command::Gc],
        vec![delete(), Command::Optimize, Command::Gc],
    ]
}

/// Tries each operation of a history, or each `step`th, with each fault. How many faults there were.
fn sweep(name: &str, writers: &[Vec<Command>], setting: &Setting, step: u64) -> u64 {
    let world = World::new();
    let calm = world.history(writers, setting);
    assert_eq!(calm.broken, [], "{name} without a fault");
    let step = if sweeps_all() { 1 } else { step };
    let injected = AtomicU64::new(0);
    let numbers: Vec<u64> = (1..=calm.operations).collect();
    let (left, right) = numbers.split_at(numbers.len() / 2);
    let part = |numbers: &[u64]| {
        for number in numbers {
            for (kind, fault) in Fault::ALL.into_iter().enumerate() {
                // Kinds take turns, so that a share of the sweep has all of them.
                if !(number + kind as u64).is_multiple_of(step) {
                    continue;
                }
                let setting = Setting { faults: Faults::At(*number, fault), ..setting.clone() };
                let history = world.history(writers, &setting);
                injected.fetch_add(history.injected, Ordering::Relaxed);
                assert_eq!(history.broken, [], "{name}: {setting:?}");
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| part(left));
        part(right);
    });
    let injected = injected.into_inner();
    println!("{name}: {} operations, {injected} faults survived", calm.operations);
    assert!(injected > 0, "{name}");
    injected
}

#[test]
fn one_writer_survives_a_fault_at_any_operation() {
    let mut injected = 0;
    let commands =
        [ingest(), Command::Compact, delete(), Command::Expire, Command::Gc, Command::RebuildIndex, Command::Optimize];
    for command in commands {
        let name = format!("{command:?}");
        injected += sweep(&name, &one(command.clone()), &Setting::new(1), 8);
        injected += sweep(&name, &one(command), &Setting { locked: true, ..Setting::new(2) }, 11);
    }
    println!("one writer: {injected} faults survived");
}

#[test]
fn four_writers_survive_a_fault_at_any_operation() {
    let seeds = if sweeps_all() { 2 } else { 1 };
    let sweeps = (1..=seeds).map(|seed| sweep(&format!("four, {seed}"), &four(), &Setting::new(seed), 24));
    let injected: u64 = sweeps.sum();
    println!("four writers: {injected} faults survived");
}

#[test]
fn five_writers_survive_a_fault_at_any_operation() {
    let injected = sweep("five", &five(), &Setting::new(1), 72);
    println!("five writers: {injected} faults survived");
}

/// The first history, of many, that shows a defect.
fn caught(writers: &[Vec<Command>], setting: impl Fn(u64) -> Setting) -> Option<History> {
    let world = World::new();
    (1..=200).map(|seed| world.history(writers, &setting(seed))).find(|history| !history.broken.is_empty())
}

#[test]
fn a_database_written_without_a_condition_is_noticed() {
    let protocol = Protocol { conditional: false, ..Protocol::default() };
    assert!(caught(&five(), |seed| Setting { protocol, ..Setting::new(seed) }).is_some());
}

#[test]
fn cleaning_up_after_a_commit_that_seemed_to_fail_is_noticed() {
    let setting = |seed| Setting {
        defect: Defect::CleansUp,
        faults: Faults::At(10 + seed, Fault::FailAfter),
        ..Setting::new(seed)
    };
    assert!(caught(&one(ingest()), setting).is_some());
}

#[test]
fn deleting_before_the_commit_is_noticed() {
    let setting = |seed| Setting { defect: Defect::DeletesFirst, ..Setting::new(seed) };
    assert!(caught(&one(Command::Compact), setting).is_some());
}

#[test]
fn collecting_what_is_young_is_noticed() {
    let setting = |seed| Setting { grace_us: 0, ..Setting::new(seed) };
    assert!(caught(&five(), setting).is_some());
}

#[test]
fn a_commit_that_does_not_look_for_itself_is_noticed() {
    let lies = |protocol| (1..=40).any(|number| is_false(protocol, Faults::At(number, Fault::FailAfter)));
    assert!(!lies(Protocol::default()));
    assert!(lies(Protocol { looks_for_itself: false, ..Protocol::default() }));
}

/// Whether a commit of one file says what is not so: that it was made or was not, or that the file is there once.
fn is_false(protocol: Protocol, faults: Faults) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let began = tokio::time::Instant::now();
        let store = FaultStore::new(InMemory::new(), began, 1, faults);
        let stores = |number| {
            let stores = Stores::default().with_protocol(protocol).with_host(Arc::new(SimHost::new(began, 0, number)));
            stores.mount("memory://bucket", Arc::new(store.clone()));
            stores
        };
        let base = Location::parse("memory://bucket/catalog").unwrap();
        commit::init(&stores(1), &base, GridDefinition::H3 { resolution: 1 }, None).await.unwrap();
        let catalog = open(&stores(2), base.as_str()).await.unwrap();
        let partition = PartitionKey { cell: "cell".into(), time_bin: TimeBin::Year, bin: Some(51) };
        let file = NewDataFile {
            location: commit::stored_location(&catalog, &partition.data_file_key("1")).unwrap(),
            partition,
            record_count: 1,
            file_size_bytes: 10,
            metrics: Metrics::default(),
        };
        let ours = stores(3);
        ours.mount("memory://bucket", Arc::new(store.writer(3, Defect::None).0));
        let change = Change { files: vec![file], ..Change::default() };
        let made = match commit::commit(&ours, &catalog, change).await {
            Ok(_) => Some(1),
            // Nobody can tell: that is true.
            Err(error) if error.kind() == ErrorKind::CommitStateUnknown => None,
            Err(_) => Some(0),
        };
        let driver = Driver::new(stores(4));
        let catalog = open(&driver.stores, base.as_str()).await.unwrap();
        let files = list_files(&driver, &catalog, None).await.unwrap().0.len();
        made.is_some_and(|made| made != files)
    })
}

#[test]
fn the_same_seed_is_the_same_history() {
    let world = World::new();
    let setting = Setting { faults: Faults::PerMille(30), skew_ms: 60_000, ..Setting::new(7) };
    let (one, other) = (world.history(&five(), &setting), world.history(&five(), &setting));
    assert!(one.injected > 0);
    let differ = one.log.iter().zip(&other.log).find(|(one, other)| one != other);
    assert_eq!((differ, one.log.len()), (None, other.log.len()));
    let third = world.history(&five(), &Setting { seed: 8, ..setting });
    assert_ne!(one.log, third.log);
}
