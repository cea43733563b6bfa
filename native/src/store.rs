//! From a location to the object store that holds it, and the object's path there.

use std::collections::HashMap;
use std::fmt;
use std::path::{Component, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use earthcatalog_core::{Error, ErrorKind, Location, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use crate::host::{Host, SystemHost};
use crate::lock;

/// Where the Python program looks when nobody names a region: ITS_LIVE's bucket lies there.
const DEFAULT_REGION: &str = "us-west-2";
/// Longest request, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);
/// Longest time that is spent on repeating one request.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);

/// Settings that say that requests are to be signed, by scheme. Without any, requests go unsigned: to ask a metadata
/// service for credentials takes most of a minute where there is none.
const S3_CREDENTIALS: [&str; 8] = [
    "access_key_id",
    "web_identity_token_file",
    "container_credentials_relative_uri",
    "container_credentials_full_uri",
    "container_authorization_token_file",
    "metadata_endpoint",
    "skip_signature",
    "s3_express",
];
const GOOGLE_CREDENTIALS: [&str; 5] =
    ["service_account", "service_account_path", "service_account_key", "application_credentials", "skip_signature"];
const AZURE_CREDENTIALS: [&str; 10] = [
    "account_key",
    "access_key",
    "client_id",
    "client_secret",
    "sas_key",
    "sas_token",
    "token",
    "federated_token_file",
    "use_azure_cli",
    "skip_signature",
];

/// The object stores in use, one for each bucket, host or mounted root; cheap to clone.
#[derive(Clone)]
pub struct Stores {
    host: Arc<dyn Host>,
    options: Arc<Vec<(String, String)>>,
    opened: Arc<Mutex<HashMap<String, Arc<dyn ObjectStore>>>>,
    /// Stores that were seen to write conditionally.
    trusted: Arc<Mutex<HashMap<String, ETags>>>,
    single_writer: bool,
    /// The lock under which the program writes.
    lease: Option<Arc<lock::Shared>>,
    protocol: Protocol,
}

/// The steps of a commit that a test leaves out, to see that it would notice.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The database is written only while it is the one that was read.
    pub conditional: bool,
    /// A commit looks for itself in the table before it is tried again.
    pub looks_for_itself: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self { conditional: true, looks_for_itself: true }
    }
}

/// How a store wants the entity tag of a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ETags {
    /// As it gave it (RFC 9110 §8.8.3).
    #[default]
    AsGiven,
    /// Without its quotes: Ceph until 2025.
    Bare,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold credentials.
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Stores").field("opened", &opened.keys()).finish_non_exhaustive()
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self {
            host: Arc::new(SystemHost),
            options: Arc::default(),
            opened: Arc::default(),
            trusted: Arc::default(),
            single_writer: false,
            lease: None,
            protocol: Protocol::default(),
        }
    }
}

impl Stores {
    /// Stores with these settings, under the names `object_store` gives them: `aws_region`, `aws_endpoint_url`, …;
    /// a later one overrides an earlier one. The environment is not looked at.
    pub fn with_options(options: impl IntoIterator<Item = (String, String)>) -> Self {
        let options = options.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
        Self { options: Arc::new(options), ..Self::default() }
    }

