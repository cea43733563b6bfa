//! Lock and commit as a model whose every state is looked at: three writers in whatever order, one that dies, answers
//! that are lost, writes that arrive late, a clock that runs while a writer sleeps.

use earthcatalog_core::write::lock::{Decision, FoundLock, LockRecord, decide};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

const WRITERS: usize = 3;
/// A lease in ticks of the clock.
const TTL: u8 = 2;
/// Writers that may die.
const CRASHES: u8 = 1;
/// Copies of one writer's write that are under way at once.
const COPIES: usize = 2;

/// The object of the lock: whose it is, and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct LockObject {
    writer: usize,
    written: u8,
}

/// The database: its version, and whose commits it holds, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Database {
    version: u8,
    commits: u8,
}

/// Where a writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// It wants the lock; what it saw of it last.
    Wants { seen: Option<LockObject> },
    /// It relies on a lock that was written then, and has read this database.
    Works { since: u8, seen: Option<Database> },
    /// It has sent a write on the version that it read, and has no answer.
    Doubts { since: u8, seen: Database },
    /// Its commit was made, and it knows.
    Committed,
    /// Done, or given up because its lease ended; the last member says which.
    Ended { committed: bool },
    /// It died.
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    lock: Option<LockObject>,
    database: Database,
    /// Writes under way: whose, and on which database.
    network: Vec<(usize, Database)>,
    writers: [Step; WRITERS],
    crashes: u8,
    /// A write took away what another one had made, or made what was there.
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Tick,
    Crash(usize),
    /// A writer's next step; at the lock its answer may be lost.
    Step(usize, Answer),
    /// A write arrives; its answer may be lost.
    Arrive(usize, Answer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Comes,
    IsLost,
}

/// What writers do, or leave out.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a step of its own")]
struct Protocol {
    /// The database is written on the version that was read.
    conditional: bool,
    /// Writers take the lock.
    locks: bool,
    /// A writer looks for its commit before it tries again.
    looks: bool,
    /// The clock runs while a writer is at work or its writes are under way.
    clock_runs: bool,
    /// The clock stops here, so that there is an end to the states.
    last_tick: u8,
}

impl Protocol {
    /// Long enough for two leases to end.
    const OURS: Self = Self { conditional: true, locks: true, looks: true, clock_runs: true, last_tick: 2 * TTL };

    fn step(self, state: &mut State, writer: usize, answer: Answer) -> Option<()> {
        let next = match *state.writers.get(writer)? {
            Step::Wants { .. } if !self.locks => Step::Works { since: 0, seen: None },
            Step::Wants { seen } => take(state, writer, seen, answer)?,
            Step::Works { since, .. } | Step::Doubts { since, .. } if self.locks && state.now >= since + TTL => {
                Step::Ended { committed: false }
            }
            Step::Works { since, seen: Some(seen) } => {
                if state.network.iter().filter(|(of, _)| *of == writer).count() >= COPIES {
                    return None;
                }
                state.network.push((writer, seen));
                state.network.sort_unstable();
                Step::Doubts { since, seen }
            }
            Step::Doubts { .. } if self.looks && state.database.commits & (1 << writer) != 0 => Step::Committed,
            // On the same version it is sent again: at most one of the two can be made.
            Step::Works { since, seen: None } | Step::Doubts { since, .. } => {
                Step::Works { since, seen: Some(state.database) }
            }
            Step::Committed => {
                // Removed only while it is ours.
                state.lock = state.lock.filter(|lock| lock.writer != writer);
                Step::Ended { committed: true }
            }
            Step::Ended { .. } | Step::Dead => return None,
        };
        *state.writers.get_mut(writer)? = next;
        Some(())
    }

    fn arrive(self, state: &mut State, message: usize, answer: Answer) {
        let (writer, seen) = state.network.remove(message);
        let outdated = state.database.version != seen.version;
        if outdated && self.conditional {
            return;
        }
        state.broken |= outdated || seen.commits & (1 << writer) != 0;
        state.database = Database { version: state.database.version + 1, commits: seen.commits | 1 << writer };
        if let (Answer::Comes, Some(step @ Step::Doubts { .. })) = (answer, state.writers.get_mut(writer)) {
            *step = Step::Committed;
        }
    }
}

