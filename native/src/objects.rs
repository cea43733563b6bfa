//! Reads and puts of whole objects, durable where the store is a local disk.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::{Error, ErrorKind, Location, Result, limits};
use object_store::{Attribute, Attributes, PutMode, PutOptions};

use crate::driver::whole;
use crate::fetch::{blocking, file_error, local_path, read_file};
use crate::store::{Stores, store_error};

/// What becomes of an object after it is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It never changes, under a name nobody else has.
    Immutable,
    /// It is replaced: nobody may keep it.
    Mutable,
}

/// How a local object is replaced.
pub(crate) struct Replace {
    /// Its content until then; `None` if it is not to be there.
    pub(crate) expected: Option<Bytes>,
    /// Nobody else writes: go on where the file system knows no locks.
    pub(crate) single: bool,
}

/// The whole object.
pub(crate) async fn read(stores: &Stores, location: &Location) -> Result<Bytes> {
    let (store, path) = stores.get(location)?;
    whole(&*store, &path, location).await
}

/// Puts an object that never changes so that it is there for good once this returns, or not at all.
pub(crate) async fn put(stores: &Stores, location: &Location, bytes: Bytes) -> Result<()> {
    if let Some(path) = local_path(location) {
        let write = move || write_local(&path, &bytes, true).map_err(io_error);
        return blocking(write).await.context("location", location);
    }
    let (store, path) = stores.get(location)?;
    let options =
        PutOptions { mode: PutMode::Overwrite, attributes: attributes(Put::Immutable), ..PutOptions::default() };
    store.put_opts(&path, bytes.into(), options).await.map(drop).map_err(|error| store_error(error, location))
}

/// Puts an object that is replaced now and then, by whoever comes last: a note that every writer would write alike.
pub(crate) async fn put_mutable(stores: &Stores, location: &Location, bytes: Bytes) -> Result<()> {
    let (store, path) = stores.get(location)?;
    let options =
        PutOptions { mode: PutMode::Overwrite, attributes: attributes(Put::Mutable), ..PutOptions::default() };
    store.put_opts(&path, bytes.into(), options).await.map(drop).map_err(|error| store_error(error, location))
}

/// What caches are told about an object.
pub(crate) fn attributes(put: Put) -> Attributes {
    let cache = match put {
        Put::Immutable => "public, max-age=31536000, immutable",
        Put::Mutable => "no-cache",
    };
    Attributes::from_iter([(Attribute::CacheControl, cache)])
}

/// A local object that may change, and when it last did.
pub(crate) fn read_timed(path: &Path) -> Result<(Bytes, DateTime<Utc>)> {
    let most = usize::try_from(limits::DATABASE_BYTES).unwrap_or(usize::MAX);
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(file_error)?;
    Ok((read_file(path, most)?, modified.into()))
}

/// Replaces a local object if it has the expected content still: one step for all processes of the machine.
pub(crate) fn replace_local(path: &Path, bytes: &[u8], how: &Replace) -> Result<bool> {
    let folder = path.parent().ok_or_else(|| Error::invalid("no folder to write to"))?;
    make_folders(folder).map_err(io_error)?;
    let _held = turn(folder, how.single)?;
    if !is_still(path, how.expected.as_ref())? {
        return Ok(false);
    }
    match write_local(path, bytes, how.expected.is_some()) {
        Ok(()) => Ok(true),
        // The Python program takes no turns.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(io_error(error)),
    }
}

/// Removes a local object if it has the expected content still.
pub(crate) fn remove_local(path: &Path, expected: &Bytes, single: bool) -> Result<bool> {
    let folder = path.parent().ok_or_else(|| Error::invalid("no folder to write to"))?;
    let _held = turn(folder, single)?;
    if !is_still(path, Some(expected))? {
        return Ok(false);
    }
    std::fs::remove_file(path).and_then(|()| flush_folder(folder)).map_err(io_error)?;
    Ok(true)
}

fn is_still(path: &Path, expected: Option<&Bytes>) -> Result<bool> {
    match read_timed(path) {
        Ok((present, _)) => Ok(Some(&present) == expected),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(expected.is_none()),
        Err(error) => Err(error),
    }
}

/// Waits for this process's turn at a folder's objects. `None` where there are no turns and nobody else writes.
fn turn(folder: &Path, single: bool) -> Result<Option<File>> {
    match hold(folder) {
        Ok(held) => Ok(Some(held)),
        Err(_) if single => Ok(None),
        Err(error) => {
            let message = "the file system knows no locks: `--single-writer` writes if nobody else does";
            Err(Error::unsupported(message).caused_by(error))
        }
    }
}

/// Keeps other processes of this machine from a folder's objects while it is held. The objects themselves are
/// replaced; their folder stays. The kernel lets go when the process ends, however it ends.
fn hold(folder: &Path) -> std::io::Result<File> {
    // Only Unix lets a folder be opened.
    let held = if cfg!(unix) {
        File::open(folder)?
    } else {
        File::options().create(true).truncate(false).write(true).open(folder.join(".earthcatalog-turn"))?
    };
    held.lock()?;
    Ok(held)
}

/// Temporary file, flush to disk, rename, flush of the folder: a reader sees all or nothing, and what it saw survives
/// a loss of power.
fn write_local(path: &Path, bytes: &[u8], over: bool) -> std::io::Result<()> {
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
    if over {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    flush_folder(folder)
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
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn io_error(error: std::io::Error) -> Error {
    Error::new(kind_of(&error), "cannot write").caused_by(error)
}

/// The error of a folder that cannot be made.
pub(crate) fn folder_error(error: std::io::Error) -> Error {
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
