//! The records of commits: by them a commit is noticed that another program's upload of an older database undid.
//!
//! The Python program replaces the database whatever lies there. What a commit of ours put is still there then, its
//! metadata too, but nothing leads to it. The record does, and says that there was a commit at all.

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::{Error, ErrorKind, Result, limits};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use crate::fetch::{hex, read_object};
use crate::gc::{Listed, list};
use crate::objects;
use crate::read::open;
use crate::snapshot::Base;
use crate::store::Stores;

/// The folder of the records below a catalog's base.
const FOLDER: &str = "_ec/commits";
/// Most bytes of a record.
const RECORD_BYTES: usize = 64 << 10;
/// Records read at once.
const READS: usize = 16;
/// How long records are kept: longer than any job that could upload an old database.
pub(crate) const KEPT_US: i64 = 30 * 24 * 3_600 * 1_000_000;

/// That a commit was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CommitRecord {
    pub(crate) commit_id: String,
    pub(crate) table_uuid: String,
    /// The number of the table's last snapshot after it.
    pub(crate) sequence_number: i64,
    /// Where, as stored, the metadata lies that it made.
    pub(crate) metadata_location: String,
    /// When that was made: ms since 1970 UTC.
    pub(crate) timestamp_ms: i64,
}

impl CommitRecord {
    fn key(&self) -> String {
        format!("{FOLDER}/{:08}-{}.json", self.sequence_number, file_name(&self.commit_id))
    }
}

/// A commit's id as part of a key: a caller may have chosen any text.
fn file_name(commit_id: &str) -> String {
    let is_plain = commit_id.len() <= 64 && commit_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_plain { commit_id.to_owned() } else { hex(&Md5::digest(commit_id)) }
}

/// Notes a commit that was made.
pub(crate) async fn put(stores: &Stores, catalog: &Catalog, record: &CommitRecord) -> Result<()> {
    let body = serde_json::to_vec(record).map_err(|error| Error::internal("a record is not JSON").caused_by(error))?;
    objects::put(stores, &catalog.base().join(&record.key()), Bytes::from(body)).await
}

/// A commit that is not in the table's history, and its record.
pub(crate) struct LostCommit {
    pub(crate) record: CommitRecord,
    pub(crate) listed: Listed,
    /// The catalog as the commit left it; `None` if its metadata is gone.
    pub(crate) state: Option<Catalog>,
}

/// The commits that were made and are not in the table's history, the first one first.
///
/// A history tells of the last hundred states: a commit before these is not looked for.
pub(crate) async fn lost(stores: &Stores, catalog: &Catalog) -> Result<Vec<LostCommit>> {
    let most = usize::try_from(limits::OBJECT_BYTES).unwrap_or(usize::MAX);
    let metadata = read_object(stores, catalog.metadata_location(), most).await?;
    let present = Base::parse(catalog.metadata_location().as_str(), &metadata)?;
    let folder = catalog.base().join(FOLDER);
    let mut listed = list(stores, &folder).await?;
    listed.sort_by(|one, other| one.key.cmp(&other.key));
    let known: Vec<String> = present.commit_ids().map(file_name).collect();
    // Most are seen to be there by their names. What cannot be read as a record is none.
    listed.retain(|object| !known.iter().any(|id| object.key.contains(id.as_str())));
    let read = stream::iter(listed).map(|listed| async {
        let read = read_object(stores, &folder.join(&listed.key), RECORD_BYTES).await;
        Ok::<_, Error>(absent(read)?.map(|bytes| (listed, bytes)))
    });
    let read: Vec<_> = read.buffered(READS).try_collect().await?;
    let mut lost = Vec::new();
    for (listed, bytes) in read.into_iter().flatten() {
        let Ok(record) = serde_json::from_slice::<CommitRecord>(&bytes) else { continue };
        let is_stored = catalog.resolve(&record.metadata_location)?;
        if !present.lacks(&record) || is_stored == *catalog.metadata_location() {
            continue;
        }
        let state = absent(open(stores, is_stored.as_str()).await)?;
        lost.push(LostCommit { record, listed, state });
    }
    Ok(lost)
}

/// What is not there is no error.
fn absent<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
