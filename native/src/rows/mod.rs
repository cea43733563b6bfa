//! Rows on their way into data files, and rows that are in them: what ingest, compaction and deletion share.

pub(crate) mod held;
pub(crate) mod live;
pub(crate) mod rewrite;
pub(crate) mod row;
pub(crate) mod write;

/// One bit for each number: whether it is in the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers(Vec<u64>);

impl Numbers {
    /// Whether the number is in the set.
    pub(crate) fn contains(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|place| self.0.get(place));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Takes a number in.
    pub(crate) fn insert(&mut self, number: u64) {
        let Ok(place) = usize::try_from(number / 64) else { return };
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place) {
            *word |= 1 << (number % 64);
        }
    }
}