    /// Lets the clocks and the randomness of another machine count: a test's.
    #[must_use]
    pub fn with_host(self, host: Arc<dyn Host>) -> Self {
        Self { host, ..self }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn with_protocol(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// Takes the caller's word that nobody else writes: nothing is written under a condition then, so that stores and
    /// file systems without conditional writes can be written to.
    #[must_use]
    pub fn with_single_writer(self, single_writer: bool) -> Self {
        Self { single_writer, ..self }
    }

    /// These stores, for work that is done while a lock is held.
    pub(crate) fn under(&self, lease: Arc<lock::Shared>) -> Self {
        Self { lease: Some(lease), ..self.clone() }
    }

    /// Makes sure that the lock is still held, if the work is done under one.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if it was lost.
    pub(crate) async fn confirm_lease(&self) -> Result<()> {
        match &self.lease {
            Some(lease) => lease.confirm().await,
            None => Ok(()),
        }
    }

    pub(crate) fn is_single_writer(&self) -> bool {
        self.single_writer
    }

    /// Whether a place lies in a store that several can write to and that has to show first that it can keep them
    /// apart. One that the program mounted itself is the program's.
    pub(crate) fn is_to_be_tried(&self, location: &Location) -> Result<bool> {
        let place = Place::parse(location)?;
        let known = self.trusted.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&place.root);
        let shared = matches!(place.kind, Kind::S3 | Kind::Google | Kind::Azure);
        Ok(shared && !known && !self.single_writer)
    }

    pub(crate) fn e_tags(&self, location: &Location) -> Result<ETags> {
        let root = Place::parse(location)?.root;
        let trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(trusted.get(&root).copied().unwrap_or_default())
    }

    /// Takes back [`trust`](Self::trust).
    pub(crate) fn distrust(&self, location: &Location) -> Result<()> {
        let root = Place::parse(location)?.root;
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).remove(&root);
        Ok(())
    }

    /// The settings that say which server answers, as one text.
    pub(crate) fn endpoint(&self) -> String {
        let said = |(key, _): &&(String, String)| key.contains("endpoint") || key.contains("emulator");
        let lines: Vec<String> =
            self.options.iter().filter(said).map(|(key, value)| format!("{key}={value}")).collect();
        lines.join("\n")
    }

    /// Notes that a store writes conditionally, and how.
    pub(crate) fn trust(&self, location: &Location, e_tags: ETags) -> Result<()> {
        let root = Place::parse(location)?.root;
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).insert(root, e_tags);
        Ok(())
    }

    /// Stores with the settings of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), overridden by `options`.
    pub fn from_env(options: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |key: &str| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| key.starts_with(prefix));
        let text = |value: std::ffi::OsString| value.into_string().ok();
        let environment = std::env::vars_os().filter_map(|(key, value)| Some((text(key)?, text(value)?)));
        Self::with_options(environment.filter(|(key, value)| ours(key) && !value.is_empty()).chain(options))
    }

    /// Serves everything below `root`, such as `s3://bucket` or `memory://name`, from `store`.
    pub fn mount(&self, root: &str, store: Arc<dyn ObjectStore>) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(root.to_owned(), store);
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).insert(root.to_owned(), ETags::default());
    }

    /// The store that holds `location`, and the object's path in it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a location or settings that cannot be, [`ErrorKind::Unsupported`] for a scheme.
    pub fn get(&self, location: &Location) -> Result<(Arc<dyn ObjectStore>, Path)> {
        let place = Place::parse(location)?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(&place.root) {
            return Ok((Arc::clone(store), place.path));
        }
        let store = self.build(&place).map_err(|error| error.with("location", location))?;
        opened.insert(place.root, Arc::clone(&store));
        Ok((store, place.path))
    }

    fn build(&self, place: &Place) -> Result<Arc<dyn ObjectStore>> {
        let store: object_store::Result<Arc<dyn ObjectStore>> = match place.kind {
            Kind::Local => Ok(Arc::new(LocalFileSystem::new())),
            Kind::S3 => self.s3(place).build().map(|store| Arc::new(store) as _),
            Kind::Google => self.google(place).build().map(|store| Arc::new(store) as _),
            Kind::Azure => self.azure(place).build().map(|store| Arc::new(store) as _),
            Kind::Http => HttpBuilder::new()
                .with_url(&place.root)
                .with_client_options(client_options().with_allow_http(true))
                .with_retry(retries())
                .build()
                .map(|store| Arc::new(store) as _),
            Kind::Mounted => {
                return Err(Error::unsupported(format!("no store is known for `{}`", place.root)));
            }
        };
        store.map_err(|error| Error::invalid(format!("cannot open the store `{}`", place.root)).caused_by(error))
    }

    fn s3(&self, place: &Place) -> AmazonS3Builder {
        let mut builder = AmazonS3Builder::new().with_client_options(client_options()).with_retry(retries());
        for (key, value) in self.options.iter() {
            if let Ok(key) = key.parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if !self.names_any("aws_", &["region", "default_region"]) {
            builder = builder.with_region(DEFAULT_REGION);
        }
        if self.value("aws_", &["endpoint", "endpoint_url", "endpoint_url_s3"]).is_some_and(is_plain_http) {
            builder = builder.with_allow_http(true);
        }
        if !self.names_any("aws_", &S3_CREDENTIALS) {
            builder = builder.with_skip_signature(true);
        }
        builder.with_bucket_name(&place.bucket)
    }

    fn google(&self, place: &Place) -> GoogleCloudStorageBuilder {
        let mut builder = GoogleCloudStorageBuilder::new().with_client_options(client_options()).with_retry(retries());
        for (key, value) in self.options.iter() {
            if let Ok(key) = key.parse::<GoogleConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if !self.names_any("google_", &GOOGLE_CREDENTIALS) {
            builder = builder.with_skip_signature(true);
        }
        builder.with_bucket_name(&place.bucket)
    }

    fn azure(&self, place: &Place) -> MicrosoftAzureBuilder {
        let mut builder = MicrosoftAzureBuilder::new().with_client_options(client_options()).with_retry(retries());
        for (key, value) in self.options.iter() {
            if let Ok(key) = key.parse::<AzureConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if !self.names_any("azure_", &AZURE_CREDENTIALS) && !self.names_any("azure_storage_", &AZURE_CREDENTIALS) {
            builder = builder.with_skip_signature(true);
        }
        // `container@account.host` names the account, plain `container` leaves it to the settings.
        match place.bucket.split_once('@') {
            Some((container, host)) => {
                let account = host.split('.').next().unwrap_or_default();
                builder.with_container_name(container).with_account(account)
            }
            None => builder.with_container_name(&place.bucket),
        }
    }

    fn value(&self, prefix: &str, keys: &[&str]) -> Option<&str> {
        let known = |key: &str| keys.contains(&key) || key.strip_prefix(prefix).is_some_and(|key| keys.contains(&key));
        self.options.iter().rev().find(|(key, _)| known(key)).map(|(_, value)| value.as_str())
    }

    fn names_any(&self, prefix: &str, keys: &[&str]) -> bool {
        self.value(prefix, keys).is_some()
    }
}

fn client_options() -> ClientOptions {
    ClientOptions::new().with_timeout(REQUEST_TIMEOUT)
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() }
}

fn is_plain_http(url: &str) -> bool {
    url.to_ascii_lowercase().starts_with("http://")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Local,
    S3,
    Google,
    Azure,
    Http,
    /// A scheme that only [`Stores::mount`] can serve.
    Mounted,
}

/// A location taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    kind: Kind,
    /// Names the store: scheme and bucket or host.
    root: String,
    bucket: String,
    path: Path,
}

