//! Objects that could not be taken, listed in the catalog until a later run takes them.

use bytes::Bytes;
use earthcatalog_core::{Error, Location, Result, limits};
use md5::{Digest as _, Md5};
use object_store::ObjectStoreExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use crate::fetch::{hex, read_object};
use crate::gc::{Listed, list};
use crate::objects;
use crate::source::Entry;
use crate::store::{Stores, store_error};

/// The folder of the lists below a catalog's base.
const FOLDER: &str = "_ec/failed";

/// An object that is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Missed {
    pub(super) key: String,
    pub(super) location: String,
    pub(super) modified_us: Option<i64>,
}

/// The lists that a run goes through.
pub(super) struct Lists {
    folder: Location,
    listed: Vec<Listed>,
}

/// Lists objects to be tried again, under a name that follows from them; what it is, if there are any.
pub(super) async fn put(stores: &Stores, base: &Location, missed: &[Missed]) -> Result<Option<String>> {
    if missed.is_empty() {
        return Ok(None);
    }
    let line = |missed: &Missed| serde_json::to_string(missed).map(|line| line + "\n");
    let lines: String = missed
        .iter()
        .map(line)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::internal("a list is not JSON").caused_by(error))?;
    let name = format!("{}.ndjson", hex(&Md5::digest(&lines)));
    objects::put(stores, &base.join(FOLDER).join(&name), Bytes::from(lines)).await?;
    Ok(Some(name))
}

impl Lists {
    /// The lists there are.
    pub(super) async fn find(stores: &Stores, base: &Location) -> Result<Self> {
        let folder = base.join(FOLDER);
        let listed = list(stores, &folder).await?;
        Ok(Self { folder, listed })
    }

    /// Hands on what is listed.
    ///
    /// A list in a store names objects of stores alone: whoever may write there could otherwise have a file of the
    /// reader's machine, or what answers on its network, read into the catalog.
    pub(super) async fn read(&self, stores: &Stores, entries: &Sender<Entry>) -> Result<()> {
        let most = usize::try_from(limits::OBJECT_BYTES).unwrap_or(usize::MAX);
        for object in &self.listed {
            let place = self.folder.join(&object.key);
            let lines = read_object(stores, &place, most).await?;
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let unreadable = |error| Error::corrupt("unreadable list").with("location", &place).caused_by(error);
                let Missed { key, location, modified_us } = serde_json::from_slice(line).map_err(unreadable)?;
                let location = Location::parse(&location)?;
                let is_allowed = self.folder.is_local() || !(location.is_local() || location.is_web());
                let entry = if is_allowed {
                    Entry::Object { key, location, modified_us }
                } else {
                    let reason = "a list in a store may not name a local file or a web address".to_owned();
                    Entry::Failed { key, reason }
                };
                if entries.send(entry).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Deletes the lists, but for one that was put anew.
    pub(super) async fn end(&self, stores: &Stores, anew: Option<&str>) -> Result<()> {
        let (store, _) = stores.get(&self.folder)?;
        for object in self.listed.iter().filter(|object| Some(object.key.as_str()) != anew) {
            match store.delete(&object.path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(store_error(error, &self.folder.join(&object.key))),
            }
        }
        Ok(())
    }
}
