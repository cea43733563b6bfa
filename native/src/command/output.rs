//! Where the bytes of an answer go: stdout, or a file that is there only when all of it is.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use earthcatalog::store::Stores;
use earthcatalog_core::export::Format;
use earthcatalog_core::{Error, ErrorKind, Location};
use object_store::ObjectStoreExt as _;
use tempfile::NamedTempFile;

use super::Failure;
use crate::cli;
use crate::report::Out;

/// What is sent to a store at a time.
const PART_BYTES: usize = 8 << 20;
/// Parts under way at once.
const PARTS: usize = 4;

/// An open place for bytes. Dropped before [`finish`](Self::finish), it leaves nothing behind.
pub(super) enum Output {
    /// Standard output.
    Stdout(Out),
    /// What is there and is no regular file, such as a pipe: it is written to as it is.
    Device(BufWriter<File>, PathBuf),
    /// A file, under another name until it is whole.
    File(BufWriter<NamedTempFile>, PathBuf),
    /// An object, in a temporary file until it is whole.
    Object(BufWriter<File>, Location),
}

/// The format that is asked for: by its name, by the file's ending, else NDJSON, or JSON with `--json`.
///
/// # Errors
/// A usage error for a file of an unknown ending, and for bytes that a terminal cannot show.
pub(super) fn format(named: Option<cli::Format>, file: Option<&str>, json: bool) -> Result<Format, Failure> {
    let file = file.filter(|file| *file != "-");
    let by_ending = file.and_then(Format::of_file);
    let format = match (named.map(Format::from), by_ending, file) {
        // Both are Arrow: the ending tells which of its two layouts.
        (Some(Format::Arrow), Some(Format::ArrowFile), _) => Format::ArrowFile,
        (Some(named), ..) => named,
        (None, Some(by_ending), _) => by_ending,
        (None, None, Some(file)) => {
            return Err(Failure::usage(format!(
                "the format of `{file}` is not known by its ending: name it with --format"
            )));
        }
        (None, None, None) if json => Format::Json,
        (None, None, None) => Format::Ndjson,
    };
    if !format.is_text() && file.is_none() && io::stdout().is_terminal() {
        return Err(Failure::usage("this format is not text, which a terminal cannot show: name a file with -o"));
    }
    Ok(format)
}

impl From<cli::Format> for Format {
    fn from(format: cli::Format) -> Self {
        match format {
            cli::Format::Ndjson => Self::Ndjson,
            cli::Format::Geojson => Self::Geojson,
            cli::Format::Json => Self::Json,
            cli::Format::Csv => Self::Csv,
            cli::Format::Url => Self::Url,
            cli::Format::Arrow => Self::Arrow,
            cli::Format::Geoparquet => Self::Geoparquet,
        }
    }
}

impl Output {
    /// Opens the place of this name; stdout without one, and for `-`.
    ///
    /// # Errors
    /// A usage error for a place on the web, which cannot be written to; otherwise that of the file system.
    pub(super) fn open(place: Option<&str>) -> Result<Self, Failure> {
        let Some(place) = place.filter(|place| *place != "-") else {
            return Ok(Self::Stdout(Out::new()));
        };
        let location = Location::parse(place).map_err(Failure::of_flag("--output"))?;
        if location.is_web() {
            return Err(Failure::usage(format!("`{place}` is on the web, which is read and never written")));
        }
        if !location.is_local() {
            let file = tempfile::tempfile().map_err(|error| failed(&std::env::temp_dir(), error))?;
            return Ok(Self::Object(BufWriter::new(file), location));
        }
        let path = PathBuf::from(location.normal());
        // A link stays one: what it leads to is replaced.
        let path = path.canonicalize().unwrap_or(path);
        match path.metadata() {
            Ok(there) if there.is_dir() => Err(Failure::usage(format!("`{place}` is a folder: name a file in it"))),
            Ok(there) if !there.is_file() => {
                let file = File::options().write(true).open(&path).map_err(|error| failed(&path, error))?;
                Ok(Self::Device(BufWriter::new(file), path))
            }
            there => {
                let file = beside(&path).map_err(|error| failed(&path, error))?;
                // What replaces a file is for the same readers.
                let kept = there.map_or(Ok(()), |there| file.as_file().set_permissions(there.permissions()));
                kept.map_err(|error| failed(&path, error))?;
                remove_when_interrupted(file.path().to_owned());
                Ok(Self::File(BufWriter::new(file), path))
            }
        }
    }

    /// Whether it is standard output, which then holds nothing else.
    pub(super) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// [`Failure::ClosedPipe`] when nobody reads stdout any more; otherwise that of the file system.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout(out) => Ok(out.bytes(bytes)?),
            Self::Device(file, path) => file.write_all(bytes).map_err(|error| failed(path, error)),
            Self::File(file, path) => file.write_all(bytes).map_err(|error| failed(path, error)),
            Self::Object(file, _) => file.write_all(bytes).map_err(|error| failed(&std::env::temp_dir(), error)),
        }
    }

    /// Makes what was written visible under its name.
    ///
    /// # Errors
    /// That of the file system or the store; nothing is there then, or what was there before.
    pub(super) async fn finish(self, stores: &Stores) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut out) => Ok(out.flush()?),
            Self::Device(mut file, path) => file.flush().map_err(|error| failed(&path, error)),
            Self::File(file, path) => {
                let file = file.into_inner().map_err(|error| failed(&path, error.into_error()))?;
                file.as_file().sync_all().map_err(|error| failed(&path, error))?;
                file.persist(&path).map_err(|error| failed(&path, error.error))?;
                Ok(())
            }
            Self::Object(file, location) => {
                let file = file.into_inner().map_err(|error| failed(&std::env::temp_dir(), error.into_error()))?;
                upload(file, &location, stores).await
            }
        }
    }
}

/// A new file in the folder of `path`, with the permissions of any new file.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Ctrl-C ends the program at once, also amid work that nothing else could end; the part of a file goes with it.
fn remove_when_interrupted(part: PathBuf) {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            // Gone already, if it was renamed in this moment.
            let _ = std::fs::remove_file(part);
            std::process::exit(130);
        }
    });
}

async fn upload(mut file: File, location: &Location, stores: &Stores) -> Result<(), Failure> {
    let (store, path) = stores.get(location).map_err(Failure::of_flag("--output"))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| failed(&std::env::temp_dir(), error))?;
    let mut part = next_part(&mut file)?;
    if part.len() < PART_BYTES {
        store.put(&path, part.into()).await.map_err(|error| unsent(location, error))?;
        return Ok(());
    }
    let upload = store.put_multipart(&path).await.map_err(|error| unsent(location, error))?;
    let mut sending = object_store::WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    while !part.is_empty() {
        sending.wait_for_capacity(PARTS).await.map_err(|error| unsent(location, error))?;
        sending.put(part.into());
        part = next_part(&mut file)?;
    }
    sending.finish().await.map_err(|error| unsent(location, error))?;
    Ok(())
}

fn next_part(file: &mut File) -> Result<Vec<u8>, Failure> {
    let mut part = Vec::with_capacity(PART_BYTES);
    let most = PART_BYTES as u64;
    file.take(most).read_to_end(&mut part).map_err(|error| failed(&std::env::temp_dir(), error))?;
    Ok(part)
}

fn unsent(location: &Location, error: object_store::Error) -> Failure {
    earthcatalog::store::store_error(error, location).into()
}

fn failed(path: &Path, error: io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "the file cannot be written").with("location", path.display()).caused_by(error).into()
}
