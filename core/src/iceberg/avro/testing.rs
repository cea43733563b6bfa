//! Writes Avro files for tests.

use super::{MAGIC, SYNC_BYTES};

pub(in crate::iceberg) fn container(codec: &str, schema: &str, blocks: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    let text = |file: &mut Vec<u8>, text: &[u8]| {
        long(file, i64::try_from(text.len()).unwrap());
        file.extend_from_slice(text);
    };
    long(&mut file, 2);
    for (key, value) in [("avro.codec", codec), ("avro.schema", schema)] {
        text(&mut file, key.as_bytes());
        text(&mut file, value.as_bytes());
    }
    long(&mut file, 0);
    file.extend_from_slice(&[9; SYNC_BYTES]);
    for (count, bytes) in blocks {
        long(&mut file, *count);
        text(&mut file, bytes);
        file.extend_from_slice(&[9; SYNC_BYTES]);
    }
    file
}

pub(in crate::iceberg) fn long(file: &mut Vec<u8>, number: i64) {
    let mut zigzag = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        file.push(u8::try_from(zigzag & 0x7f).unwrap() | 0x80);
        zigzag >>= 7;
    }
    file.push(u8::try_from(zigzag).unwrap());
}
