//! Rewriting stored locations to where a catalog lies now, for readers that follow them to the letter.
//!
//! Iceberg stores absolute locations. This program looks for them below the place where it opened the catalog, others do
//! not: a catalog that was moved or copied is made theirs too by writing the metadata and manifests of its current
//! snapshot once more. Data files stay as they are, and earlier snapshots are forgotten.

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::catalog_db::{TableName, read_pointer};
use crate::commit::target::Target;
use crate::commit::{read_back, state_unknown};
use crate::conditional::Answer;
use crate::index::replanned;
use crate::ingest::check_writable;
use crate::objects;
use crate::publish::moved;
use crate::read::open;
use crate::store::Stores;

/// What a relocation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelocateReport {
    /// The base that stored locations lay below.
    pub from: String,
    /// The base that they lie below now.
    pub to: String,
    /// Metadata, manifest list and manifests written; 0 if nothing was to be done.
    pub objects_written: u64,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// Rewrites the stored locations of the catalog at `location` to that place, or to `to`, where others read it.
///
/// # Errors
/// [`ErrorKind::CommitStateUnknown`] if the store does not tell whether it was done: a repeat finds out. Those of reading
/// and writing otherwise.
pub async fn relocate(stores: &Stores, location: &str, to: Option<&Location>, dry_run: bool) -> Result<RelocateReport> {
    replanned(async || {
        let catalog = open(stores, location).await?;
        check_writable(&catalog, dry_run)?;
        once(stores, &catalog, to, dry_run).await
    })
    .await
}

async fn once(stores: &Stores, catalog: &Catalog, to: Option<&Location>, dry_run: bool) -> Result<RelocateReport> {
    let from = moved::stored_base(catalog)?;
    let to = match to {
        Some(to) => to.clone(),
        None => Location::parse(&crate::publish::absolute(catalog.base())?.normal())?,
    };
    let (from_text, to_text) = (from.normal(), to.normal());
    let mut report = RelocateReport { from: from_text, to: to_text, objects_written: 0, dry_run };
    if report.from == report.to {
        return Ok(report);
    }
    let target = Target::of(catalog)?;
    let (seen, base) = target.read(stores).await?;
    if catalog.table_row().is_none_or(|row| row.metadata_location != base.metadata_location()) {
        return Err(Error::new(ErrorKind::Conflict, "another writer changed the catalog meanwhile"));
    }
    let mut documents = Vec::new();
    let (folder, mut manifests) = (crate::gc::metadata_folder(catalog)?, 0_u32);
    let uuid = stores.host().draw();
    let mut key_of = |name: &str| format!("{folder}/{}", new_name(name, uuid, &mut manifests));
    let old = base.metadata_location();
    let edit = |metadata: &mut serde_json::Value| {
        // Records of commits before this one are told by it from ones that were undone.
        metadata["metadata-log"] = json!([{ "metadata-file": old, "timestamp-ms": metadata["last-updated-ms"] }]);
        metadata["last-updated-ms"] = json!(stores.host().now_ms());
    };
    let (pointer, _) = moved::table(stores, catalog, &to, &mut documents, &mut key_of, edit).await?;
    report.objects_written = documents.len() as u64;
    if dry_run {
        return Ok(report);
    }
    for document in documents {
        objects::put(stores, &catalog.base().join(&document.key), document.bytes).await?;
    }
    let image = target.moved(&seen, old, &pointer)?;
    stores.confirm_lease().await?;
    match target.publish(stores, &seen, image).await {
        Ok(Answer::Written) => Ok(report),
        answer => {
            let present = read_back(stores, &target.database).await.map_err(state_unknown)?;
            let row = catalog.table_row().ok_or_else(|| Error::internal("the catalog has no table"))?;
            let name = TableName {
                catalog: row.catalog_name.clone(),
                namespace: row.table_namespace.clone(),
                table: row.table_name.clone(),
            };
            match present.map(|present| read_pointer(&present.bytes, &name)).transpose()? {
                Some(present) if present == pointer => Ok(report),
                Some(present) if present == old => {
                    // A write that failed may still come about; a repeat meets it or replaces what it was made on.
                    Err(answer.err().map_or_else(
                        || Error::new(ErrorKind::Conflict, "the store refused the database"),
                        state_unknown,
                    ))
                }
                _ => Err(Error::new(ErrorKind::Conflict, "another writer changed the catalog meanwhile")),
            }
        }
    }
}

/// The name of the copy of an object, which nobody ever had: of metadata the next in number.
fn new_name(name: &str, uuid: Uuid, manifests: &mut u32) -> String {
    if let Some(number) = name.strip_suffix(".metadata.json").and_then(|stem| stem.split('-').next()) {
        return format!("{:05}-{uuid}.metadata.json", number.parse().map_or(0, |number: u64| number + 1));
    }
    if let Some(snapshot) = name.strip_prefix("snap-").and_then(|rest| rest.split('-').next()) {
        return format!("snap-{snapshot}-0-{uuid}.avro");
    }
    *manifests += 1;
    format!("{uuid}-m{}.avro", *manifests - 1)
}