/// A look at the lock, then a write on what was seen: as the program decides it, by the time of the store.
fn take(state: &mut State, writer: usize, seen: Option<LockObject>, answer: Answer) -> Option<Step> {
    const TICK_MS: i64 = 3_600_000;
    let found = state.lock.map(|lock| {
        let body = format!(r#"{{"owner": "w", "ttl_hours": {TTL}, "token": "{}"}}"#, lock.writer);
        FoundLock { record: LockRecord::parse(body.as_bytes()), last_modified_ms: i64::from(lock.written) * TICK_MS }
    });
    match decide(found.as_ref(), &writer.to_string(), i64::from(state.now) * TICK_MS) {
        Decision::Held => Some(Step::Works { since: state.lock?.written, seen: None }),
        Decision::Wait { .. } => None,
        Decision::TakeOver { .. } if seen != state.lock => Some(Step::Wants { seen: state.lock }),
        Decision::Take | Decision::TakeOver { .. } => {
            state.lock = Some(LockObject { writer, written: state.now });
            let held = Step::Works { since: state.now, seen: None };
            Some(if answer == Answer::Comes { held } else { Step::Wants { seen: None } })
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            lock: None,
            database: Database { version: 0, commits: 0 },
            network: Vec::new(),
            writers: [Step::Wants { seen: None }; WRITERS],
            crashes: 0,
            broken: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let works = |step: &Step| matches!(step, Step::Works { .. } | Step::Doubts { .. });
        let is_busy = !state.network.is_empty() || state.writers.iter().any(works);
        if state.now < self.last_tick && (self.clock_runs || !is_busy) {
            actions.push(Action::Tick);
        }
        for answer in [Answer::Comes, Answer::IsLost] {
            actions.extend((0..WRITERS).map(|writer| Action::Step(writer, answer)));
            actions.extend((0..state.network.len()).map(|message| Action::Arrive(message, answer)));
        }
        if state.crashes < CRASHES {
            actions.extend((0..WRITERS).map(Action::Crash));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Tick => next.now += 1,
            Action::Crash(writer) => {
                let step =
                    next.writers.get_mut(writer).filter(|step| !matches!(step, Step::Ended { .. } | Step::Dead))?;
                *step = Step::Dead;
                next.crashes += 1;
            }
            Action::Step(writer, answer) => self.step(&mut next, writer, answer)?,
            Action::Arrive(message, answer) => self.arrive(&mut next, message, answer),
        }
        // What is broken stays so: there is no need to go on, and a protocol that doubles could go on for ever.
        (next != *state && !state.broken).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFE, |_, state: &State| {
                let told = |step: &Step| matches!(step, Step::Committed | Step::Ended { committed: true });
                let is_made = |writer: usize| state.database.commits & (1 << writer) != 0;
                !state.broken && state.writers.iter().enumerate().all(|(writer, step)| !told(step) || is_made(writer))
            }),
            Property::always("one writer relies on the lock", |protocol: &Self, state: &State| {
                let relies = |step: &&Step| match step {
                    Step::Works { since, .. } | Step::Doubts { since, .. } => state.now < since + TTL,
                    _ => false,
                };
                !protocol.locks || state.writers.iter().filter(relies).count() <= 1
            }),
            Property::sometimes(ALL_MADE, |_, state: &State| state.database.commits == (1 << WRITERS) - 1),
        ]
    }
}

const SAFE: &str = "nothing is lost or doubled";
const ALL_MADE: &str = "all commits are made";

/// Looks at every state, or until a property is seen to be violated. What was found: examples of what happens sometimes,
/// and of what must not.
fn explored(protocol: Protocol) -> Vec<&'static str> {
    let checker = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{protocol:?}: {} states", checker.unique_state_count());
    checker.discoveries().into_keys().collect()
}

#[test]
fn lock_and_conditional_write_lose_nothing_however_late_a_writer_is() {
    assert_eq!(explored(Protocol::OURS), [ALL_MADE]);
}

#[test]
fn a_conditional_write_alone_loses_nothing() {
    // Nobody relies on a lock, so that there is no time.
    assert_eq!(explored(Protocol { locks: false, last_tick: 0, ..Protocol::OURS }), [ALL_MADE]);
}

#[test]
fn a_lock_alone_is_not_enough_when_a_write_is_late() {
    let alone = Protocol { conditional: false, ..Protocol::OURS };
    assert!(explored(alone).contains(&SAFE));
}

#[test]
fn a_writer_that_does_not_look_for_its_commit_makes_it_twice() {
    assert!(explored(Protocol { looks: false, ..Protocol::OURS }).contains(&SAFE));
}
