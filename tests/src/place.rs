//! A catalog to write to and read back, on a local disk or in memory.

#![expect(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use earthcatalog::commit::init;
use earthcatalog::driver::Driver;
use earthcatalog::index;
use earthcatalog::ingest::{IngestOptions, IngestReport, ingest};
use earthcatalog::read::{list_files, open, search};
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::query::Query;
use earthcatalog_core::search::FileScanTask;
use earthcatalog_core::{Location, Result};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value, json};

pub use crate::folder::run;

/// A folder for sources, and a catalog.
#[derive(Debug)]
pub struct Place {
    /// Sources, and the catalog if it is local.
    pub folder: tempfile::TempDir,
    /// What reaches it.
    pub stores: Stores,
    /// The catalog.
    pub catalog: String,
}

impl Place {
    /// An empty catalog in a folder, on an H3 grid of this resolution.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn local(resolution: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = folder.path().join("catalog").to_str().unwrap().to_owned();
        Self { folder, stores: Stores::default(), catalog }.init(resolution)
    }

    /// An empty catalog in memory.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn in_memory(resolution: u8) -> Self {
        Self::in_store(Arc::new(InMemory::new()), resolution)
    }

    /// An empty catalog in a store of objects.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn in_store(store: Arc<dyn ObjectStore>, resolution: u8) -> Self {
        Self::of_host(Stores::default(), store, resolution)
    }

    /// An empty catalog in a store of objects, made by the machine that these stores belong to.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn of_host(stores: Stores, store: Arc<dyn ObjectStore>, resolution: u8) -> Self {
        stores.mount("memory://bucket", store);
        let catalog = "memory://bucket/some/catalog".to_owned();
        Self { folder: tempfile::tempdir().unwrap(), stores, catalog }.init(resolution)
    }

    fn init(self, resolution: u8) -> Self {
        let base = Location::parse(&self.catalog).unwrap();
        run(init(&self.stores, &base, GridDefinition::H3 { resolution }, None)).unwrap();
        self
    }

    /// A file of lines beside the catalog.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn lines(&self, name: &str, items: &[Value]) -> String {
        let lines: Vec<String> = items.iter().map(|item| format!("{item}\n")).collect();
        let path = self.folder.path().join(name);
        std::fs::write(&path, lines.concat()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The options of an ingest of these items.
    #[must_use]
    pub fn options(&self, items: &[Value]) -> IngestOptions {
        IngestOptions::new(self.catalog.clone(), vec![self.lines("items.ndjson", items)])
    }

    /// Ingests items.
    ///
    /// # Panics
    /// If that fails.
    pub fn ingest(&self, items: &[Value]) -> IngestReport {
        self.try_ingest(&self.options(items)).unwrap()
    }

    /// Ingests.
    ///
    /// # Errors
    /// The ingest's.
    pub fn try_ingest(&self, options: &IngestOptions) -> Result<IngestReport> {
        run(ingest(&self.stores, options, &()))
    }

    /// The catalog as it is now.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[must_use]
    pub fn open(&self) -> Catalog {
        run(open(&self.stores, &self.catalog)).unwrap()
    }

    /// All items by collection and id.
    ///
    /// # Panics
    /// If a search yields one twice, or fails.
    #[must_use]
    pub fn items(&self) -> BTreeMap<(String, String), Value> {
        let mut items = BTreeMap::new();
        let catalog = self.open();
        let add = |item: Value| {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            let key = (text("collection"), text("id"));
            assert!(items.insert(key.clone(), item).is_none(), "{key:?} came twice");
            Ok(ControlFlow::Continue(()))
        };
        run(search(&Driver::new(self.stores.clone()), &catalog, Query::new(), add)).unwrap();
        items
    }

    /// The ids of all items.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        self.items().into_keys().map(|(_, id)| id).collect()
    }

    /// The live data files.
    ///
    /// # Panics
    /// If they cannot be listed.
    #[must_use]
    pub fn files(&self) -> Vec<FileScanTask> {
        run(list_files(&Driver::new(self.stores.clone()), &self.open(), None)).unwrap().0
    }

    /// The rows of the live data files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files().iter().map(|file| file.data_file.record_count).sum()
    }

    /// Checks that the hash index holds the ids of the rows and no others.
    ///
    /// # Panics
    /// If it does not.
    pub fn assert_index_is_true(&self) {
        let report = run(index::verify(&self.stores, &self.catalog)).unwrap();
        assert!(report.is_true() && report.trusted, "{report:?}");
    }

    /// The keys of all objects below the catalog's base.
    ///
    /// # Panics
    /// If they cannot be listed.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<String> {
        use futures::TryStreamExt as _;
        let base = Location::parse(&self.catalog).unwrap();
        let (store, prefix) = self.stores.get(&base).unwrap();
        let objects: Vec<_> = run(store.list(Some(&prefix)).try_collect()).unwrap();
        let below = |object: &object_store::ObjectMeta| {
            object.location.as_ref().strip_prefix(prefix.as_ref()).unwrap().trim_start_matches('/').to_owned()
        };
        objects.iter().map(below).collect()
    }

    /// Puts an object below the catalog's base.
    ///
    /// # Panics
    /// If it cannot be put.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let location = Location::parse(&self.catalog).unwrap().join(key);
        let (store, path) = self.stores.get(&location).unwrap();
        run(store.put(&path, bytes.to_vec().into())).unwrap();
    }

    /// The bytes of an object below the catalog's base.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn read(&self, key: &str) -> Vec<u8> {
        let location = Location::parse(&self.catalog).unwrap().join(key);
        let (store, path) = self.stores.get(&location).unwrap();
        run(async { store.get(&path).await.unwrap().bytes().await.unwrap() }).to_vec()
    }

    /// Deletes an object below the catalog's base.
    ///
    /// # Panics
    /// If it cannot be deleted.
    pub fn remove(&self, key: &str) {
        let location = Location::parse(&self.catalog).unwrap().join(key);
        let (store, path) = self.stores.get(&location).unwrap();
        run(store.delete(&path)).unwrap();
    }

    /// The path of something beside the catalog.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// An item of a collection at a point, with a time it was last updated.
#[must_use]
pub fn item_at(id: &str, longitude: f64, updated: &str) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c", "links": [], "assets": {},
        "geometry": { "type": "Point", "coordinates": [longitude, 70.0] }, "bbox": [longitude, 70.0, longitude, 70.0],
        "properties": { "datetime": "2020-06-01T00:00:00Z", "updated": updated }
    })
}

/// An item without `updated`.
#[must_use]
pub fn undated(id: &str, title: &str) -> Value {
    let mut item = item_at(id, -45.0, "");
    item["properties"] = json!({ "datetime": "2020-06-01T00:00:00Z", "title": title });
    item
}

/// An item that was updated on the first of this month of 2021.
#[must_use]
pub fn item(id: &str, month: u32) -> Value {
    item_at(id, -45.0, &format!("2021-{month:02}-01T00:00:00Z"))
}
