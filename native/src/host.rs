//! The clocks and the randomness of this machine, exchangeable so that a test can repeat a run.

use std::fmt::Debug;

use uuid::Uuid;

/// What the program takes from its machine beside files.
pub trait Host: Debug + Send + Sync {
    /// Milliseconds since 1970 UTC, as this machine believes.
    fn now_ms(&self) -> i64;
    /// Milliseconds since some moment, counting the time that the machine was asleep.
    fn boot_ms(&self) -> u64;
    /// A name that nobody else ever has.
    fn draw(&self) -> Uuid;
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHost;

impl Host for SystemHost {
    fn now_ms(&self) -> i64 {
        chrono::Utc::now().timestamp_millis()
    }

    /// `Instant` stands still in a laptop that sleeps, and a lease does not.
    #[cfg(target_os = "linux")]
    fn boot_ms(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanoseconds) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
        seconds.saturating_mul(1_000).saturating_add(nanoseconds / 1_000_000)
    }

    /// Without such a clock, that of the wall: it may be set, but it does not stand still.
    #[cfg(not(target_os = "linux"))]
    fn boot_ms(&self) -> u64 {
        self.now_ms().unsigned_abs()
    }

    fn draw(&self) -> Uuid {
        Uuid::new_v4()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_run_backwards() {
        let before = SystemHost.boot_ms();
        assert!(before > 0 && SystemHost.boot_ms() >= before);
        assert!(SystemHost.now_ms() > 1_700_000_000_000);
    }
}
