//! The command is killed at random moments, again and again, in one catalog: nothing is lost, nothing comes twice, and
//! the same command run again finishes.
//!
//! `EARTHCATALOG_KILLS=n` kills so often.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up ends it")]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use earthcatalog::driver::Driver;
use earthcatalog::read::{list_files, open, search};
use earthcatalog::store::Stores;
use earthcatalog_core::query::Query;
use serde_json::json;

/// Kills unless the environment says otherwise.
const KILLS: u64 = 30;
/// Items of an ingest.
const ITEMS: u64 = 40;

struct Place {
    folder: tempfile::TempDir,
    catalog: PathBuf,
    /// How long a command takes that nobody kills, as far as is known.
    longest: Duration,
}

/// What a run came to.
#[derive(PartialEq, Eq)]
enum End {
    Killed,
    Done,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = folder.path().join("catalog");
        let place = Self { folder, catalog, longest: Duration::ZERO };
        assert!(command(&["init", place.name()]).status().unwrap().success());
        place
    }

    fn name(&self) -> &str {
        self.catalog.to_str().unwrap()
    }

    /// Items of this number, as a file.
    fn source(&self, batch: u64) -> PathBuf {
        let path = self.folder.path().join(format!("{batch}.ndjson"));
        let item = |number: u64| {
            let longitude = if number.is_multiple_of(2) { -45.0 } else { 60.0 };
            let item = json!({
                "type": "Feature", "stac_version": "1.0.0", "id": format!("{batch}-{number}"), "links": [], "assets": {},
                "geometry": { "type": "Point", "coordinates": [longitude, 70.0] },
                "bbox": [longitude, 70.0, longitude, 70.0], "properties": { "datetime": "2020-06-01T00:00:00Z" }
            });
            format!("{item}\n")
        };
        std::fs::write(&path, (0..ITEMS).map(item).collect::<String>()).unwrap();
        path
    }

    /// Runs a command to its end. A dead writer's lock is broken, as its owner may.
    fn finished(&mut self, arguments: &[&str]) {
        assert!(command(&["lock", "break", self.name()]).status().unwrap().success());
        let began = Instant::now();
        let done = command(arguments).stderr(Stdio::piped()).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        self.longest = self.longest.max(began.elapsed());
    }

    /// The ids that a reader finds. An id that comes twice, or a row of none, ends the test.
    fn ids(&self) -> BTreeSet<String> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let driver = Driver::new(Stores::default());
            let catalog = open(&driver.stores, self.name()).await.unwrap();
            let (files, _) = list_files(&driver, &catalog, None).await.unwrap();
            let rows: u64 = files.iter().map(|file| file.data_file.record_count).sum();
            let mut found = BTreeSet::new();
            let take = |item: serde_json::Value| {
                assert!(found.insert(item["id"].as_str().unwrap().to_owned()), "{item} came twice");
                Ok(ControlFlow::Continue(()))
            };
            search(&driver, &catalog, Query::new(), take).await.unwrap();
            assert_eq!(rows, found.len() as u64, "each item is in one cell");
            found
        })
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earthcatalog"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs a command and kills it after a while, if it still runs.
fn killed(arguments: &[&str], after: Duration) -> End {
    let mut child = command(arguments).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    if child.wait().unwrap().success() { End::Done } else { End::Killed }
}

fn batch_ids(batch: u64) -> impl Iterator<Item = String> {
    (0..ITEMS).map(move |number| format!("{batch}-{number}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_command_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    let wanted = std::env::var("EARTHCATALOG_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut place = Place::new();
    let mut there: BTreeSet<String> = BTreeSet::new();
    let (mut kills, mut round) = (0, 0_u64);
    while kills < wanted {
        round += 1;
        let source = place.source(round);
        let name = place.name().to_owned();
        let arguments: Vec<&str> = match round % 4 {
            0 => vec!["compact", &name],
            2 => vec!["gc", &name, "--grace", "0s"],
            _ => vec!["ingest", &name, text(&source)],
        };
        // Spread evenly over the time that a command takes: multiples of the golden ratio, which never meet again.
        let share = u32::try_from(round * 618 % 1_000).unwrap();
        let moment = place.longest.max(Duration::from_millis(20)) * share / 1_000;
        kills += u64::from(killed(&arguments, moment) == End::Killed);
        // Whatever was done, it shows as a whole or not at all.
        let found = place.ids();
        let new: BTreeSet<String> = batch_ids(round).collect();
        let ingests = !round.is_multiple_of(2);
        let after: BTreeSet<String> = there.union(&new).cloned().collect();
        assert!(found == there || (ingests && found == after), "round {round}, {arguments:?}");
        place.finished(&arguments);
        if ingests {
            there = after;
        }
        assert_eq!(place.ids(), there, "round {round}, {arguments:?}");
        if round.is_multiple_of(16) {
            place.finished(&["expire", &name, "--older-than", "0s"]);
        }
    }
    let name = place.name().to_owned();
    place.finished(&["check", &name, "--deep"]);
    println!("{kills} kills in {round} rounds, {} items", there.len());
}
