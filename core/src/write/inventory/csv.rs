//! Rows out of an inventory's CSV, pushed in chunk by chunk.

use super::{BrokenRow, Columns, InventoryRow};
use crate::{Error, Result};

/// Longest record. An S3 key has at most 1,024 bytes, 3,072 when encoded, and there are some twenty short columns.
const RECORD_BYTES: usize = 64 << 10;
/// Most cells of a record; S3 Inventory has about twenty columns.
const RECORD_CELLS: usize = 256;

/// How keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// As S3 writes them in CSV: percent-encoded, a space as `+` (S3 Inventory, "Inventory list").
    Url,
    /// Percent sequences are decoded when all of them are valid, a `+` stays: for CSV made by other programs.
    Lenient,
}

/// Turns the bytes of a CSV into rows. Holds one record at most, whatever the size of the file.
///
/// A first record whose first cell is `bucket` is a header and names the columns. Without one the columns are those
/// given, or bucket and key in this order. Keys are decoded as [`KeyEncoding::Url`] without a header, as S3 writes
/// none, and as [`KeyEncoding::Lenient`] with one.
#[derive(Debug)]
pub struct CsvReader {
    columns: Option<Columns>,
    encoding: KeyEncoding,
    record: Record,
    row: u64,
    rows: Vec<Result<InventoryRow, BrokenRow>>,
}

impl CsvReader {
    /// A reader of a CSV whose columns are `columns`, if its manifest says so.
    #[must_use]
    pub fn new(columns: Option<Columns>) -> Self {
        Self { columns, encoding: KeyEncoding::Url, record: Record::default(), row: 0, rows: Vec::new() }
    }

    /// Takes the next bytes and returns the rows that are complete with them.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for an overlong record or a quote out of place, [`crate::ErrorKind::Invalid`]
    /// for a header without `key`.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Result<InventoryRow, BrokenRow>>> {
        for byte in bytes {
            if self.record.push(*byte).map_err(|reason| self.corrupt(reason))? {
                self.end_record()?;
            }
        }
        Ok(std::mem::take(&mut self.rows))
    }

    /// Says that there are no more bytes and returns the last row, if the file does not end in a line break.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`crate::ErrorKind::Corrupt`] for a quote that is never closed.
    pub fn finish(mut self) -> Result<Vec<Result<InventoryRow, BrokenRow>>> {
        if self.record.state == State::Quoted {
            return Err(self.corrupt("quote is never closed"));
        }
        if !self.record.is_blank() {
            self.record.end_cell();
            self.end_record()?;
        }
        Ok(self.rows)
    }

    fn end_record(&mut self) -> Result<()> {
        let record = std::mem::take(&mut self.record);
        self.row += 1;
        if record.is_blank_line() {
            return Ok(());
        }
        if self.row == 1 && record.text(0).is_some_and(is_header_cell) {
            let names = (0..record.ends.len()).map(|place| record.text(place).unwrap_or_default());
            self.columns = Some(Columns::from_names(names.map(without_mark))?);
            self.encoding = KeyEncoding::Lenient;
            return Ok(());
        }
        let row = self.parse(&record).map_err(|reason| BrokenRow { row: self.row, reason });
        self.rows.push(row);
        Ok(())
    }

    fn parse(&self, record: &Record) -> Result<InventoryRow, String> {
        if std::str::from_utf8(&record.bytes).is_err() {
            return Err("row is not UTF-8".to_owned());
        }
        let columns = self.columns.as_ref().unwrap_or(&Columns::BARE);
        let mut row = columns.row(|place| record.text(place))?;
        row.key = decode_key(&row.key, self.encoding)?;
        Ok(row)
    }

    fn corrupt(&self, reason: &str) -> Error {
        Error::corrupt(format!("CSV inventory: {reason}")).with("row", self.row + 1)
    }
}

fn is_header_cell(text: &str) -> bool {
    without_mark(text).trim().eq_ignore_ascii_case("bucket")
}

/// Without the byte order mark some programs begin a CSV with.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

fn decode_key(key: &str, encoding: KeyEncoding) -> Result<String, String> {
    let plus = if encoding == KeyEncoding::Url { b' ' } else { b'+' };
    if !key.contains('%') && (plus == b'+' || !key.contains('+')) {
        return Ok(key.to_owned());
    }
    match (percent_decode(key, plus), encoding) {
        (Some(decoded), _) => Ok(decoded),
        (None, KeyEncoding::Lenient) => Ok(key.to_owned()),
        (None, KeyEncoding::Url) => Err(format!("key is not URL-encoded: `{key}`")),
    }
}

/// `None` if a percent sign is not followed by two hex digits, or the result is not UTF-8.
fn percent_decode(text: &str, plus: u8) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex_digit(bytes.next()?)? << 4) | hex_digit(bytes.next()?)?,
            b'+' => plus,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    CellStart,
    Plain,
    Quoted,
    /// After a quote within quotes: it ends the cell, or another one makes it a quote (RFC 4180, 2.7).
    QuoteSeen,
}

/// The cells of one record: their bytes in a row and where each ends.
#[derive(Debug, Default)]
struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    state: State,
    quoted: bool,
}

