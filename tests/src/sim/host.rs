//! The clocks and the randomness of a simulated machine.

use std::sync::{Mutex, PoisonError};

use earthcatalog::host::Host;
use tokio::time::Instant;
use uuid::Uuid;

use super::Chance;

/// 2026-01-01, when all histories begin.
pub(super) const START_MS: i64 = 1_767_225_600_000;

/// A machine whose wall clock is off by so much.
#[derive(Debug)]
pub struct SimHost {
    began: Instant,
    skew_ms: i64,
    chance: Mutex<Chance>,
}

impl SimHost {
    /// A machine that draws by this seed. To be made in the history's runtime, when that begins.
    #[must_use]
    pub fn new(began: Instant, skew_ms: i64, seed: u64) -> Self {
        Self { began, skew_ms, chance: Mutex::new(Chance::new(seed)) }
    }
}

/// What time it is in a history that began then, by a clock that is right.
pub(super) fn now_ms(began: Instant) -> i64 {
    START_MS + i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX - START_MS)
}

impl Host for SimHost {
    fn now_ms(&self) -> i64 {
        now_ms(self.began) + self.skew_ms
    }

    fn boot_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn draw(&self) -> Uuid {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::from_u64_pair(chance.draw(), chance.draw())
    }
}
