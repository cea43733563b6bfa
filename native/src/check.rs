//! Whether a catalog is what it says it is: every object there, every count and bound true.

mod cover;

use std::collections::{BTreeMap, HashSet};

use earthcatalog_core::catalog::{Catalog, DATABASE_NAME, properties};
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::iceberg::manifest::{ManifestFile, parse_manifest};
use earthcatalog_core::iceberg::metadata::Snapshot;
use earthcatalog_core::scan::Output;
use earthcatalog_core::write::findings::{FileCheck, Findings, Wrong};
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use object_store::ObjectStoreExt as _;
use serde::Serialize;

use crate::driver::Driver;
use crate::fetch::read_object;
use crate::gc::{key_below, list};
use crate::index;
use crate::read::open;
use crate::record;
use crate::rows::live::{LiveFile, manifests, object_bytes, scan_file};
use crate::store::{Stores, store_error};
use cover::Covers;

/// What was looked at, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Kept snapshots.
    pub snapshots: u64,
    /// Their manifests.
    pub manifests: u64,
    /// Their data files.
    pub files: u64,
    /// Rows that were read: those of the current snapshot, in a deep check.
    pub rows: u64,
    /// Whether the rows were read.
    pub deep: bool,
    /// What is wrong.
    #[serde(flatten)]
    pub findings: Findings,
}

/// Looks at everything that the kept snapshots name; with `deep` also at every row of the current one.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is no catalog, [`ErrorKind::Denied`] and [`ErrorKind::Unavailable`] if it cannot be
/// looked at. What is damaged is a finding, not an error.
pub async fn check(stores: &Stores, location: &str, deep: bool) -> Result<CheckReport> {
    let mut report = CheckReport { deep, ..CheckReport::default() };
    let catalog = match open(stores, location).await {
        Ok(catalog) => catalog,
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            report.findings.add(Wrong::Database, location, error.to_string());
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let mut check = Check { stores, catalog: &catalog, sizes: BTreeMap::new(), seen: HashSet::new(), report };
    check.database().await?;
    for object in list(stores, catalog.base()).await? {
        check.sizes.insert(object.key, object.bytes);
    }
    for snapshot in &catalog.metadata().snapshots {
        check.snapshot(snapshot).await?;
    }
    check.named_objects().await?;
    check.lost_commits().await?;
    if deep {
        check.rows().await?;
    }
    Ok(check.report)
}

struct Check<'a> {
    stores: &'a Stores,
    catalog: &'a Catalog,
    /// Every object below the base.
    sizes: BTreeMap<String, u64>,
    /// Manifests and data files that were looked at.
    seen: HashSet<String>,
    report: CheckReport,
}

/// Whether an error says that an object is damaged or gone, rather than that it could not be looked at.
fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::NotFound | ErrorKind::Invalid)
}

fn wrong(error: &Error) -> Wrong {
    if error.kind() == ErrorKind::NotFound { Wrong::Missing } else { Wrong::Unreadable }
}

