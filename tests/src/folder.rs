//! A catalog of any grid and time bin in a folder, made and read as a user would.

#![expect(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

use std::future::Future;
use std::ops::ControlFlow;
use std::path::Path;

use earthcatalog::commit::init;
use earthcatalog::driver::Driver;
use earthcatalog::ingest::{IngestOptions, IngestReport, ingest};
use earthcatalog::read::{SearchReport, open, search};
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::properties::Layout;
use earthcatalog_core::query::Query;
use earthcatalog_core::{Location, Result};
use serde_json::Value;

/// A catalog in a folder that is gone when this is.
#[derive(Debug)]
pub struct Folder {
    folder: tempfile::TempDir,
    stores: Stores,
}

impl Folder {
    /// An empty catalog; `boundaries` are the regions of a grid of regions.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new(layout: impl Into<Layout>, boundaries: Option<&Value>) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), stores: Stores::default() };
        let boundaries = boundaries.map(|regions| regions.to_string().into());
        let base = Location::parse(&place.path("catalog")).unwrap();
        run(init(&place.stores, &base, layout, boundaries)).unwrap();
        place
    }

    /// Where something of that name lies in the folder.
    ///
    /// # Panics
    /// If the folder's name is no text.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Adds items.
    ///
    /// # Panics
    /// If the ingest as a whole fails.
    #[must_use]
    pub fn ingest(&self, items: &[Value]) -> IngestReport {
        let lines: Vec<String> = items.iter().map(|item| format!("{item}\n")).collect();
        std::fs::write(self.path("items.ndjson"), lines.concat()).unwrap();
        let options = IngestOptions::new(self.path("catalog"), vec![self.path("items.ndjson")]);
        run(ingest(&self.stores, &options, &())).unwrap()
    }

    /// The catalog as it is now.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        run(open(&self.stores, &self.path("catalog"))).unwrap()
    }

    /// The items found, in the order of the search, and what it did.
    ///
    /// # Errors
    /// Those of the search.
    pub fn search(&self, query: Query) -> Result<(Vec<Value>, SearchReport)> {
        search_catalog(&self.stores, &self.catalog(), query)
    }

    /// The sorted ids of the items found.
    ///
    /// # Panics
    /// If the search fails.
    #[must_use]
    pub fn ids(&self, query: Query) -> Vec<String> {
        sorted_ids(&self.search(query).unwrap().0)
    }
}

/// The sorted ids of items.
#[must_use]
pub fn sorted_ids(items: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = items.iter().map(|item| item["id"].as_str().unwrap_or_default().to_owned()).collect();
    ids.sort();
    ids
}

/// The items found in any catalog, and what the search did.
///
/// # Errors
/// Those of the search.
pub fn search_catalog(stores: &Stores, catalog: &Catalog, query: Query) -> Result<(Vec<Value>, SearchReport)> {
    let mut items = Vec::new();
    let take = |item| {
        items.push(item);
        Ok(ControlFlow::Continue(()))
    };
    let report = run(search(&Driver::new(stores.clone()), catalog, query, take))?;
    Ok((items, report))
}

/// Copies a folder with all that is in it, into a new one.
///
/// # Panics
/// If that fails.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Waits for what is asynchronous.
///
/// # Panics
/// If there is no runtime to be had.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}
