//! Which ids are wanted, told in a fixed number of bytes: a Bloom filter (Bloom 1970) over hashes of ids.

use super::hash_index::IdHash;

/// 16 MiB: of 1 M ids one in 10^5 others passes, of 50 M one in three. What passes is compared exactly afterwards.
const WORDS: usize = 2 << 20;
/// Bits set for each id.
const PROBES: usize = 4;

/// Says of an id's hash that it is not wanted, or might be.
#[derive(Clone, Debug)]
pub struct IdFilter {
    words: Vec<u64>,
    ids: u64,
}

impl Default for IdFilter {
    fn default() -> Self {
        Self { words: vec![0; WORDS], ids: 0 }
    }
}

impl IdFilter {
    /// Takes in an id.
    pub fn insert(&mut self, id: &IdHash) {
        self.ids += 1;
        for (word, bit) in probes(id) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// Whether the id might be one of those taken in.
    #[must_use]
    pub fn might_hold(&self, id: &IdHash) -> bool {
        probes(id).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }

    /// Whether none was taken in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids == 0
    }
}

/// The hash is uniform, so its own quarters are the probes.
fn probes(id: &IdHash) -> impl Iterator<Item = (usize, u64)> {
    id.chunks_exact(16 / PROBES).map(|quarter| {
        let number = quarter.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let bit = usize::try_from(number).unwrap_or_default() % (WORDS * 64);
        (bit / 64, 1 << (bit % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::hash_index::hash_id;

    #[test]
    fn it_never_denies_what_it_holds_and_mostly_denies_the_rest() {
        let mut filter = IdFilter::default();
        assert!(filter.is_empty() && !filter.might_hold(&hash_id("0")));
        (0..10_000).for_each(|number| filter.insert(&hash_id(&number.to_string())));
        assert!((0..10_000).all(|number| filter.might_hold(&hash_id(&number.to_string()))));
        assert_eq!((10_000..60_000).filter(|number| filter.might_hold(&hash_id(&number.to_string()))).count(), 0);
    }
}
