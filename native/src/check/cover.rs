//! Whether each item has one row in each of its cells.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use earthcatalog_core::Result;
use earthcatalog_core::grid::Grid;
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::findings::{Findings, Wrong, identity_text};
use earthcatalog_core::write::hash_index::hash_id;
use earthcatalog_core::write::version::{Identity, row_versions};

use crate::rows::rewrite::items_of;
use crate::rows::row::{put_identity, put_optional, take_identity, take_optional};
use crate::spill::{Parts, Record, Sorter};

/// Memory of the sort.
const MEMORY_BYTES: usize = 32 << 20;

/// A row: where it lies and where its item ought to lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lie {
    identity: Identity,
    updated_us: Option<i64>,
    cell: u64,
    expected: Vec<u64>,
}

impl Record for Lie {
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.expected.len() * size_of::<u64>()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        put_identity(output, &self.identity);
        put_optional(output, self.updated_us);
        for cell in [self.cell].iter().chain(&self.expected) {
            output.extend_from_slice(&cell.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        let identity = take_identity(&mut parts)?;
        let updated_us = take_optional(&mut parts)?;
        let cell = u64::from_le_bytes(parts.array()?);
        let mut expected = Vec::new();
        while !parts.0.is_empty() {
            expected.push(u64::from_le_bytes(parts.array()?));
        }
        Some(Self { identity, updated_us, cell, expected })
    }
}

/// Gathers rows, and compares those of each item.
pub(super) struct Covers<'a> {
    grid: &'a Grid,
    lies: Sorter<Lie>,
}

impl<'a> Covers<'a> {
    pub(super) fn new(grid: &'a Grid) -> Self {
        Self { grid, lies: Sorter::new(MEMORY_BYTES) }
    }

    /// Takes in rows of a cell.
    pub(super) fn add(&mut self, batch: &RecordBatch, cell: &str) -> Result<()> {
        let names = row_versions(batch, false)?;
        for (item, name) in items_of(batch)?.into_iter().zip(names) {
            let Some((identity, version)) = name else { continue };
            let item = ValidItem::from_value(item)?;
            // A grid that is not known places nothing.
            let cells = match self.grid {
                Grid::Unknown(_) => vec![cell.to_owned()],
                grid => grid.item_cells(item.shape.as_ref()),
            };
            let expected = cells.iter().map(|cell| short(cell)).collect();
            self.lies.push(Lie { identity, updated_us: version.updated_us, cell: short(cell), expected })?;
        }
        Ok(())
    }

    pub(super) fn finish(self, findings: &mut Findings) -> Result<()> {
        let (sorted, _) = self.lies.finish();
        let mut sorted = sorted.read()?.peekable();
        while let Some(first) = sorted.next().transpose()? {
            let mut rows = vec![first];
            let identity = rows.first().map(|row| row.identity).unwrap_or_default();
            while let Some(next) = sorted.next_if(|next| next.as_ref().map_or(true, |next| next.identity == identity)) {
                rows.push(next?);
            }
            let cells: BTreeSet<u64> = rows.iter().map(|row| row.cell).collect();
            let versions: BTreeSet<Option<i64>> = rows.iter().map(|row| row.updated_us).collect();
            let object = identity_text(&identity);
            if cells.len() < rows.len() {
                findings.add(Wrong::Twice, &object, format!("{} rows in {} cells", rows.len(), cells.len()));
            }
            if versions.len() > 1 {
                findings.add(Wrong::Twice, &object, format!("rows of {} versions", versions.len()));
            }
            let expected = rows.iter().flat_map(|row| &row.expected).collect::<BTreeSet<_>>();
            let lacking = expected.iter().filter(|cell| !cells.contains(**cell)).count();
            if lacking > 0 {
                findings.add(Wrong::Cover, &object, format!("no row in {lacking} of its {} cells", expected.len()));
            }
        }
        Ok(())
    }
}

/// Eight bytes that stand for a cell.
fn short(cell: &str) -> u64 {
    hash_id(cell).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
