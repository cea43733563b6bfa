//! The table a commit is about: reading its state and moving its pointer.

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::location::{Rebase, base_of_table};
use earthcatalog_core::{Error, ErrorKind, Location, Result};

use crate::catalog_db::{TableName, read_pointer, swap_pointer};
use crate::conditional::{self, Answer, Versioned};
use crate::objects;
use crate::snapshot::Base;
use crate::store::Stores;

/// Its database, and how stored locations map to where its objects are reached.
pub(crate) struct Target {
    pub(crate) database: Location,
    name: TableName,
    rebase: Rebase,
    stored_base: String,
}

impl Target {
    pub(crate) fn of(catalog: &Catalog) -> Result<Self> {
        let row = catalog.table_row().ok_or_else(|| {
            let message = "a catalog that was opened by its table metadata cannot be written to: name its folder";
            Error::invalid(message).with("location", catalog.metadata_location())
        })?;
        let name = TableName {
            catalog: row.catalog_name.clone(),
            namespace: row.table_namespace.clone(),
            table: row.table_name.clone(),
        };
        let stored_base = base_of_table(&catalog.metadata().location, &name.namespace, &name.table);
        let stored_base = stored_base.map_or_else(|| catalog.base().normal(), str::to_owned);
        let rebase = Rebase::new(&stored_base, catalog.base().clone());
        Ok(Self { database: catalog.database().clone(), name, rebase, stored_base })
    }

    pub(crate) fn resolve(&self, stored: &str) -> Result<Location> {
        self.rebase.apply(stored)
    }

    pub(crate) fn stored(&self, key: &str) -> String {
        format!("{}/{}", self.stored_base.trim_end_matches('/'), key.trim_start_matches('/'))
    }

    /// The database and the state it points to.
    pub(crate) async fn read(&self, stores: &Stores) -> Result<(Versioned, Base)> {
        let database = conditional::read(stores, &self.database)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "the catalog is gone").with("location", &self.database))?;
        let pointer = read_pointer(&database.bytes, &self.name).context("location", &self.database)?;
        let metadata = self.resolve(&pointer)?;
        let bytes = objects::read(stores, &metadata).await?;
        let mut base = Base::parse(&pointer, &bytes).context("location", &metadata)?;
        if let Some(stored) = base.manifest_list().map(str::to_owned) {
            let list = self.resolve(&stored)?;
            let bytes = objects::read(stores, &list).await?;
            base.set_manifest_list(&bytes).context("location", &list)?;
        }
        Ok((database, base))
    }

    /// The database that was `seen`, naming `new` instead of `old`.
    ///
    /// No two images are the same: each names metadata whose name was never used. So a version that is a digest of
    /// the content, as many stores have it, does not come twice.
    pub(crate) fn moved(&self, seen: &Versioned, old: &str, new: &str) -> Result<Bytes> {
        swap_pointer(&seen.bytes, &self.name, old, new).map(Bytes::from).context("location", &self.database)
    }

    /// Writes the database if it is still the one that was `seen`. This is the commit.
    pub(crate) async fn publish(&self, stores: &Stores, seen: &Versioned, moved: Bytes) -> Result<Answer> {
        if !stores.protocol().conditional {
            return objects::put(stores, &self.database, moved).await.map(|()| Answer::Written);
        }
        conditional::write(stores, &self.database, Some(&seen.version), moved).await
    }
}