impl Check<'_> {
    fn found(&mut self, wrong: Wrong, object: &str, found: impl Into<String>) {
        self.report.findings.add(wrong, object, found);
    }

    /// The whole image, as a writer will take it, and not only the pages that a reader needs.
    async fn database(&mut self) -> Result<()> {
        let Some(row) = self.catalog.table_row() else { return Ok(()) };
        let name = crate::catalog_db::TableName {
            catalog: row.catalog_name.clone(),
            namespace: row.table_namespace.clone(),
            table: row.table_name.clone(),
        };
        let image = read_object(self.stores, self.catalog.database(), object_bytes()).await?;
        if let Err(error) = crate::catalog_db::read_pointer(&image, &name) {
            self.found(Wrong::Database, DATABASE_NAME, error.to_string());
        }
        Ok(())
    }

    async fn snapshot(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.report.snapshots += 1;
        let is_current = self.catalog.snapshot().is_some_and(|current| current.snapshot_id == snapshot.snapshot_id);
        let listed = match manifests(self.stores, self.catalog, snapshot).await {
            Ok(listed) => listed,
            Err(error) if is_damage(&error) => {
                let list = snapshot.manifest_list.as_deref().unwrap_or_default();
                self.found(wrong(&error), list, error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let (mut files, mut rows, mut whole) = (0, 0, true);
        for manifest in &listed {
            match self.manifest(manifest).await? {
                Some((of_files, of_rows)) => (files, rows) = (files + of_files, rows + of_rows),
                None => whole = false,
            }
        }
        let noted = |key: &str| snapshot.summary.get(key).and_then(|text| text.parse::<u64>().ok());
        for (key, found) in [("total-data-files", files), ("total-records", rows)] {
            if let Some(noted) = noted(key).filter(|noted| is_current && whole && *noted != found) {
                let id = format!("snapshot {}", snapshot.snapshot_id);
                self.found(Wrong::Count, &id, format!("`{key}` is {noted}, the manifests say {found}"));
            }
        }
        Ok(())
    }

    /// Files and rows of a manifest; `None` if it cannot be read.
    async fn manifest(&mut self, manifest: &ManifestFile) -> Result<Option<(u64, u64)>> {
        let path = &manifest.manifest_path;
        let first = self.seen.insert(path.clone());
        let read = async {
            let location = self.catalog.resolve(path)?;
            let bytes = read_object(self.stores, &location, object_bytes()).await?;
            parse_manifest(&bytes, self.catalog.metadata(), manifest, &[]).context("location", &location)
        };
        let entries = match read.await {
            Ok(entries) => entries,
            Err(error) if is_damage(&error) => {
                if first {
                    self.found(wrong(&error), path, error.to_string());
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let files = entries.len() as u64;
        let rows = entries.iter().map(|entry| entry.data_file.record_count).sum();
        if !first {
            return Ok(Some((files, rows)));
        }
        self.report.manifests += 1;
        let live = |added: Option<u64>, existing: Option<u64>| Some(added? + existing?);
        let noted = [
            ("files", live(manifest.added_files_count, manifest.existing_files_count), files),
            ("rows", live(manifest.added_rows_count, manifest.existing_rows_count), rows),
        ];
        for (what, noted, found) in noted {
            if let Some(noted) = noted.filter(|noted| *noted != found) {
                self.found(Wrong::Count, path, format!("{found} live {what}, the manifest list says {noted}"));
            }
        }
        for entry in entries {
            if self.seen.insert(entry.data_file.file_path.clone()) {
                self.report.files += 1;
                self.object(&entry.data_file.file_path, Some(entry.data_file.file_size_bytes)).await?;
            }
        }
        Ok(Some((files, rows)))
    }

    /// Whether an object is there, with the size that is noted.
    async fn object(&mut self, stored: &str, noted: Option<u64>) -> Result<()> {
        let location = match self.catalog.resolve(stored) {
            Ok(location) => location,
            Err(error) => {
                self.found(Wrong::Unreadable, stored, error.to_string());
                return Ok(());
            }
        };
        match (self.size(&location).await?, noted) {
            (None, _) => self.found(Wrong::Missing, stored, format!("there is no object at `{location}`")),
            (Some(found), Some(noted)) if found != noted => {
                self.found(Wrong::Size, stored, format!("{found} bytes, the manifest says {noted}"));
            }
            _ => {}
        }
        Ok(())
    }

    async fn size(&self, location: &Location) -> Result<Option<u64>> {
        if let Some(size) = key_below(self.catalog.base(), location).and_then(|key| self.sizes.get(&key)) {
            return Ok(Some(*size));
        }
        let (store, path) = self.stores.get(location)?;
        match store.head(&path).await {
            Ok(object) => Ok(Some(object.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(store_error(error, location)),
        }
    }

    /// What properties name.
    async fn named_objects(&mut self) -> Result<()> {
        let table = &self.catalog.metadata().properties;
        if let Some(boundaries) = table.get(properties::GRID_BOUNDARIES_PATH) {
            self.object(boundaries, None).await?;
        }
        let Some(index) = table.get(properties::HASH_INDEX_PATH) else { return Ok(()) };
        self.object(index, None).await?;
        if self.catalog.snapshot().is_some() && index::complete_index(self.catalog).is_none() {
            self.found(Wrong::Index, index, "another program changed the catalog since the index was written");
        }
        Ok(())
    }

    /// Commits that another program undid by uploading an older database.
    async fn lost_commits(&mut self) -> Result<()> {
        for lost in record::lost(self.stores, self.catalog).await? {
            let found = "this commit was made and is not in the table's history: another program uploaded a database \
                         of its own over it";
            self.found(Wrong::Lost, &lost.record.metadata_location, found);
        }
        Ok(())
    }

    /// Every row of the current snapshot.
    async fn rows(&mut self) -> Result<()> {
        let Some(snapshot) = self.catalog.snapshot() else { return Ok(()) };
        let metadata = self.catalog.metadata();
        let wanted = FileCheck::wanted(metadata.schema());
        let driver = Driver::new(self.stores.clone());
        let mut covers = Covers::new(self.catalog.grid());
        // Manifests that cannot be read were found before.
        for manifest in manifests(self.stores, self.catalog, snapshot).await.unwrap_or_default() {
            let Ok(location) = self.catalog.resolve(&manifest.manifest_path) else { continue };
            let Ok(bytes) = read_object(self.stores, &location, object_bytes()).await else { continue };
            let Ok(entries) = parse_manifest(&bytes, metadata, &manifest, &wanted) else { continue };
            for entry in entries {
                let Ok(location) = self.catalog.resolve(&entry.data_file.file_path) else { continue };
                let file = LiveFile { entry, location };
                match self.file(&driver, &file, &mut covers).await {
                    Err(error) if is_damage(&error) => self.found(wrong(&error), file.stored(), error.to_string()),
                    other => other?,
                }
            }
        }
        covers.finish(&mut self.report.findings)?;
        self.index().await
    }

    async fn file(&mut self, driver: &Driver, file: &LiveFile, covers: &mut Covers<'_>) -> Result<()> {
        let metadata = self.catalog.metadata();
        let partition = file.partition(metadata)?;
        let mut check = FileCheck::new(&file.entry.data_file, partition.clone(), metadata.schema());
        let mut rows = 0;
        scan_file(driver, self.catalog, file, Output::Items, |batch| {
            rows += batch.num_rows() as u64;
            check.add(&batch)?;
            covers.add(&batch, &partition.cell)
        })
        .await?;
        self.report.rows += rows;
        check.finish(&mut self.report.findings);
        Ok(())
    }

    async fn index(&mut self) -> Result<()> {
        let Some(stored) = self.catalog.metadata().properties.get(properties::HASH_INDEX_PATH) else { return Ok(()) };
        match index::compare(self.stores, self.catalog).await {
            Ok(report) if report.missing > 0 || report.surplus > 0 => {
                let found = format!("{} ids of rows are missing, {} are of no row", report.missing, report.surplus);
                self.found(Wrong::Index, stored, found);
            }
            // Damaged files were found before.
            Err(error) if !is_damage(&error) => return Err(error),
            _ => {}
        }
        Ok(())
    }
}
