//! Tells by name and content what kind of source a file is.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};

use earthcatalog_core::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use super::ITEM_BYTES;
use crate::fetch::file_error;

/// A kind of source that is one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The `manifest.json` of an S3 Inventory.
    Manifest,
    /// An S3 Inventory as CSV.
    CsvInventory,
    /// Parquet; whether it is an inventory its columns say.
    Parquet,
    /// A JSON value a line.
    Lines,
    /// One JSON document.
    Json,
}

/// Bytes looked at to tell JSON, CSV and binary apart.
const HEAD_BYTES: usize = 4096;

/// Tells what a file is and gives it back at its start.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Invalid`] naming what was found if it is nothing that items are read from,
/// [`earthcatalog_core::ErrorKind::Unsupported`] for an ORC inventory.
pub(super) fn detect(name: &str, mut file: File) -> Result<(Kind, File)> {
    let kind = detect_kind(&name.to_ascii_lowercase(), &mut file)?;
    file.rewind().map_err(file_error)?;
    Ok((kind, file))
}

/// The text of a file, unpacked if it is gzipped, without a byte order mark.
pub(super) fn open_text(mut file: File) -> Result<Box<dyn BufRead + Send>> {
    let gzipped = begins_with(&mut file, &[0x1f, 0x8b])?;
    let file = BufReader::new(file);
    let mut text: Box<dyn BufRead + Send> =
        if gzipped { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
    if text.fill_buf().map_err(unreadable)?.starts_with(b"\xEF\xBB\xBF") {
        text.consume(3);
    }
    Ok(text)
}

/// The error of a text that cannot be unpacked or read.
pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::corrupt("cannot read the source to its end").caused_by(error)
}

fn detect_kind(name: &str, file: &mut File) -> Result<Kind> {
    if begins_with(file, b"PAR1")? {
        return Ok(Kind::Parquet);
    }
    if begins_with(file, b"ORC")? {
        return Err(Error::unsupported("an ORC file: of S3 inventories only CSV and Parquet are read"));
    }
    let mut text = open_text(file.try_clone().map_err(file_error)?)?;
    let mut head = Vec::new();
    text.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    if let Some(found) = foreign(&head) {
        return Err(wrong(found));
    }
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let ends = |ends: &[&str]| ends.iter().any(|end| plain.ends_with(end));
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(wrong("an empty file")),
        Some(_) if ends(&[".ndjson", ".jsonl", ".ndgeojson", ".geojsonl", ".geojsons"]) => Ok(Kind::Lines),
        Some(b'{' | b'[') => json_kind(plain, &head, text),
        // A GeoJSON text sequence (RFC 8142): lines, each after a record separator.
        Some(0x1e) => Ok(Kind::Lines),
        Some(b'<') => Err(wrong("XML or HTML")),
        Some(_) if ends(&[".csv", ".tsv"]) || first_line(&head).contains(&b',') => Ok(Kind::CsvInventory),
        Some(_) => Err(wrong("text that is neither JSON nor CSV")),
    }
}

/// JSON that begins with `head`: a manifest, lines or one document.
fn json_kind(name: &str, head: &[u8], rest: Box<dyn BufRead + Send>) -> Result<Kind> {
    let text = String::from_utf8_lossy(head);
    if name.ends_with("manifest.json") && text.contains("\"fileFormat\"") || text.contains("\"fileSchema\"") {
        return Ok(Kind::Manifest);
    }
    let mut whole = head.chain(rest);
    let mut line = Vec::new();
    whole.by_ref().take(ITEM_BYTES as u64).read_until(b'\n', &mut line).map_err(unreadable)?;
    let first_is_whole = serde_json::from_slice::<Value>(&line).is_ok();
    if first_is_whole && has_more(&mut whole)? { Ok(Kind::Lines) } else { Ok(Kind::Json) }
}

fn has_more(text: &mut impl BufRead) -> Result<bool> {
    loop {
        let buffer = text.fill_buf().map_err(unreadable)?;
        if buffer.is_empty() {
            return Ok(false);
        }
        if buffer.iter().any(|byte| !byte.is_ascii_whitespace()) {
            return Ok(true);
        }
        let length = buffer.len();
        text.consume(length);
    }
}

/// The name of a format that is known and of no use here.
fn foreign(head: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 9] = [
        (b"SQLite format 3\0", "an SQLite database (a catalog?)"),
        (b"Obj\x01", "an Avro file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x28\xb5\x2f\xfd", "a file compressed with zstd"),
        (b"BZh", "a file compressed with bzip2"),
        (b"\xfd7zXZ", "a file compressed with xz"),
        (b"II*\0", "a TIFF image"),
        (b"\x89HDF", "an HDF5 or NetCDF file"),
        (b"fgb", "a FlatGeobuf file"),
    ];
    let known = FORMATS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    known.or_else(|| head.contains(&0).then_some("a binary file"))
}

fn wrong(found: &str) -> Error {
    Error::invalid(format!(
        "found {found} where a folder of items, an item collection, NDJSON or an S3 inventory is wanted"
    ))
}

fn first_line(head: &[u8]) -> &[u8] {
    head.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn begins_with(file: &mut File, magic: &[u8]) -> Result<bool> {
    file.rewind().map_err(file_error)?;
    let mut head = Vec::new();
    file.take(magic.len() as u64).read_to_end(&mut head).map_err(file_error)?;
    file.rewind().map_err(file_error)?;
    Ok(head == magic)
}
