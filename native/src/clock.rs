//! The clocks of this machine, exchangeable for a test's.

use std::fmt::Debug;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since 1970 UTC, as this machine believes.
    fn now_ms(&self) -> i64;
    /// Milliseconds since some moment, counting the time that the machine was asleep.
    fn boot_ms(&self) -> u64;
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_run_backwards() {
        let before = SystemClock.boot_ms();
        assert!(before > 0 && SystemClock.boot_ms() >= before);
        assert!(SystemClock.now_ms() > 1_700_000_000_000);
    }
}
