//! Which objects of an inventory are new to a catalog, judged by the ids in their keys.

use std::iter::Peekable;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::hash_index::IdHash;
use crate::{Error, Result};

/// The id that an item's key names: the last segment without `.stac.json`, as the Python program has it, else without
/// its extension.
///
/// ```
/// use earthcatalog_core::write::delta::id_of_key;
/// assert_eq!(id_of_key("a/b/scene.v1.stac.json"), "scene.v1");
/// assert_eq!(id_of_key("scene.json"), "scene");
/// ```
#[must_use]
pub fn id_of_key(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    let ends = [".stac.json", ".geojson", ".json"];
    ends.iter().find_map(|end| name.strip_suffix(end)).filter(|id| !id.is_empty()).unwrap_or(name)
}

/// What of `rows`, ascending by hash, has no hash in `known`, ascending too. The first error ends it.
pub fn not_known<T>(
    rows: impl Iterator<Item = Result<T>>,
    hash_of: impl Fn(&T) -> IdHash,
    known: impl Iterator<Item = Result<IdHash>>,
) -> impl Iterator<Item = Result<T>> {
    let mut known = known.peekable();
    rows.filter_map(move |row| {
        let row = match row {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        match holds(&mut known, &hash_of(&row)) {
            Ok(true) => None,
            Ok(false) => Some(Ok(row)),
            Err(error) => Some(Err(error)),
        }
    })
}

/// Whether an ascending run holds a hash, after skipping those before it.
fn holds(known: &mut Peekable<impl Iterator<Item = Result<IdHash>>>, hash: &IdHash) -> Result<bool> {
    while let Some(before) = known.next_if(|other| other.as_ref().map_or(true, |other| other < hash)) {
        before?;
    }
    Ok(matches!(known.peek(), Some(Ok(other)) if other == hash))
}

/// An object of an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaRow {
    /// The bucket it lies in.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The hash of the id its key names.
    pub id_hash: IdHash,
    /// When it was last written: µs since 1970 UTC.
    pub last_modified_us: Option<i64>,
}

/// The columns of a delta: an inventory that `ingest` and the Python program read, with the hashes of ids.
#[must_use]
pub fn delta_schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("bucket", DataType::Utf8, false),
        Field::new("key", DataType::Utf8, false),
        Field::new("id_hash", DataType::FixedSizeBinary(16), false),
        Field::new("last_modified_date", time, true),
    ]))
}

/// Rows of a delta as a batch.
///
/// # Errors
/// [`crate::ErrorKind::Internal`] if they are no batch.
pub fn delta_batch(rows: &[DeltaRow]) -> Result<RecordBatch> {
    let internal = |error| Error::internal("rows of a delta").caused_by(error);
    let (mut buckets, mut keys) = (StringBuilder::new(), StringBuilder::new());
    let mut hashes = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
    let mut times = TimestampMicrosecondBuilder::new();
    for row in rows {
        buckets.append_value(&row.bucket);
        keys.append_value(&row.key);
        hashes.append_value(row.id_hash).map_err(internal)?;
        times.append_option(row.last_modified_us);
    }
    let times = times.finish().with_timezone("UTC");
    let columns: Vec<ArrayRef> =
        vec![Arc::new(buckets.finish()), Arc::new(keys.finish()), Arc::new(hashes.finish()), Arc::new(times)];
    RecordBatch::try_new(delta_schema(), columns).map_err(internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_from_keys_as_in_the_python_program() {
        for (key, id) in [
            ("s3/a/LC08_X.stac.json", "LC08_X"),
            ("LC08_X.json.stac.json", "LC08_X.json"),
            ("a/.stac.json", ".stac.json"),
            ("a/b.geojson", "b"),
            ("plain", "plain"),
        ] {
            assert_eq!(id_of_key(key), id, "{key}");
        }
    }

    #[test]
    fn what_is_known_is_left_out_and_errors_are_not() {
        let hash = |first: u8| [first; 16];
        let known = |firsts: &[u8]| firsts.iter().map(|first| Ok([*first; 16])).collect::<Vec<_>>().into_iter();
        let new = |rows: &[u8], firsts: &[u8]| {
            let rows = rows.iter().copied().map(Ok);
            not_known(rows, |first| hash(*first), known(firsts)).collect::<Result<Vec<u8>>>().unwrap()
        };
        assert_eq!(new(&[1, 1, 2, 5, 9], &[0, 1, 3, 5]), [2, 9]);
        assert_eq!(new(&[1, 2], &[]), [1, 2]);
        assert_eq!(new(&[], &[1]), [0_u8; 0]);
        let broken = vec![Ok(hash(1)), Err(Error::corrupt("cut"))].into_iter();
        assert!(not_known([Ok(2_u8)].into_iter(), |first| hash(*first), broken).any(|row| row.is_err()));
    }
}
