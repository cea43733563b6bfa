//! What the patches of a batch say of single properties.

use arrow_array::RecordBatch;
use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use crate::Result;
use crate::error::ResultExt as _;
use crate::stac::json_column::texts;
use crate::stac::{patch, schema};

/// The patches of a batch's rows, read once for all properties that are asked for.
#[derive(Clone, Debug, Default)]
pub struct Patches(Vec<(usize, Patch)>);

impl Patches {
    /// The patches of a batch; none where it has no such column.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for a text that is no patch, [`crate::ErrorKind::Unsupported`] for operations or
    /// a column of another kind.
    pub fn of(batch: &RecordBatch) -> Result<Self> {
        let Some(column) = batch.column_by_name(schema::JSON_PATCH) else {
            return Ok(Self::default());
        };
        let texts = texts(column).context("column", schema::JSON_PATCH)?.into_iter().enumerate();
        let patches = texts.filter_map(|(row, text)| Some((row, text?)));
        Ok(Self(patches.map(|(row, text)| Ok((row, patch::parse(text)?))).collect::<Result<_>>()?))
    }

    /// The rows whose patch says something of one of these places, of what lies below one, or of all of the item.
    ///
    /// A place is a member of the item, or a member and a key in it.
    pub(super) fn touching<'a>(
        &'a self,
        places: &'a [(&'a str, Option<&'a str>)],
    ) -> impl Iterator<Item = (usize, Patch)> + 'a {
        self.0.iter().filter_map(|(row, patch)| {
            let operations: Vec<PatchOperation> = patch
                .0
                .iter()
                .filter(|operation| places.iter().any(|place| touches(operation, *place)))
                .cloned()
                .collect();
            (!operations.is_empty()).then(|| (*row, Patch(operations)))
        })
    }
}

fn touches(operation: &PatchOperation, (member, key): (&str, Option<&str>)) -> bool {
    let mut tokens = operation.path().tokens();
    let Some(first) = tokens.next() else { return true };
    first.decoded() == member
        && match (tokens.next(), key) {
            (Some(second), Some(key)) => second.decoded() == key,
            _ => true,
        }
}

/// What lies at a dotted path below a value: a name that holds dots itself wins over a path of shorter ones. Numbers
/// are positions of an array.
pub(super) fn below<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    match value {
        Value::Object(members) => members.get(path).or_else(|| {
            let cuts = path.match_indices('.').map(|(at, _)| path.split_at(at));
            let mut nested = cuts.rev().filter_map(|(name, rest)| below(members.get(name)?, rest.get(1..)?));
            nested.next()
        }),
        Value::Array(elements) => {
            let (position, rest) = path.split_once('.').unwrap_or((path, ""));
            below(elements.get(position.parse::<usize>().ok()?)?, rest)
        }
        _ => None,
    }
}
