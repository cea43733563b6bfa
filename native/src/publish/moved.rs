//! The table as it is read at another address than the one it was written to: Iceberg stores absolute locations, so its
//! metadata and manifests are written once more, with locations at that address. Data files are not copied.

use apache_avro::types::Value as Avro;
use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::iceberg::manifest::parse_manifest_list;
use earthcatalog_core::location::Rebase;
use earthcatalog_core::{Error, Location, Result};
use serde_json::{Value, json};

use super::{Document, absolute, corrupt};
use crate::avro::rewritten;
use crate::objects;
use crate::store::Stores;

/// Iceberg, Manifests and Manifest Lists: the fields that hold what moves.
const FILE_PATH: &str = "file_path";
const MANIFEST_PATH: &str = "manifest_path";
const MANIFEST_LENGTH: &str = "manifest_length";

/// The base that stored locations lie below.
pub(crate) fn stored_base(catalog: &Catalog) -> Result<Location> {
    catalog.rebase().map_or_else(|| absolute(catalog.base()), |rebase| Location::parse(rebase.from()))
}

/// The table metadata as it is stored.
pub(super) async fn metadata(stores: &Stores, catalog: &Catalog) -> Result<Value> {
    let location = catalog.metadata_location();
    let bytes = objects::read(stores, location).await?;
    serde_json::from_slice(&bytes).map_err(|error| corrupt("table metadata is no JSON", location, error))
}

/// Adds the metadata and manifests for readers at `base` to `documents`; gives the metadata and its location there.
/// `key_of` says under which key an object of this name is copied, and `edit` has the last word on the metadata.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Unsupported`] for metadata of Iceberg version 1 that lists manifests itself.
pub(crate) async fn table(
    stores: &Stores,
    catalog: &Catalog,
    base: &Location,
    documents: &mut Vec<Document>,
    key_of: &mut (dyn FnMut(&str) -> String + Send),
    edit: impl FnOnce(&mut Value),
) -> Result<(String, Value)> {
    let mut metadata = metadata(stores, catalog).await?;
    keep_current_snapshot(&mut metadata);
    let rebase = Rebase::new(stored_base(catalog)?.as_str(), base.clone());
    let mut copy = Copy { stores, catalog, base, rebase, documents, key_of };
    copy.move_texts(&mut metadata)?;
    if let Some(snapshot) = catalog.snapshot() {
        let list = snapshot.manifest_list.as_deref();
        let list = list.ok_or_else(|| Error::unsupported("table metadata without a manifest list cannot be moved"))?;
        metadata["snapshots"][0]["manifest-list"] = copy.manifest_list(list).await?.into();
    }
    edit(&mut metadata);
    let location = copy.place(catalog.metadata_location().name(), format!("{metadata:#}").into());
    Ok((location, metadata))
}

/// Others read the current snapshot alone: earlier ones name manifests that are not copied.
fn keep_current_snapshot(metadata: &mut Value) {
    let current = metadata["current-snapshot-id"].clone();
    for list in ["snapshots", "snapshot-log"] {
        if let Some(entries) = metadata[list].as_array_mut() {
            entries.retain(|entry| entry["snapshot-id"] == current);
        }
    }
    if let Some(refs) = metadata["refs"].as_object_mut() {
        refs.retain(|_, to| to["snapshot-id"] == current);
    }
    metadata["metadata-log"] = json!([]);
}

struct Copy<'a> {
    stores: &'a Stores,
    catalog: &'a Catalog,
    base: &'a Location,
    rebase: Rebase,
    documents: &'a mut Vec<Document>,
    key_of: &'a mut (dyn FnMut(&str) -> String + Send),
}

impl Copy<'_> {
    /// Keeps an object to be written; its location for readers.
    fn place(&mut self, name: &str, bytes: Bytes) -> String {
        let key = (self.key_of)(name);
        let location = self.base.below(&key).to_string();
        self.documents.push(Document { key, bytes });
        location
    }

    /// Moves every text that is a location below the stored base.
    fn move_texts(&self, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) if text.contains(self.rebase.from()) => *text = self.rebase.apply(text)?.to_string(),
            Value::Array(parts) => parts.iter_mut().try_for_each(|part| self.move_texts(part))?,
            Value::Object(parts) => parts.values_mut().try_for_each(|part| self.move_texts(part))?,
            _ => {}
        }
        Ok(())
    }

    /// Copies a manifest list and its manifests; its location for readers.
    async fn manifest_list(&mut self, stored: &str) -> Result<String> {
        let (location, bytes) = self.read(stored).await?;
        let mut copies = Vec::new();
        for manifest in parse_manifest_list(&bytes).context("location", &location)? {
            copies.push(self.manifest(&manifest.manifest_path).await?);
        }
        // A list names each manifest's path and then its length.
        let (mut paths, mut lengths) = (copies.iter().map(|copy| &copy.0), copies.iter().map(|copy| copy.1));
        let list = rewritten(&bytes, &mut |name, value| {
            match (name, value) {
                (MANIFEST_PATH, Avro::String(path)) => path.clone_from(paths.next().unwrap_or(&String::new())),
                (MANIFEST_LENGTH, Avro::Long(length)) => *length = lengths.next().unwrap_or_default(),
                _ => {}
            }
            Ok(())
        })
        .context("location", &location)?;
        Ok(self.place(location.name(), list))
    }

    /// Copies a manifest; its location for readers, and its length.
    async fn manifest(&mut self, stored: &str) -> Result<(String, i64)> {
        let (location, bytes) = self.read(stored).await?;
        let copy = rewritten(&bytes, &mut |name, value| match (name, value) {
            (FILE_PATH, Avro::String(path)) => self.rebase.apply(path).map(|moved| *path = moved.to_string()),
            _ => Ok(()),
        })
        .context("location", &location)?;
        let length = i64::try_from(copy.len()).map_err(|_| Error::internal("manifest is too long"))?;
        Ok((self.place(location.name(), copy), length))
    }

    async fn read(&self, stored: &str) -> Result<(Location, Bytes)> {
        let location = self.catalog.resolve(stored)?;
        let bytes = objects::read(self.stores, &location).await?;
        Ok((location, bytes))
    }
}
