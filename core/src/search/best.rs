//! The rows that come first in an order, each item once.

use std::collections::HashSet;

use crate::scan::Key;

/// Beside as many rows as are wanted, so many are gathered before the last of them are let go.
const SPARE_ROWS: usize = 1_024;

/// A row: the position of its file among the planned ones, and its number there.
pub(super) type Place = (usize, u64);

/// A row that matches.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) place: Place,
    /// What copies of an item have in common; `None` for a row that is no copy of anything.
    pub(super) identity: Option<u128>,
}

impl Found {
    fn order(&self) -> (&Key, Place) {
        (&self.key, self.place)
    }
}

/// Gathers rows, keeping the first ones.
#[derive(Debug, Default)]
pub(super) struct Best {
    most: Option<usize>,
    found: Vec<Found>,
    /// Whether `found` is sorted, without copies, and as long as is wanted.
    full: bool,
}

impl Best {
    /// Keeps the first `most` rows, or all.
    pub(super) fn new(most: Option<u64>) -> Self {
        let most = most.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        Self { most, ..Self::default() }
    }

    pub(super) fn add(&mut self, found: Found) {
        if self.worst().is_some_and(|worst| found.order() > worst.order()) {
            return;
        }
        self.found.push(found);
        if self.most.is_some_and(|most| self.found.len() >= most.saturating_mul(2).saturating_add(SPARE_ROWS)) {
            self.settle();
        }
    }

    /// Sorts what was gathered and lets go of what is not among the first.
    pub(super) fn settle(&mut self) {
        self.found.sort_by(|left, right| left.order().cmp(&right.order()));
        let mut seen = HashSet::new();
        self.found.retain(|found| found.identity.is_none_or(|identity| seen.insert(identity)));
        if let Some(most) = self.most {
            self.full = self.found.len() >= most;
            self.found.truncate(most);
        }
    }

    /// The last of the first rows, when there are as many as are wanted: no row behind it is of use.
    pub(super) fn worst(&self) -> Option<&Found> {
        let most = self.most.filter(|_| self.full)?;
        self.found.get(most.checked_sub(1)?)
    }

    /// The rows in order.
    pub(super) fn into_places(mut self) -> Vec<Place> {
        self.settle();
        self.found.into_iter().map(|found| found.place).collect()
    }
}
