//! What a run has fetched, kept in the catalog's store until it is committed: a run that is killed fetches nothing twice.
//!
//! Objects are fetched in groups, in the order of the source. The items of a group are one staged object, whose name
//! follows from the keys in it and their times: the same command finds it again, and so does another one that meets the
//! same group. What failed is not staged, and fetched again.

use std::collections::{BTreeSet, HashMap};
use std::io::{Read as _, Write as _};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::{Error, Location, Result, limits};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use md5::{Digest as _, Md5};
use object_store::ObjectStoreExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Receiver;

use super::report::IngestOptions;
use crate::fetch::{blocking, hex, local_path, read_object};
use crate::gc::list;
use crate::objects;
use crate::source::Entry;
use crate::store::{Stores, store_error};

/// The folder of staged objects below a catalog's base.
const FOLDER: &str = "_ec/staging/items";
/// Entries of a group that are not to be fetched.
const OTHERS: usize = 64;
/// Deletions under way at once.
const DELETIONS: usize = 16;
/// zstd's own default.
const LEVEL: i32 = 3;

/// The staged objects of a run.
pub(super) struct Staging {
    folder: Location,
    /// Names that were there when the run began.
    present: BTreeSet<String>,
    /// Names that the run reads or puts.
    used: Mutex<BTreeSet<String>>,
}

/// An item's text in a staged object.
#[derive(Serialize, Deserialize)]
struct Staged<'a> {
    #[serde(borrow)]
    key: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    text: std::borrow::Cow<'a, str>,
}

impl Staging {
    /// Looks what earlier runs left. A dry run stages nothing.
    pub(super) async fn begin(stores: &Stores, catalog: &Catalog, options: &IngestOptions) -> Result<Option<Self>> {
        if options.dry_run || options.staged_items == 0 {
            return Ok(None);
        }
        let folder = catalog.base().join(FOLDER);
        let present = list(stores, &folder).await?.into_iter().map(|object| object.key).collect();
        Ok(Some(Self { folder, present, used: Mutex::default() }))
    }

    /// The texts of a group that are staged, by key.
    pub(super) async fn read(&self, stores: &Stores, name: &str) -> Result<HashMap<String, Bytes>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        if !self.present.contains(name) {
            return Ok(HashMap::new());
        }
        let most = usize::try_from(limits::OBJECT_BYTES).unwrap_or(usize::MAX);
        let packed = read_object(stores, &self.folder.join(name), most).await?;
        blocking(move || unpack(&packed)).await
    }

    /// Stages the texts of a group.
    pub(super) async fn put(&self, stores: &Stores, name: &str, texts: Vec<(String, Bytes)>) -> Result<()> {
        let packed = blocking(move || pack(&texts)).await?;
        objects::put(stores, &self.folder.join(name), packed).await
    }

    /// Deletes what was staged: it is committed.
    pub(super) async fn end(&self, stores: &Stores) -> Result<()> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (store, _) = stores.get(&self.folder)?;
        let deletions = stream::iter(used).map(|name| {
            let (store, location) = (&store, self.folder.join(&name));
            async move {
                let (_, path) = stores.get(&location)?;
                match store.delete(&path).await {
                    // A group of which nothing could be fetched is not staged.
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(store_error(error, &location)),
                }
            }
        });
        deletions.buffer_unordered(DELETIONS).try_collect().await
    }
}

fn pack(texts: &[(String, Bytes)]) -> Result<Bytes> {
    let failed = |error: std::io::Error| Error::internal("cannot pack what is staged").caused_by(error);
    let mut packed = zstd::Encoder::new(Vec::new(), LEVEL).map_err(failed)?;
    for (key, text) in texts {
        // What is no text is no item, and the next run will see so again.
        let Ok(text) = std::str::from_utf8(text) else { continue };
        let line = serde_json::to_vec(&Staged { key: key.as_str().into(), text: text.into() });
        packed.write_all(&line.map_err(|error| failed(error.into()))?).map_err(failed)?;
        packed.write_all(b"\n").map_err(failed)?;
    }
    packed.finish().map(Bytes::from).map_err(failed)
}

fn unpack(packed: &[u8]) -> Result<HashMap<String, Bytes>> {
    let corrupt = |error: std::io::Error| Error::corrupt("unreadable staged items").caused_by(error);
    let mut lines = Vec::new();
    let decoder = zstd::Decoder::new(packed).map_err(corrupt)?;
    decoder.take(limits::OBJECT_BYTES).read_to_end(&mut lines).map_err(corrupt)?;
    let staged = |line: &[u8]| {
        let staged: Staged<'_> = serde_json::from_slice(line).map_err(|error| corrupt(error.into()))?;
        Ok((staged.key.into_owned(), Bytes::from(staged.text.into_owned())))
    };
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(staged).collect()
}

/// An entry that costs a request: worth staging.
fn is_fetched(entry: &Entry) -> bool {
    matches!(entry, Entry::Object { location, .. } if local_path(location).is_none())
}

/// Entries that belong together.
pub(super) struct Group {
    pub(super) entries: Vec<Entry>,
    /// What they are called when they are staged; `None` if they are not.
    pub(super) name: Option<String>,
}

impl Group {
    fn of(entries: Vec<Entry>) -> Self {
        let mut digest = Md5::new();
        let mut is_staged = false;
        for entry in entries.iter().filter(|entry| is_fetched(entry)) {
            if let Entry::Object { location, modified_us, .. } = entry {
                digest.update(format!("{location}\0{modified_us:?}\0"));
                is_staged = true;
            }
        }
        let name = is_staged.then(|| format!("{}.ndjson.zst", hex(&digest.finalize())));
        Self { entries, name }
    }
}

/// Gathers entries into groups that have so many to fetch.
pub(super) fn groups(entries: Receiver<Entry>, size: usize) -> impl stream::Stream<Item = Group> {
    stream::unfold(entries, move |mut entries| async move {
        let mut group = vec![entries.recv().await?];
        let (mut fetched, mut others) = (0, 0);
        while let Some(last) = group.last() {
            if is_fetched(last) {
                fetched += 1;
            } else {
                others += 1;
            }
            if fetched >= size.max(1) || others >= OTHERS {
                break;
            }
            let Some(next) = entries.recv().await else { break };
            group.push(next);
        }
        Some((Group::of(group), entries))
    })
}
