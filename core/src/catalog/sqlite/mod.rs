//! Reads tables out of an SQLite database image, page by page, without SQLite ("Database File Format").

mod btree;
mod ddl;

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::{Error, ErrorKind, Result, limits};
use btree::Walk;

/// How a database begins (SQLite, "Database File Format", 1.3.1).
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Size of the header at the start of page 1.
pub const HEADER_BYTES: u64 = 100;
const SCHEMA_ROOT: u32 = 1;
/// The table the SQL catalogs of PyIceberg and Java keep.
const ICEBERG_TABLES: &str = "iceberg_tables";

/// The pages of a database image that are at hand.
#[derive(Clone, Debug)]
pub struct Pages {
    header: Bytes,
    page_size: usize,
    /// Bytes of a page that are used; some extensions reserve the end.
    usable: usize,
    at_hand: BTreeMap<u32, Bytes>,
    whole: bool,
}

/// What reading gave: everything, or the byte ranges that are still wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// The answer.
    Whole(T),
    /// Whole pages that are not at hand, in order and apart.
    Missing(Vec<Range<u64>>),
}

/// A value in a row.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// Null.
    Null,
    /// An integer.
    Integer(i64),
    /// A float.
    Real(f64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A table: the names of its columns, and its rows in the order of their row ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// As the `CREATE TABLE` text has them.
    pub columns: Vec<String>,
    /// The values in the order of the columns; fewer in a row that is older than a column, which is then null.
    pub rows: Vec<Vec<SqlValue>>,
}

/// A row of `iceberg_tables`: a table and its current metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The name of the SQL catalog.
    pub catalog_name: String,
    /// The namespace, levels joined by dots.
    pub table_namespace: String,
    /// The table.
    pub table_name: String,
    /// The current metadata object as stored.
    pub metadata_location: String,
    /// The one before.
    pub previous_metadata_location: Option<String>,
}

impl Pages {
    /// Starts with the first bytes of an image; `whole` if that is all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for anything that is no SQLite database; [`ErrorKind::Unsupported`] for a database in
    /// WAL mode, whose newest pages may lie in another file, and for one that keeps text as UTF-16.
    pub fn new(start: &Bytes, whole: bool) -> Result<Self> {
        let header =
            start.get(..usize::try_from(HEADER_BYTES).unwrap_or(100)).filter(|header| header.starts_with(MAGIC));
        let header = header.ok_or_else(|| Error::corrupt("not an SQLite database"))?;
        let byte = |at: usize| header.get(at).copied().unwrap_or(0);
        let page_size = match u16::from_be_bytes([byte(16), byte(17)]) {
            1 => 65_536,
            size => usize::from(size),
        };
        if !page_size.is_power_of_two() || page_size < 512 {
            return Err(Error::corrupt(format!("SQLite database of page size {page_size}")));
        }
        if byte(18) == 2 || byte(19) == 2 {
            return Err(Error::unsupported(
                "SQLite database in WAL mode: its newest pages may lie in another file; \
                 `PRAGMA journal_mode=DELETE` makes it readable",
            ));
        }
        match big_endian(header, 56) {
            0 | 1 => {}
            2 | 3 => return Err(Error::unsupported("SQLite database that keeps text as UTF-16")),
            other => return Err(Error::corrupt(format!("SQLite database of text encoding {other}"))),
        }
        let usable = page_size - usize::from(byte(20));
        if usable < 480 {
            return Err(Error::corrupt(format!("SQLite database with {usable} usable bytes a page")));
        }
        let header = start.slice_ref(header);
        let mut pages = Self { header, page_size, usable, at_hand: BTreeMap::new(), whole };
        pages.supply(0, start);
        Ok(pages)
    }

    /// The first 100 bytes: they change with every transaction.
    #[must_use]
    pub fn header(&self) -> &Bytes {
        &self.header
    }

