//! Items out of NDJSON and JSON documents, one at a time.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use bytes::Bytes;
use earthcatalog_core::{Error, Result};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::kind::{open_text, unreadable};
use super::{Entry, Feed, ITEM_BYTES, More, not_an_item};

/// Reads a JSON value a line. A bad line is a failure of its own; the rest is read.
pub(super) fn read_lines(source: &str, file: File, feed: &mut Feed) -> Result<More> {
    let mut text = open_text(file)?;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = text.by_ref().take(ITEM_BYTES as u64 + 1).read_until(b'\n', &mut line).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        let key = format!("{source}:{number}");
        if line.len() > ITEM_BYTES {
            text.skip_until(b'\n').map_err(unreadable)?;
            if !feed.fail(key, "line is longer than the limit of an item") {
                return Ok(false);
            }
            continue;
        }
        // The record separator of GeoJSON text sequences (RFC 8142).
        let content = line.trim_ascii().strip_prefix(&[0x1e]).unwrap_or(line.trim_ascii());
        if !content.is_empty() && !feed.send(line_entry(key, content)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The entry of a line: an item, or an object that holds one as `item`.
fn line_entry(key: String, line: &[u8]) -> Entry {
    // Only a wrapped line is parsed here: to find its item.
    let first_name = line.strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    let wrapped = first_name.starts_with(b"\"key\"") || first_name.starts_with(b"\"item\"");
    let parsed = if wrapped { serde_json::from_slice::<Value>(line).ok() } else { None };
    match parsed {
        Some(Value::Object(mut members)) if members.get("item").is_some_and(Value::is_object) => {
            let key = members.get("key").and_then(Value::as_str).map_or(key, str::to_owned);
            Entry::Parsed { key, item: members.swap_remove("item").unwrap_or_default() }
        }
        _ => Entry::Text { key, text: Bytes::copy_from_slice(line) },
    }
}

/// Reads one JSON document: an item, an array of items, or an object with items as `features`.
pub(super) fn read_document(source: &str, file: File, feed: &mut Feed) -> Result<More> {
    let used = Rc::new(Cell::new(0));
    let text = Metered { inner: open_text(file)?, used: Rc::clone(&used) };
    let mut document = Document { source, feed, used, count: 0, more: true, rest: Map::new(), listed: false };
    let mut deserializer = serde_json::Deserializer::from_reader(io::BufReader::new(text));
    let read = deserializer.deserialize_any(&mut document);
    if !document.more {
        return Ok(false);
    }
    read.and_then(|()| deserializer.end()).map_err(|error| broken(&error, document.count))?;
    let Document { listed, rest, .. } = document;
    if listed {
        return Ok(true);
    }
    let item = Value::Object(rest);
    if let Some(found) = not_an_item(&item) {
        let collection =
            matches!(item.get("type").and_then(Value::as_str), Some("FeatureCollection" | "ItemCollection"));
        let found = if collection { "item collection without `features`" } else { found };
        return Err(Error::invalid(format!("found: {found}; wanted an item or a collection of items")));
    }
    Ok(feed.send(Entry::Parsed { key: source.to_owned(), item }))
}

fn broken(error: &serde_json::Error, count: u64) -> Error {
    Error::corrupt(format!("not JSON: {error}")).with("items_before", count)
}

/// Visits a document and hands on its items as they come.
struct Document<'a> {
    source: &'a str,
    feed: &'a mut Feed,
    used: Rc<Cell<usize>>,
    count: u64,
    more: bool,
    /// Members other than `features`: the item itself, if there are no features.
    rest: Map<String, Value>,
    listed: bool,
}

impl<'de> Visitor<'de> for &mut Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item or a collection of items")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let is_item = self.rest.get("type").and_then(Value::as_str) == Some("Feature");
            if name == "features" && !is_item {
                members.next_value_seed(Items(self))?;
            } else {
                self.used.set(0);
                let value = members.next_value()?;
                self.rest.insert(name, value);
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.listed = true;
        loop {
            self.used.set(0);
            let Some(item) = items.next_element::<Value>()? else {
                return Ok(());
            };
            self.count += 1;
            let key = format!("{}#{}", self.source, self.count);
            self.more = self.feed.send(Entry::Parsed { key, item });
            if !self.more {
                return Err(serde::de::Error::custom("enough items"));
            }
        }
    }
}

struct Items<'a, 'b>(&'a mut Document<'b>);

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self.0)
    }
}

/// Fails a read that goes on too long without an item: bounds the memory of one value.
struct Metered<R> {
    inner: R,
    used: Rc<Cell<usize>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.used.set(self.used.get().saturating_add(read));
        if self.used.get() > ITEM_BYTES.saturating_add(buffer.len()) {
            return Err(io::Error::other("a single item is larger than the limit"));
        }
        Ok(read)
    }
}
