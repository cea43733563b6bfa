//! Walks a table's b-tree and decodes its rows ("B-tree Pages", "Record Format").

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Pages, SqlValue, big_endian};
use crate::{Error, Result, limits};

/// A b-tree of 2^31 pages with the least fan-out is not this deep.
const TREE_DEPTH: usize = 40;
const INTERIOR_TABLE: u8 = 5;
const LEAF_TABLE: u8 = 13;

/// A walk over one table. Pages that are not at hand are noted, and the walk goes on beside them.
pub(super) struct Walk<'p> {
    pages: &'p Pages,
    visited: BTreeSet<u32>,
    payload_bytes: u64,
    pub(super) missing: BTreeSet<u32>,
    pub(super) rows: Vec<Vec<SqlValue>>,
}

impl<'p> Walk<'p> {
    pub(super) fn new(pages: &'p Pages) -> Self {
        Self { pages, visited: BTreeSet::new(), payload_bytes: 0, missing: BTreeSet::new(), rows: Vec::new() }
    }

    pub(super) fn table(&mut self, root: u32) -> Result<()> {
        self.page(root, 0)
    }

    fn page(&mut self, number: u32, depth: usize) -> Result<()> {
        if number == 0 || depth > TREE_DEPTH || !self.visited.insert(number) {
            return Err(broken(number));
        }
        let Some(page) = self.pages.at_hand.get(&number) else {
            self.missing.insert(number);
            return Ok(());
        };
        // Page 1 starts with the database header.
        let head_at = if number == 1 { 100 } else { 0 };
        let head = page.get(head_at..).ok_or_else(|| broken(number))?;
        let kind = head.first().copied().unwrap_or(0);
        let cells = usize::from(be16(head, 3).ok_or_else(|| broken(number))?);
        let pointers_at = match kind {
            INTERIOR_TABLE => 12,
            LEAF_TABLE => 8,
            2 | 10 => return Err(Error::unsupported("SQLite table without row ids")),
            _ => return Err(broken(number)),
        };
        let pointers = head.get(pointers_at..pointers_at + 2 * cells).ok_or_else(|| broken(number))?;
        for pointer in pointers.chunks_exact(2) {
            let at = usize::from(be16(pointer, 0).unwrap_or(0));
            let usable = page.get(..self.pages.usable).unwrap_or_default();
            let cell = usable.get(at..).filter(|cell| !cell.is_empty()).ok_or_else(|| broken(number))?;
            if kind == LEAF_TABLE {
                self.row(number, cell)?;
            } else {
                self.page(big_endian(cell, 0), depth + 1)?;
            }
        }
        if kind == INTERIOR_TABLE {
            self.page(big_endian(head, 8), depth + 1)?;
        }
        Ok(())
    }

    fn row(&mut self, page: u32, cell: &[u8]) -> Result<()> {
        let (size, cell) = varint(cell).ok_or_else(|| broken(page))?;
        let (_row_id, cell) = varint(cell).ok_or_else(|| broken(page))?;
        let size = usize::try_from(size).ok().filter(|size| *size <= limits::DATABASE_ROW_BYTES);
        let size = size.ok_or_else(|| Error::corrupt(format!("SQLite row beyond the limit on page {page}")))?;
        self.payload_bytes += size as u64;
        if self.payload_bytes > limits::DATABASE_BYTES || self.rows.len() >= limits::DATABASE_ROWS {
            return Err(Error::corrupt("SQLite table exceeds the limit"));
        }
        if let Some(payload) = self.payload(page, cell, size)? {
            let row = record(&payload).ok_or_else(|| broken(page))?;
            // A null takes one byte in the file and a whole value here.
            self.payload_bytes += (row.len() * size_of::<SqlValue>()) as u64;
            self.rows.push(row);
        }
        Ok(())
    }

    /// A row's bytes, gathered from its overflow pages; `None` while one of them is not at hand.
    fn payload<'c>(&mut self, page: u32, cell: &'c [u8], size: usize) -> Result<Option<Cow<'c, [u8]>>> {
        let local = local_bytes(self.pages.usable, size);
        let start = cell.get(..local).ok_or_else(|| broken(page))?;
        if local == size {
            return Ok(Some(Cow::Borrowed(start)));
        }
        let mut next = cell.get(local..).filter(|rest| rest.len() >= 4).map_or(0, |rest| big_endian(rest, 0));
        let mut payload = start.to_vec();
        while payload.len() < size {
            if next == 0 || !self.visited.insert(next) {
                return Err(broken(page));
            }
            let Some(overflow) = self.pages.at_hand.get(&next) else {
                self.missing.insert(next);
                return Ok(None);
            };
            let room = (self.pages.usable - 4).min(size - payload.len());
            payload.extend_from_slice(overflow.get(4..4 + room).ok_or_else(|| broken(next))?);
            next = big_endian(overflow, 0);
        }
        Ok(Some(Cow::Owned(payload)))
    }
}

/// How much of a row's payload lies in the leaf itself ("B-tree Pages", the rules for X, M and K).
fn local_bytes(usable: usize, size: usize) -> usize {
    let most = usable - 35;
    if size <= most {
        return size;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let local = least + (size - least) % (usable - 4);
    if local <= most { local } else { least }
}

fn record(payload: &[u8]) -> Option<Vec<SqlValue>> {
    let (header_size, after) = varint(payload)?;
    let header_size = usize::try_from(header_size).ok()?;
    let lead = payload.len() - after.len();
    let mut kinds = payload.get(lead..header_size)?;
    let mut body = payload.get(header_size..)?;
    let mut values = Vec::new();
    while !kinds.is_empty() {
        let (kind, rest) = varint(kinds)?;
        kinds = rest;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            other => usize::try_from((other - 12) / 2).ok()?,
        };
        let (bytes, rest) = body.split_at_checked(length)?;
        body = rest;
        values.push(value(kind, bytes)?);
    }
    Some(values)
}

fn value(kind: u64, bytes: &[u8]) -> Option<SqlValue> {
    Some(match kind {
        0 => SqlValue::Null,
        8 => SqlValue::Integer(0),
        9 => SqlValue::Integer(1),
        7 => SqlValue::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        1..=6 => {
            let start: i64 = if bytes.first()? & 0x80 == 0 { 0 } else { -1 };
            SqlValue::Integer(bytes.iter().fold(start, |number, byte| (number << 8) | i64::from(*byte)))
        }
        text if text % 2 == 1 => SqlValue::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
        _ => SqlValue::Blob(bytes.to_vec()),
    })
}

/// A big-endian integer of 1 to 9 bytes, the ninth of which is used whole.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (position, byte) in bytes.iter().enumerate().take(9) {
        if position == 8 {
            return Some(((number << 8) | u64::from(*byte), bytes.get(9..)?));
        }
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(position + 1..)?));
        }
    }
    None
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|two| u16::from_be_bytes(*two))
}

fn broken(page: u32) -> Error {
    Error::corrupt(format!("SQLite page {page} is damaged"))
}
