//! Writers in a world that a test controls: a store that fails, a clock that runs as fast as there is work, chance that
//! repeats itself.
//!
//! A history runs on one thread under a paused clock. Each operation of the store takes some virtual milliseconds, which
//! the seed decides, and so the order in which the writers' operations come about.

mod history;
mod host;
mod store;

pub use history::{Broken, Command, History, Setting, World};
pub use host::SimHost;
pub use store::{Defect, Fault, FaultStore, Faults};

/// Steele and others' splitmix64: numbers that look random, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Chance of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `most`, which is not 0.
    pub fn below(&mut self, most: u64) -> u64 {
        self.draw() % most
    }
}