impl Place {
    fn parse(location: &Location) -> Result<Self> {
        let invalid = |error: object_store::path::Error| {
            Error::invalid("location cannot name an object").with("location", location).caused_by(error)
        };
        let normal = location.normal();
        let Some((scheme, rest)) = normal.split_once("://") else {
            let path = Path::from_absolute_path(absolute(&normal)?).map_err(invalid)?;
            return Ok(Self { kind: Kind::Local, root: "file://".into(), bucket: String::new(), path });
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(Error::invalid("location names no bucket or host").with("location", location));
        }
        let kind = match scheme {
            "s3" => Kind::S3,
            "gs" | "gcs" => Kind::Google,
            "az" | "azure" | "abfs" | "abfss" | "adl" => Kind::Azure,
            "http" | "https" => Kind::Http,
            _ => Kind::Mounted,
        };
        // Keys are stored as they are; in a URL they are percent-encoded.
        let path = if kind == Kind::Http { Path::from_url_path(key) } else { Path::parse(key) };
        let root = format!("{scheme}://{bucket}");
        Ok(Self { kind, root, bucket: bucket.to_owned(), path: path.map_err(invalid)? })
    }
}

/// A local path from the root of the file system, without `.` and `..`.
fn absolute(path: &str) -> Result<PathBuf> {
    let unusable = |error| Error::invalid(format!("cannot use the path `{path}`")).caused_by(error);
    let absolute = std::path::absolute(path).map_err(unusable)?;
    if !absolute.components().any(|component| component == Component::ParentDir) {
        return Ok(absolute);
    }
    if let Ok(resolved) = absolute.canonicalize() {
        return Ok(resolved);
    }
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        if component == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(component);
        }
    }
    Ok(plain)
}