impl Record {
    /// Takes a byte; true at the end of the record.
    fn push(&mut self, byte: u8) -> Result<bool, &'static str> {
        if self.bytes.len() >= RECORD_BYTES || self.ends.len() >= RECORD_CELLS {
            return Err("record is longer than 64 KiB or 256 cells");
        }
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::QuoteSeen,
            (State::CellStart, b'"') => {
                self.state = State::Quoted;
                self.quoted = true;
            }
            (State::QuoteSeen, b'"') => {
                self.bytes.push(b'"');
                self.state = State::Quoted;
            }
            (State::Quoted, other) => self.bytes.push(other),
            (_, b',') => self.end_cell(),
            (_, b'\n') => {
                self.end_cell();
                return Ok(true);
            }
            // The first half of a line end.
            (_, b'\r') => {}
            (State::QuoteSeen, _) => return Err("text after a closing quote"),
            (_, other) => {
                self.bytes.push(other);
                self.state = State::Plain;
            }
        }
        Ok(false)
    }

    fn end_cell(&mut self) {
        self.ends.push(self.bytes.len());
        self.state = State::CellStart;
    }

    fn text(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }

    fn is_blank(&self) -> bool {
        self.bytes.is_empty() && self.ends.is_empty() && !self.quoted
    }

    fn is_blank_line(&self) -> bool {
        self.ends.len() <= 1 && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &str, columns: Option<Columns>) -> Vec<Result<InventoryRow, BrokenRow>> {
        let mut whole = CsvReader::new(columns.clone());
        let mut rows = whole.push(csv.as_bytes()).unwrap();
        rows.extend(whole.finish().unwrap());
        let mut single = CsvReader::new(columns);
        let mut slow: Vec<_> = csv.bytes().flat_map(|byte| single.push(&[byte]).unwrap()).collect();
        slow.extend(single.finish().unwrap());
        assert_eq!(rows, slow, "the cut of the chunks must not matter");
        rows
    }

    fn keys(csv: &str) -> Vec<String> {
        read(csv, None).into_iter().map(|row| row.unwrap().key).collect()
    }

    #[test]
    fn a_header_is_found_by_its_first_cell_and_names_the_columns() {
        let rows = read("bucket,size,key,last_modified_date\r\nb,7,k.json,2025-09-02\r\n", None);
        let row = rows[0].as_ref().unwrap();
        assert_eq!((row.bucket.as_str(), row.key.as_str(), row.size), ("b", "k.json", Some(7)));
        assert!(row.last_modified_us.is_some());
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn without_a_header_bucket_and_key_come_first() {
        assert_eq!(keys("\"b\",\"k.json\",\"1\"\n\n\"b\",\"l.json\",\"2\""), ["k.json", "l.json"]);
    }

    #[test]
    fn keys_without_a_header_are_url_decoded_as_s3_writes_them() {
        assert_eq!(keys("b,a+b%2Bc/%C5%BC%20d.json\n"), ["a b+c/\u{17c} d.json"]);
        let broken = read("b,100%.json\nb,%FF.json\nb,ok.json\n", None);
        assert_eq!(broken[0].as_ref().unwrap_err().row, 1);
        assert!(broken[1].is_err() && broken[2].is_ok());
    }

    #[test]
    fn keys_below_a_header_keep_their_plus_and_what_is_not_percent_encoded() {
        let csv = "bucket,key\nb,a+b%20c.json\nb,100%.json\nb,%FF.json\n";
        assert_eq!(keys(csv), ["a+b c.json", "100%.json", "%FF.json"]);
    }

    #[test]
    fn quotes_commas_and_line_breaks_within_quotes_belong_to_the_key() {
        assert_eq!(keys("bucket,key\nb,\"a,\"\"b\"\"\nc.json\"\n"), ["a,\"b\"\nc.json"]);
    }

    #[test]
    fn columns_of_a_manifest_are_used() {
        let columns = Columns::from_names("Bucket, Key, VersionId, IsLatest, IsDeleteMarker".split(',')).unwrap();
        let rows = read("\"b\",\"k.json\",\"v1\",\"false\",\"true\"\n", Some(columns));
        let row = rows[0].as_ref().unwrap();
        assert_eq!((row.is_latest, row.is_delete_marker), (Some(false), Some(true)));
        assert_eq!(row.version_id.as_deref(), Some("v1"));
    }

    #[test]
    fn rows_that_name_no_object_are_told_with_their_number() {
        let rows = read("bucket,key\nb\nb,k.json\n,k\n", None);
        assert_eq!(rows[0].as_ref().unwrap_err(), &BrokenRow { row: 2, reason: "row without a key".into() });
        assert!(rows[1].is_ok());
        assert_eq!(rows[2].as_ref().unwrap_err().row, 4);
    }

    #[test]
    fn endless_records_and_open_quotes_are_refused() {
        let mut reader = CsvReader::new(None);
        let endless = vec![b'x'; RECORD_BYTES + 1];
        assert!(reader.push(&endless).unwrap_err().to_string().contains("64 KiB"));
        let mut reader = CsvReader::new(None);
        reader.push(b"b,\"k").unwrap();
        assert!(reader.finish().is_err());
        assert!(CsvReader::new(None).push(b"\"b\"x,k\n").is_err());
    }

    #[test]
    fn a_byte_order_mark_does_not_hide_the_header() {
        assert_eq!(keys("\u{feff}bucket,key\nb,k.json\n"), ["k.json"]);
    }
}
