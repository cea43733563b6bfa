//! Many histories of many writers: everything may go wrong at any time, and nothing may show it.
//!
//! `EARTHCATALOG_SEED=n` runs the one history of that seed; `EARTHCATALOG_SEEDS=n` runs so many.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};

use earthcatalog_tests::sim::{Chance, Command, Faults, Setting, World};

/// Histories unless the environment says otherwise.
const SEEDS: u64 = 200;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Two to eight writers, each with one to three commands.
fn writers(chance: &mut Chance) -> Vec<Vec<Command>> {
    let count = 2 + chance.below(7);
    (0..count).map(|writer| (0..=chance.below(2)).map(|_| command(writer, chance)).collect()).collect()
}

fn command(writer: u64, chance: &mut Chance) -> Command {
    match chance.below(11) {
        0 | 1 => Command::Compact,
        2 => Command::Delete(vec![format!("d{}", 1 + chance.below(2))]),
        3 => Command::Gc,
        4 => Command::Expire,
        5 => Command::RebuildIndex,
        6 => Command::Optimize,
        _ => {
            // Ids of its own, ids of all writers, and ids that are there.
            let month = |chance: &mut Chance| u32::try_from(1 + chance.below(9)).unwrap();
            let names = [format!("w{writer}"), format!("n{}", chance.below(4)), format!("a{}", 1 + chance.below(3))];
            Command::Ingest(names.map(|name| (name, month(chance))).to_vec())
        }
    }
}

fn setting(seed: u64, chance: &mut Chance) -> Setting {
    let share = [0, 5, 20, 50];
    let share = share[usize::try_from(chance.below(share.len() as u64)).unwrap()];
    Setting {
        faults: Faults::PerMille(share),
        locked: chance.below(3) == 0,
        skew_ms: chance.below(2) * 6 * 3_600_000,
        ..Setting::new(seed)
    }
}

#[test]
fn no_history_loses_doubles_or_shows_half_of_anything() {
    let world = World::new();
    let first = number("EARTHCATALOG_SEED");
    let seeds: Vec<u64> = match first {
        Some(seed) => vec![seed],
        None => (1..=number("EARTHCATALOG_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let (injected, failed, operations) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let part = |start: usize| {
        for seed in seeds.iter().skip(start).step_by(2) {
            let mut chance = Chance::new(*seed);
            let (writers, setting) = (writers(&mut chance), setting(*seed, &mut chance));
            let history = world.history(&writers, &setting);
            if first.is_some() {
                println!("{writers:#?}\n{}", history.log.join("\n"));
            }
            assert_eq!(history.broken, [], "EARTHCATALOG_SEED={seed} replays it: {setting:?}");
            injected.fetch_add(history.injected, Ordering::Relaxed);
            failed.fetch_add(history.failed_runs.into(), Ordering::Relaxed);
            operations.fetch_add(history.operations, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| part(1));
        part(0);
    });
    let (injected, failed, operations) = (injected.into_inner(), failed.into_inner(), operations.into_inner());
    println!("{} histories, {operations} operations, {injected} faults, {failed} runs begun again", seeds.len());
    assert!(first.is_some() || injected > seeds.len() as u64);
}
