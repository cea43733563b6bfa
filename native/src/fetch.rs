//! Reading one object whole: an item, a manifest, or a data file that is too large for memory.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use bytes::Bytes;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use futures::TryStreamExt;
use md5::{Digest as _, Md5};
use object_store::ObjectStoreExt;

use crate::store::{Stores, store_error};

/// Bytes hashed at once.
const HASH_CHUNK_BYTES: usize = 1 << 20;

/// The path of a local location, or `None` for one in a store.
pub(crate) fn local_path(location: &Location) -> Option<PathBuf> {
    location.is_local().then(|| location.normal().into())
}

/// Reads an object of at most `limit` bytes.
///
/// # Errors
/// [`ErrorKind::Invalid`] if it is larger, otherwise the store's.
pub(crate) async fn read_object(stores: &Stores, location: &Location, limit: usize) -> Result<Bytes> {
    if let Some(path) = local_path(location) {
        return blocking(move || read_file(&path, limit)).await.context("location", location);
    }
    let (store, path) = stores.get(location)?;
    let failed = |error| store_error(error, location);
    let result = store.get(&path).await.map_err(failed)?;
    let size = usize::try_from(result.meta.size).unwrap_or(usize::MAX);
    if size > limit {
        return Err(too_large(limit).with("location", location));
    }
    let mut body = Vec::with_capacity(size);
    let mut chunks = result.into_stream();
    while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large(limit).with("location", location));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Reads a local object of at most `limit` bytes, on the thread that asks.
///
/// # Errors
/// As [`read_object`].
pub(crate) fn read_local(location: &Location, limit: usize) -> Result<Bytes> {
    let path = local_path(location).ok_or_else(|| Error::internal("not a local object"));
    path.and_then(|path| read_file(&path, limit)).context("location", location)
}

/// Opens an object as a file: a local one itself, another one as a temporary copy. If `md5` is given, the bytes are
/// checked before anything is read out of them.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if the bytes have another MD5, otherwise the store's.
pub(crate) async fn open_file(stores: &Stores, location: &Location, md5: Option<&str>) -> Result<File> {
    let mut file = match local_path(location) {
        Some(path) => blocking(move || File::open(path).map_err(file_error)).await,
        None => download(stores, location).await,
    }
    .context("location", location)?;
    let Some(expected) = md5.map(str::to_owned) else {
        return Ok(file);
    };
    blocking(move || {
        let found = md5_of(&mut file)?;
        if found == expected {
            return Ok(file);
        }
        Err(Error::corrupt(format!("MD5 of the object is `{found}`, its manifest says `{expected}`")))
    })
    .await
    .context("location", location)
}

/// Runs work that blocks on a thread of its own.
///
/// # Errors
/// The work's, or [`ErrorKind::Internal`] if it died.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("a worker thread died").caused_by(error)),
    }
}

/// What an error of a local file means to the caller.
pub(crate) fn file_error(error: std::io::Error) -> Error {
    let (kind, message) = match error.kind() {
        std::io::ErrorKind::NotFound => (ErrorKind::NotFound, "object does not exist"),
        std::io::ErrorKind::PermissionDenied => (ErrorKind::Denied, "access denied"),
        _ => (ErrorKind::Unavailable, "cannot read the file"),
    };
    Error::new(kind, message).caused_by(error)
}

pub(crate) fn read_file(path: &std::path::Path, limit: usize) -> Result<Bytes> {
    let file = File::open(path).map_err(file_error)?;
    let mut body = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut body).map_err(file_error)?;
    if body.len() > limit {
        return Err(too_large(limit));
    }
    Ok(body.into())
}

fn too_large(limit: usize) -> Error {
    Error::invalid(format!("object is larger than the limit of {limit} bytes"))
}

async fn download(stores: &Stores, location: &Location) -> Result<File> {
    let (store, path) = stores.get(location)?;
    let mut file = tempfile::tempfile().map_err(file_error)?;
    let failed = |error| store_error(error, location);
    let mut chunks = store.get(&path).await.map_err(failed)?.into_stream();
    while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
        file.write_all(&chunk).map_err(file_error)?;
    }
    file.rewind().map_err(file_error)?;
    Ok(file)
}

fn md5_of(file: &mut File) -> Result<String> {
    let mut digest = Md5::new();
    let mut buffer = vec![0; HASH_CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(file_error)?;
        if read == 0 {
            break;
        }
        digest.update(buffer.get(..read).unwrap_or_default());
    }
    file.rewind().map_err(file_error)?;
    Ok(hex(&digest.finalize()))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