/// An error of a store as ours, with the location it is about.
pub fn store_error(error: object_store::Error, location: &Location) -> Error {
    use object_store::Error as E;
    let (kind, message) = match &error {
        E::NotFound { .. } => (ErrorKind::NotFound, "no such object"),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => (ErrorKind::Denied, "access denied"),
        // A path that goes on below a file.
        E::Generic { .. } if io_kind(&error) == Some(std::io::ErrorKind::NotADirectory) => {
            (ErrorKind::NotFound, "no such object")
        }
        E::Generic { .. } if io_kind(&error) == Some(std::io::ErrorKind::PermissionDenied) => {
            (ErrorKind::Denied, "access denied")
        }
        E::InvalidPath { .. } | E::UnknownConfigurationKey { .. } => (ErrorKind::Invalid, "the store refuses this"),
        E::NotSupported { .. } | E::NotImplemented { .. } => (ErrorKind::Unsupported, "the store cannot do this"),
        E::AlreadyExists { .. } | E::Precondition { .. } => (ErrorKind::Conflict, "the object was changed meanwhile"),
        E::NotModified { .. } => (ErrorKind::Conflict, "the object was not modified"),
        _ => (ErrorKind::Unavailable, "the store did not answer as it should"),
    };
    Error::new(kind, message).with("location", location).caused_by(error)
}

/// What the file system said, where an error comes from there.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (Kind, String, String) {
        let place = Place::parse(&Location::parse(text).unwrap()).unwrap();
        (place.kind, place.root, place.path.to_string())
    }

    #[test]
    fn locations_name_a_store_and_a_path_in_it() {
        let key = "c/grid_partition=81x/year=2021/part 1%2F+é.parquet";
        assert_eq!(place(&format!("s3://b/{key}")), (Kind::S3, "s3://b".into(), key.into()));
        assert_eq!(place(&format!("s3a://b/{key}")), (Kind::S3, "s3://b".into(), key.into()));
        assert_eq!(place(&format!("gs://b/{key}")), (Kind::Google, "gs://b".into(), key.into()));
        assert_eq!(
            place("abfss://c@account.dfs.core.windows.net/k"),
            (Kind::Azure, "abfss://c@account.dfs.core.windows.net".into(), "k".into())
        );
        assert_eq!(place(&format!("/{key}")), (Kind::Local, "file://".into(), key.into()));
        assert_eq!(place(&format!("file:///{key}")), (Kind::Local, "file://".into(), key.into()));
        assert_eq!(
            place("https://h:8080/a%20b/year=2021"),
            (Kind::Http, "https://h:8080".into(), "a b/year=2021".into())
        );
    }

    #[test]
    fn local_paths_are_made_absolute() {
        let (_, _, path) = place("/a/b/../c/./d");
        assert_eq!(path, "a/c/d");
        let (_, _, path) = place("x.db");
        assert!(path.ends_with("/x.db"), "{path}");
    }

    #[test]
    fn a_location_without_a_bucket_or_with_a_hole_is_refused() {
        for text in ["s3:///key", "s3://b/a//c"] {
            let error = Stores::default().get(&Location::parse(text).unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        }
        let error = Stores::default().get(&Location::parse("ftp://h/x").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn one_store_serves_a_bucket_and_credentials_never_show() {
        let stores = Stores::with_options([
            ("AWS_ACCESS_KEY_ID".to_owned(), "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "hush".to_owned()),
        ]);
        let (one, _) = stores.get(&Location::parse("s3://b/x").unwrap()).unwrap();
        let (two, _) = stores.get(&Location::parse("s3a://b/y").unwrap()).unwrap();
        assert!(Arc::ptr_eq(&one, &two));
        assert!(!format!("{stores:?}").contains("hush"));
    }
}
