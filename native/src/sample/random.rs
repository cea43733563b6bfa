//! Random numbers that are the same for the same seed on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A stream of random numbers.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// 0 up to, not including, `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        // The high half of a product: even enough for any `end` far below 2^64.
        let product = u128::from(self.0.next_u64()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// From `start` to `end`.
    pub(super) fn between(&mut self, start: f64, end: f64) -> f64 {
        let fraction = f64::from(u32::try_from(self.below(1 << 32)).unwrap_or(0)) / 4_294_967_296.0;
        start + (end - start) * fraction
    }

    /// From `start` to `end`, both included.
    pub(super) fn whole_between(&mut self, start: i64, end: i64) -> i64 {
        start + i64::try_from(self.below(end.abs_diff(start) + 1)).unwrap_or(0)
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of several, each as likely as its weight says.
    pub(super) fn weighted<'a, T>(&mut self, all: &'a [T], weight: impl Fn(&T) -> u64) -> Option<&'a T> {
        let mut left = self.below(all.iter().map(&weight).sum::<u64>().max(1));
        for one in all {
            let weight = weight(one);
            if left < weight {
                return Some(one);
            }
            left -= weight;
        }
        all.last()
    }
}

/// The whole number below.
#[expect(clippy::cast_possible_truncation, reason = "degrees and metres; the cast saturates")]
pub(super) fn whole(number: f64) -> i64 {
    number.floor() as i64
}

/// Rounded to so many decimals, as the products write their numbers.
pub(super) fn rounded(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    // Not -0.0, which JSON shows.
    (number * scale).round() / scale + 0.0
}
