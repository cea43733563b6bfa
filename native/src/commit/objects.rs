//! Reads and puts of the commit, durable where the store is a local disk.

use std::io::Write as _;
use std::path::Path;

use bytes::Bytes;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use object_store::{Attribute, Attributes, ObjectStoreExt as _, PutMode, PutOptions};

use crate::driver::whole;
use crate::fetch::{blocking, local_path};
use crate::store::{Stores, store_error};

/// How an object is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// An object that never changes, under a name nobody else has.
    Immutable,
    /// The database of a new catalog: refused if one is there.
    NewDatabase,
    /// The database, over the one that is there.
    Database,
}

/// The whole object.
pub(super) async fn read(stores: &Stores, location: &Location) -> Result<Bytes> {
    let (store, path) = stores.get(location)?;
    whole(&*store, &path, location).await
}

/// Puts an object so that it is there for good once this returns, or not at all.
pub(super) async fn put(stores: &Stores, location: &Location, bytes: Bytes, how: Put) -> Result<()> {
    if let Some(path) = local_path(location) {
        let write = move || write_local(&path, &bytes, how).map_err(|error| io_error(error, how));
        return blocking(write).await.context("location", location);
    }
    let (store, path) = stores.get(location)?;
    let result = store.put_opts(&path, bytes.clone().into(), options(how)).await;
    match result {
        // A store without conditional writes cannot promise more than that nothing was there a moment ago.
        Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. })
            if how == Put::NewDatabase =>
        {
            store.put(&path, bytes.into()).await.map(drop).map_err(|error| store_error(error, location))
        }
        Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
            if how == Put::NewDatabase =>
        {
            Err(exists().with("location", location))
        }
        Err(error) => Err(store_error(error, location)),
        Ok(_) => Ok(()),
    }
}

fn options(how: Put) -> PutOptions {
    let (mode, cache) = match how {
        Put::Immutable => (PutMode::Overwrite, "public, max-age=31536000, immutable"),
        Put::NewDatabase => (PutMode::Create, "no-cache"),
        Put::Database => (PutMode::Overwrite, "no-cache"),
    };
    let attributes = Attributes::from_iter([(Attribute::CacheControl, cache)]);
    PutOptions { mode, attributes, ..PutOptions::default() }
}

/// Temporary file, flush to disk, rename, flush of the folder: a reader sees all or nothing, and what it saw survives
/// a loss of power.
fn write_local(path: &Path, bytes: &[u8], how: Put) -> std::io::Result<()> {
    let folder = path.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    make_folders(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".earthcatalog-").suffix(".tmp");
    let permissions = std::fs::metadata(path).ok().map(|present| present.permissions());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Before the umask; the crate's own default hides the file from everybody else.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    if how == Put::NewDatabase {
        file.persist_noclobber(path)?;
    } else {
        file.persist(path)?;
    }
    flush_folder(folder)
}

/// Keeps other processes of this machine from `location` while it is held; `None` where there is nothing to hold, as in
/// a store of objects or on a file system without locks.
pub(super) async fn hold(location: &Location) -> Option<std::fs::File> {
    // The file itself is replaced, its folder stays.
    let folder = local_path(location)?.parent()?.to_owned();
    let locked = tokio::task::spawn_blocking(move || {
        let folder = std::fs::File::open(folder)?;
        folder.lock().map(|()| folder)
    });
    locked.await.ok()?.ok()
}

/// Makes missing folders and flushes the ones that got a new entry.
fn make_folders(folder: &Path) -> std::io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folders(above)?;
    }
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    folder.parent().map_or(Ok(()), flush_folder)
}

fn flush_folder(folder: &Path) -> std::io::Result<()> {
    // Only Unix lets a folder be opened and flushed.
    if cfg!(unix) && !folder.as_os_str().is_empty() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn io_error(error: std::io::Error, how: Put) -> Error {
    if how == Put::NewDatabase && error.kind() == std::io::ErrorKind::AlreadyExists {
        return exists();
    }
    Error::new(kind_of(&error), "cannot write").caused_by(error)
}

/// The error of a folder that cannot be made.
pub(super) fn folder_error(error: std::io::Error) -> Error {
    let kind = match error.kind() {
        // A file is in the way, or the place is none where folders are made.
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotFound => ErrorKind::Invalid,
        _ => kind_of(&error),
    };
    Error::new(kind, "cannot make the catalog's folder").caused_by(error)
}

fn kind_of(error: &std::io::Error) -> ErrorKind {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::InvalidInput => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

/// The error of creating what is there already.
pub(super) fn exists() -> Error {
    Error::invalid("there is a catalog already")
}