    /// The image's size by its header; `None` if its last writer did not keep that up to date.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        let count = u64::from(big_endian(&self.header, 28));
        let kept = big_endian(&self.header, 24) == big_endian(&self.header, 92);
        (kept && count > 0).then(|| count * self.page_size as u64)
    }

    /// Adds the pages that lie wholly in `bytes`, which start at `offset`, the start of a page.
    pub fn supply(&mut self, offset: u64, bytes: &Bytes) {
        let first = u32::try_from(offset / self.page_size as u64).unwrap_or(u32::MAX);
        for (position, start) in (0..bytes.len()).step_by(self.page_size).enumerate() {
            let end = start + self.page_size;
            let number = u32::try_from(position).ok().and_then(|position| first.checked_add(position)?.checked_add(1));
            if let Some(number) = number.filter(|_| end <= bytes.len()) {
                self.at_hand.insert(number, bytes.slice(start..end));
            }
        }
    }

    /// Says that no more pages exist than those at hand.
    pub fn finish(&mut self) {
        self.whole = true;
    }

    /// Reads a table by its name, in any case.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such table, [`ErrorKind::Unsupported`] if it has no row ids,
    /// [`ErrorKind::Corrupt`] for anything that breaks the format or a limit.
    pub fn read_table(&self, name: &str) -> Result<Found<Table>> {
        let schema = match self.walk(SCHEMA_ROOT)? {
            Found::Missing(missing) => return Ok(Found::Missing(missing)),
            Found::Whole(rows) => rows,
        };
        let entry = schema.iter().find_map(|row| match row.as_slice() {
            [SqlValue::Text(kind), SqlValue::Text(found), _, SqlValue::Integer(root), SqlValue::Text(sql), ..]
                if kind == "table" && found.eq_ignore_ascii_case(name) =>
            {
                Some((*root, sql))
            }
            _ => None,
        });
        let (root, sql) =
            entry.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the database has no table `{name}`")))?;
        let columns = ddl::column_names(sql)?;
        let root = u32::try_from(root).map_err(|_| Error::corrupt(format!("SQLite table at page {root}")))?;
        Ok(match self.walk(root)? {
            Found::Missing(missing) => Found::Missing(missing),
            Found::Whole(rows) => Found::Whole(Table { columns, rows }),
        })
    }

    /// Reads the tables of an SQL catalog. Views and tables without metadata are left out.
    ///
    /// # Errors
    /// As [`Pages::read_table`]; [`ErrorKind::NotFound`] if this is no database of a catalog.
    pub fn table_rows(&self) -> Result<Found<Vec<TableRow>>> {
        let table = match self.read_table(ICEBERG_TABLES)? {
            Found::Missing(missing) => return Ok(Found::Missing(missing)),
            Found::Whole(table) => table,
        };
        let mut rows = Vec::new();
        for row in &table.rows {
            let required = |name: &str| {
                let text = table.text(row, name)?;
                text.ok_or_else(|| Error::corrupt(format!("`{ICEBERG_TABLES}` has a row without `{name}`")))
            };
            if table.text(row, "iceberg_type").is_ok_and(|kind| kind.is_some_and(|kind| kind != "TABLE")) {
                continue;
            }
            let Some(metadata_location) = table.text(row, "metadata_location")? else {
                continue;
            };
            rows.push(TableRow {
                catalog_name: required("catalog_name")?,
                table_namespace: required("table_namespace")?,
                table_name: required("table_name")?,
                metadata_location,
                previous_metadata_location: table.text(row, "previous_metadata_location").ok().flatten(),
            });
        }
        Ok(Found::Whole(rows))
    }

    fn walk(&self, root: u32) -> Result<Found<Vec<Vec<SqlValue>>>> {
        let mut walk = Walk::new(self);
        walk.table(root)?;
        if walk.missing.is_empty() {
            return Ok(Found::Whole(walk.rows));
        }
        if self.whole {
            let page = walk.missing.first().copied().unwrap_or_default();
            return Err(Error::corrupt(format!("SQLite database ends before its page {page}")));
        }
        Ok(Found::Missing(self.ranges(&walk.missing)?))
    }

    /// The byte ranges of pages, neighbours joined.
    fn ranges(&self, missing: &BTreeSet<u32>) -> Result<Vec<Range<u64>>> {
        let size = self.page_size as u64;
        let end = self.size_bytes().unwrap_or(limits::DATABASE_BYTES);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for page in missing {
            let range = u64::from(page - 1) * size..u64::from(*page) * size;
            if range.end > end {
                return Err(Error::corrupt(format!("SQLite database refers to page {page}, beyond its end")));
            }
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
        Ok(ranges)
    }
}

impl Table {
    fn text(&self, row: &[SqlValue], column: &str) -> Result<Option<String>> {
        let position = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column));
        let position =
            position.ok_or_else(|| Error::corrupt(format!("`{ICEBERG_TABLES}` has no column `{column}`")))?;
        match row.get(position) {
            Some(SqlValue::Text(text)) => Ok(Some(text.clone())),
            Some(SqlValue::Null) | None => Ok(None),
            Some(_) => Err(Error::corrupt(format!("`{column}` of `{ICEBERG_TABLES}` is no text"))),
        }
    }
}

fn big_endian(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    four.map_or(0, |four| u32::from_be_bytes(*four))
}
