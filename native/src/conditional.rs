//! Objects that are replaced: read with the version they have, written only while they still have it.
//!
//! In a store that is a conditional put. A local disk has none, so there the writers of a machine take turns by a lock
//! on the folder, compare the content, and rename. What a refused or failed write means is the caller's: the answer to
//! a write that arrived may have been lost, so only reading it back tells.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::{Error, ErrorKind, Location, Result, limits};
use object_store::{GetOptions, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};

use crate::fetch::{blocking, local_path};
use crate::objects::{self, Replace};
use crate::store::{ETags, Stores, store_error};

/// An object and the version it had when it was read.
#[derive(Clone, Debug)]
pub(crate) struct Versioned {
    pub(crate) bytes: Bytes,
    pub(crate) version: Version,
    /// By the store's clock, or that of the disk's machine.
    pub(crate) last_modified: DateTime<Utc>,
}

/// What tells one state of an object from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// The content itself: a disk's times are too coarse to be a version.
    Content(Bytes),
    /// What the store says: entity tag, and generation where it has one.
    Tags { e_tag: Option<String>, version: Option<String> },
}

/// The answer to a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was written.
    Written,
    /// The store holds another version, or says so: a try of the same write may have come before.
    Refused,
}

/// Reads an object that may change; `None` if there is none.
pub(crate) async fn read(stores: &Stores, location: &Location) -> Result<Option<Versioned>> {
    let read = match local_path(location) {
        Some(path) => blocking(move || objects::read_timed(&path)).await.map(|(bytes, last_modified)| {
            let version = Version::Content(bytes.clone());
            Versioned { bytes, version, last_modified }
        }),
        None => read_store(stores, location).await,
    };
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("location", location),
    }
}

async fn read_store(stores: &Stores, location: &Location) -> Result<Versioned> {
    let (store, path) = stores.get(location)?;
    let failed = |error| store_error(error, location);
    let answer = store.get_opts(&path, GetOptions::default()).await.map_err(failed)?;
    let meta = answer.meta.clone();
    if meta.size > limits::DATABASE_BYTES {
        return Err(Error::corrupt(format!("object of {} bytes exceeds the limit", meta.size)));
    }
    let bytes = answer.bytes().await.map_err(failed)?;
    if bytes.len() as u64 != meta.size {
        let message = format!("the object has {} bytes, {} arrived", meta.size, bytes.len());
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    let version = Version::Tags { e_tag: meta.e_tag, version: meta.version };
    Ok(Versioned { bytes, version, last_modified: meta.last_modified })
}

/// Writes an object if it has the `expected` version still, or, without one, if it is not there.
///
/// # Errors
/// [`ErrorKind::Unsupported`] where the store or file system has no means for it; otherwise the store's, after which
/// the object may or may not have been written.
pub(crate) async fn write(
    stores: &Stores,
    location: &Location,
    expected: Option<&Version>,
    bytes: Bytes,
) -> Result<Answer> {
    if let Some(path) = local_path(location) {
        let content = match expected {
            None => None,
            Some(Version::Content(content)) => Some(content.clone()),
            Some(Version::Tags { .. }) => return Err(Error::internal("a local object has no entity tag")),
        };
        let single = stores.is_single_writer();
        let write = move || objects::replace_local(&path, &bytes, &Replace { expected: content, single });
        let written = blocking(write).await.context("location", location)?;
        return Ok(if written { Answer::Written } else { Answer::Refused });
    }
    let (store, path) = stores.get(location)?;
    let mode = match expected {
        _ if stores.is_single_writer() => {
            let present = read(stores, location).await?.map(|present| present.version);
            if present.as_ref() != expected {
                return Ok(Answer::Refused);
            }
            PutMode::Overwrite
        }
        None => PutMode::Create,
        Some(version) => PutMode::Update(update_version(version, stores.e_tags(location)?)?),
    };
    let options = PutOptions { mode, attributes: objects::attributes(objects::Put::Mutable), ..PutOptions::default() };
    match store.put_opts(&path, bytes.into(), options).await {
        Ok(_) => Ok(Answer::Written),
        Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
            Ok(Answer::Refused)
        }
        // The object that was to be replaced is gone.
        Err(object_store::Error::NotFound { .. }) if expected.is_some() => Ok(Answer::Refused),
        Err(error) => Err(store_error(error, location)),
    }
}

/// Removes an object if it has the `expected` version still; whether it did. A store cannot do both at once: there it is
/// looked at just before.
pub(crate) async fn remove(stores: &Stores, location: &Location, expected: &Version) -> Result<bool> {
    if let (Some(path), Version::Content(content)) = (local_path(location), expected) {
        let (content, single) = (content.clone(), stores.is_single_writer());
        return blocking(move || objects::remove_local(&path, &content, single)).await.context("location", location);
    }
    let present = read(stores, location).await?.map(|present| present.version);
    if present.as_ref() != Some(expected) {
        return Ok(false);
    }
    let (store, path) = stores.get(location)?;
    match store.delete(&path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(true),
        Err(error) => Err(store_error(error, location)),
    }
}

/// Both the tag and the generation: Google's stores compare the second, the others the first.
fn update_version(version: &Version, e_tags: ETags) -> Result<UpdateVersion> {
    let Version::Tags { e_tag, version } = version else {
        return Err(Error::internal("an object of a store has a version"));
    };
    if e_tag.is_none() && version.is_none() {
        return Err(Error::unsupported("the store gives its objects no version: it cannot be written to by several"));
    }
    let bare = |tag: &String| tag.trim_matches('"').to_owned();
    let e_tag = e_tag.as_ref().map(|tag| if e_tags == ETags::Bare { bare(tag) } else { tag.clone() });
    Ok(UpdateVersion { e_tag, version: version.clone() })
}
