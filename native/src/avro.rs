//! Avro object containers, written once more and small: the `iceberg` crate writes manifests without compression, and
//! the pairs of their maps in the order of a hash map.

use apache_avro::types::Value;
use apache_avro::{Codec, DeflateSettings, Reader, Writer};
use bytes::Bytes;
use earthcatalog_core::{Error, Result};
use miniz_oxide::deflate::CompressionLevel;

/// Inflated size at which a block is closed. Entries in one block share a dictionary; a reader inflates one at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// The same container in blocks of about [`BLOCK_BYTES`], deflated, with the pairs of maps by key (Iceberg writes maps
/// of integers as arrays of pairs, so their order is free), and every field of its records as `change` leaves it.
/// Schema and header stay.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Corrupt`] if the bytes are no Avro container; those of `change`.
pub(crate) fn rewritten(container: &[u8], change: &mut dyn FnMut(&str, &mut Value) -> Result<()>) -> Result<Bytes> {
    let broken = |error| Error::corrupt("no readable Avro container").caused_by(error);
    let reader = Reader::new(container).map_err(broken)?;
    let schema = reader.writer_schema().clone();
    let codec = Codec::Deflate(DeflateSettings::new(CompressionLevel::BestCompression));
    let mut writer = Writer::builder().schema(&schema).writer(Vec::new()).codec(codec).block_size(BLOCK_BYTES).build();
    for (key, value) in reader.user_metadata() {
        writer.add_user_metadata(key.clone(), value).map_err(broken)?;
    }
    for record in reader {
        let mut record = record.map_err(broken)?;
        change_fields(&mut record, change)?;
        writer.append(record).map_err(broken)?;
    }
    Ok(writer.into_inner().map_err(broken)?.into())
}

fn change_fields(value: &mut Value, change: &mut dyn FnMut(&str, &mut Value) -> Result<()>) -> Result<()> {
    match value {
        Value::Record(fields) => {
            for (name, field) in fields {
                change(name, field)?;
                change_fields(field, change)?;
            }
        }
        Value::Union(_, inner) => change_fields(inner, change)?,
        Value::Array(pairs) => pairs.sort_by_key(key),
        _ => {}
    }
    Ok(())
}

/// The key of a pair; nothing of another element, which then stays where it is.
fn key(pair: &Value) -> Option<i32> {
    match pair {
        Value::Record(fields) => fields.iter().find_map(|(name, value)| match (name.as_str(), value) {
            ("key", Value::Int(key)) => Some(*key),
            _ => None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::Schema;

    #[test]
    fn pairs_are_in_order_and_other_arrays_as_they_were() {
        let schema = r#"{"type":"record","name":"r","fields":[
            {"name":"lengths","type":{"type":"array","items":"long"}},
            {"name":"counts","type":["null",{"type":"array","items":{"type":"record","name":"p","fields":[
                {"name":"key","type":"int"},{"name":"value","type":"long"}]}}]}]}"#;
        let schema = Schema::parse_str(schema).unwrap();
        let pair =
            |key, value| Value::Record(vec![("key".into(), Value::Int(key)), ("value".into(), Value::Long(value))]);
        let record = |pairs| {
            let lengths = Value::Array(vec![Value::Long(9), Value::Long(3)]);
            let counts = Value::Union(1, Box::new(Value::Array(pairs)));
            Value::Record(vec![("lengths".into(), lengths), ("counts".into(), counts)])
        };
        let mut writer = Writer::new(&schema, Vec::new());
        writer.add_user_metadata("format-version".into(), "2").unwrap();
        for number in 0..3_000 {
            writer.append(record(vec![pair(7, number), pair(-2, 0), pair(1, 5)])).unwrap();
        }
        let plain = writer.into_inner().unwrap();
        let packed = rewritten(&plain, &mut |_, _| Ok(())).unwrap();
        assert!(packed.len() * 2 < plain.len());
        let reader = Reader::new(&packed[..]).unwrap();
        assert_eq!(reader.user_metadata()["format-version"], b"2");
        let records: Vec<Value> = reader.map(|record| record.unwrap()).collect();
        assert_eq!(records.len(), 3_000);
        assert_eq!(records[2], record(vec![pair(-2, 0), pair(1, 5), pair(7, 2)]));
    }

    #[test]
    fn what_is_no_container_is_refused() {
        for bytes in [&b""[..], b"Obj", b"Obj\x01\x02", b"Obj\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert!(rewritten(bytes, &mut |_, _| Ok(())).is_err());
        }
    }
}
