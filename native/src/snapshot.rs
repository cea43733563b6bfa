//! The next state of a table, made in memory: manifests, manifest list and metadata of a snapshot.
//!
//! Nothing here reads or writes a store: [`Base`] is parsed from bytes, and what is to be put comes back as
//! [`Object`]s. Visible state changes in [`crate::commit`] only.

mod change;
mod manifests;
mod metrics;
mod removal;
mod summary;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use earthcatalog_core::catalog::properties;
use earthcatalog_core::iceberg::metadata::Field;
use earthcatalog_core::{Error, ErrorKind, Result};
use iceberg::spec::{FormatVersion, ManifestFile, SchemaRef, Snapshot, Summary, TableMetadata, TableMetadataBuilder};
use uuid::Uuid;

use crate::record::CommitRecord;
use manifests::{ManifestContext, NewManifest};
use summary::Totals;
use table::{metadata_folder, metadata_location, serialize};

pub use change::{Change, Mode, NewDataFile, Object, Stamp};
pub(crate) use manifests::fewest_manifests;
pub use removal::Removal;
pub(crate) use table::missing_metrics_modes;

/// Metadata of a new, empty table.
///
/// # Errors
/// [`ErrorKind::Internal`] if `fields` are no valid schema, [`ErrorKind::Invalid`] for a time bin that there is not.
pub fn create_table(
    location: &str,
    fields: &[Field],
    properties: &BTreeMap<String, String>,
    stamp: &Stamp,
) -> Result<Object> {
    let metadata = table::new_table(location, fields, properties, stamp)?;
    let location = metadata_location(&metadata, 0, stamp.uuid);
    Ok(Object { location, bytes: serialize(&metadata)? })
}

/// The state a snapshot is built on.
#[derive(Clone, Debug)]
pub struct Base {
    metadata: TableMetadata,
    metadata_location: String,
    /// Snapshots that branches and tags name.
    named_snapshots: BTreeSet<i64>,
    manifests: Vec<ManifestFile>,
}

/// The part of table metadata that the `iceberg` crate keeps to itself.
#[derive(serde::Deserialize)]
struct References {
    #[serde(default)]
    refs: HashMap<String, Reference>,
}

#[derive(serde::Deserialize)]
struct Reference {
    #[serde(rename = "snapshot-id")]
    snapshot_id: i64,
}

impl Base {
    /// Parses table metadata that lies, as stored, at `metadata_location`.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for what is no table metadata, [`ErrorKind::Unsupported`] for format versions other
    /// than 2.
    pub fn parse(metadata_location: &str, bytes: &[u8]) -> Result<Self> {
        let unreadable = |error| Error::corrupt("table metadata cannot be read").caused_by(error);
        let metadata: TableMetadata = serde_json::from_slice(bytes).map_err(unreadable)?;
        let References { refs } = serde_json::from_slice(bytes).map_err(unreadable)?;
        let named_snapshots = refs.values().map(|reference| reference.snapshot_id).collect();
        match metadata.format_version() {
            FormatVersion::V2 => {
                let metadata_location = metadata_location.into();
                Ok(Self { metadata, metadata_location, named_snapshots, manifests: Vec::new() })
            }
            other => Err(Error::unsupported(format!("this program writes tables of format v2 only, this is {other}"))),
        }
    }

    /// Takes in the current snapshot's manifest list.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for what is no manifest list, [`ErrorKind::Unsupported`] for tables with delete files.
    pub fn set_manifest_list(&mut self, bytes: &[u8]) -> Result<()> {
        // Bounded, unlike the `iceberg` crate's reader, which then takes what this one found sound.
        earthcatalog_core::iceberg::manifest::parse_manifest_list(bytes)?;
        self.manifests = manifests::parse_list(bytes)?;
        Ok(())
    }

    /// Where, as stored, the current snapshot's manifest list lies.
    pub fn manifest_list(&self) -> Option<&str> {
        self.metadata.current_snapshot().map(|snapshot| snapshot.manifest_list())
    }

    /// Where, as stored, the current snapshot's manifests lie: what [`remove`](Self::remove) wants to see.
    pub fn manifest_locations(&self) -> impl Iterator<Item = &str> {
        self.manifests.iter().map(|manifest| manifest.manifest_path.as_str())
    }

    /// Where, as stored, this metadata lies.
    pub fn metadata_location(&self) -> &str {
        &self.metadata_location
    }

    /// The current snapshot.
    pub fn snapshot_id(&self) -> Option<i64> {
        self.metadata.current_snapshot_id()
    }

    /// The snapshot a commit of this id has made.
    pub fn snapshot_of_commit(&self, commit_id: &str) -> Option<i64> {
        let made = |summary: &Summary| {
            summary.additional_properties.get(properties::COMMIT_ID).is_some_and(|id| id == commit_id)
        };
        self.metadata.snapshots().find(|snapshot| made(snapshot.summary())).map(|snapshot| snapshot.snapshot_id())
    }

    /// Whether the metadata that lies, as stored, at one of these locations is this one or one before it.
    pub fn descends_from(&self, locations: &[String]) -> bool {
        let earlier = self.metadata.metadata_log().iter().map(|log| log.metadata_file.as_str());
        earlier.chain([self.metadata_location.as_str()]).any(|place| locations.iter().any(|ours| ours == place))
    }

    /// The commits that made the snapshots that are kept.
    pub(crate) fn commit_ids(&self) -> impl Iterator<Item = &str> {
        let summaries = self.metadata.snapshots().map(|snapshot| &snapshot.summary().additional_properties);
        summaries.filter_map(|summary| summary.get(properties::COMMIT_ID)).map(String::as_str)
    }

    /// Whether a commit that was made is not in the history of this state, as far as that reaches back.
    pub(crate) fn lacks(&self, record: &CommitRecord) -> bool {
        let oldest = self.metadata.metadata_log().first().map(|log| log.timestamp_ms);
        record.table_uuid.eq_ignore_ascii_case(&self.table_uuid())
            && oldest.is_none_or(|oldest| record.timestamp_ms >= oldest)
            && !self.descends_from(std::slice::from_ref(&record.metadata_location))
            && self.snapshot_of_commit(&record.commit_id).is_none()
    }

    /// The table's identity.
    pub fn table_uuid(&self) -> String {
        self.metadata.uuid().to_string()
    }

    /// The table's properties.
    pub fn properties(&self) -> &HashMap<String, String> {
        self.metadata.properties()
    }

    fn evolved(&self, change: &Change) -> Result<TableMetadataBuilder> {
        let builder = self.metadata.clone().into_builder(Some(self.metadata_location.clone()));
        let mut properties: HashMap<String, String> = change.properties.clone().into_iter().collect();
        let schema = self.metadata.current_schema();
        let added = self.added_fields(change)?;
        if added.is_empty() && self.metadata.properties().contains_key(table::NAME_MAPPING_KEY) {
            return builder.set_properties(properties).map_err(failed);
        }
        let next_id = self.metadata.schemas_iter().map(|schema| schema.schema_id()).max().unwrap_or(0) + 1;
        let fields = schema.as_struct().fields().iter().cloned().chain(table::nested_fields(&added)?);
        let evolved = iceberg::spec::Schema::builder()
            .with_schema_id(next_id)
            .with_fields(fields)
            .with_identifier_field_ids(schema.identifier_field_ids())
            .build()
            .map_err(failed)?;
        let mapping = table::renewed_name_mapping(self.metadata.properties(), &evolved)?;
        properties.insert(table::NAME_MAPPING_KEY.into(), mapping);
        let builder = if added.is_empty() { builder } else { builder.add_current_schema(evolved).map_err(failed)? };
        builder.set_properties(properties).map_err(failed)
    }

    /// Refuses to forget a snapshot that is in use.
    fn check_expiry(&self, change: &Change) -> Result<()> {
        let used = |id: &&i64| self.snapshot_id() == Some(**id) || self.named_snapshots.contains(id);
        match change.expired_snapshots.iter().find(used) {
            Some(id) => {
                let message = format!("snapshot {id} is the current one, or a branch or tag names it");
                Err(Error::new(ErrorKind::Conflict, message))
            }
            None => Ok(()),
        }
    }

    /// The fields of a change that the table does not have yet.
    fn added_fields(&self, change: &Change) -> Result<Vec<Field>> {
        let schema = self.metadata.current_schema();
        let mut added = Vec::new();
        for field in &change.new_fields {
            let wanted = table::nested_field(field)?;
            let conflict = |what: &str| {
                Error::new(ErrorKind::Conflict, format!("column `{}` {what}", field.name)).with("id", field.id)
            };
            match schema.field_by_id(field.id) {
                Some(there) if there.name == wanted.name && there.field_type == wanted.field_type => {}
                Some(_) => return Err(conflict("has an id that another column took")),
                None if schema.field_by_name_case_insensitive(&field.name).is_some() => {
                    return Err(conflict("is there already under another id"));
                }
                None if field.id <= self.metadata.last_column_id() => {
                    return Err(conflict("has an id that was given before"));
                }
                None => added.push(field.clone()),
            }
        }
        Ok(added)
    }
}

/// The manifests of a change's new files. They do not depend on what else the table holds, so a commit that has to
/// start over on a newer base keeps them.
#[derive(Clone, Debug)]
pub struct Addition {
    manifests: Vec<NewManifest>,
    spec_id: i32,
    stamp: Stamp,
    totals: Totals,
}

/// The next state: what is to be put, in this order, before the pointer may move to `metadata_location`.
#[derive(Clone, Debug)]
pub struct NextState {
    /// Manifest list, then table metadata.
    pub objects: Vec<Object>,
    /// Where, as stored, the new metadata lies.
    pub metadata_location: String,
    /// The snapshot that is current then.
    pub snapshot_id: Option<i64>,
    /// The number of the last snapshot then.
    pub sequence_number: i64,
    /// When the metadata was made: ms since 1970 UTC.
    pub timestamp_ms: i64,
}

impl Addition {
    /// What is to be put.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.manifests.iter().map(|manifest| &manifest.object)
    }
}

impl Base {
    /// Manifests of a change's files.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a table that is not partitioned by cell and time bin, [`ErrorKind::Conflict`] if
    /// the change's columns clash with the table's.
    pub async fn add(&self, change: &Change, stamp: &Stamp) -> Result<Addition> {
        let evolved = self.evolved(change)?.build().map_err(failed)?.metadata;
        let metrics = metrics::MetricsModes::new(evolved.current_schema(), evolved.properties());
        let context = self.context(evolved.current_schema(), stamp);
        let (manifests, totals) = context.added(&change.files, &metrics).await?;
        Ok(Addition { manifests, spec_id: self.metadata.default_partition_spec_id(), stamp: *stamp, totals })
    }

    /// The state after a change: without `removal` the present files stay. `uuid` names the new objects.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if the table is partitioned otherwise than when `addition` was made, or its columns
    /// clash with the change's.
    pub async fn next(
        &self,
        change: &Change,
        addition: &Addition,
        removal: Option<&Removal>,
        uuid: Uuid,
    ) -> Result<NextState> {
        if addition.spec_id != self.metadata.default_partition_spec_id() {
            return Err(Error::new(ErrorKind::Conflict, "another writer changed how the table is partitioned"));
        }
        self.check_expiry(change)?;
        let expired: Vec<i64> = change.expired_snapshots.iter().copied().collect();
        let mut builder = self.evolved(change)?;
        if !expired.is_empty() {
            builder = builder.remove_snapshots(&expired);
        }
        let mut objects = Vec::with_capacity(2);
        let metadata = if addition.manifests.is_empty() && removal.is_none() {
            builder.build().map_err(failed)?.metadata
        } else {
            let schema_id = builder.clone().build().map_err(failed)?.metadata.current_schema_id();
            let (snapshot, list) = self.snapshot(change, addition, removal, schema_id, uuid).await?;
            objects.push(list);
            let built = builder.set_branch_snapshot(snapshot, iceberg::spec::MAIN_BRANCH).map_err(failed)?;
            built.build().map_err(failed)?.metadata
        };
        let metadata_location = metadata_location(&metadata, self.version() + 1, uuid);
        objects.push(Object { location: metadata_location.clone(), bytes: serialize(&metadata)? });
        Ok(NextState {
            objects,
            metadata_location,
            snapshot_id: metadata.current_snapshot_id(),
            sequence_number: metadata.last_sequence_number(),
            timestamp_ms: metadata.last_updated_ms(),
        })
    }

    async fn snapshot(
        &self,
        change: &Change,
        addition: &Addition,
        removal: Option<&Removal>,
        schema_id: i32,
        uuid: Uuid,
    ) -> Result<(Snapshot, Object)> {
        let Stamp { now_ms, snapshot_id, .. } = addition.stamp;
        let current = self.metadata.current_snapshot();
        let parent = current.map(|snapshot| snapshot.snapshot_id());
        let sequence_number = self.metadata.next_sequence_number();
        let new = addition.manifests.iter().chain(removal.iter().flat_map(|removal| &removal.manifests));
        let mut manifests: Vec<ManifestFile> = new.map(|manifest| manifest.file.clone()).collect();
        manifests.extend(self.carried(removal).cloned());
        let bytes = manifests::write_list(manifests, snapshot_id, parent, sequence_number).await?;
        let location = format!("{}/snap-{snapshot_id}-0-{uuid}.avro", metadata_folder(&self.metadata));
        let snapshot = Snapshot::builder()
            .with_snapshot_id(snapshot_id)
            .with_parent_snapshot_id(parent)
            .with_sequence_number(sequence_number)
            // Another machine's clock may be ahead; time in a table does not run backwards.
            .with_timestamp_ms(now_ms.max(self.metadata.last_updated_ms()))
            .with_manifest_list(location.clone())
            .with_summary(summary::of(current, change, &addition.totals, removal.map(|removal| &removal.totals)))
            .with_schema_id(schema_id)
            .build();
        Ok((snapshot, Object { location, bytes }))
    }

    fn context(&self, schema: &SchemaRef, stamp: &Stamp) -> ManifestContext {
        ManifestContext {
            schema: schema.clone(),
            spec: self.metadata.default_partition_spec().clone(),
            snapshot_id: stamp.snapshot_id,
            prefix: format!("{}/{}", metadata_folder(&self.metadata), stamp.uuid),
        }
    }

    /// The number in the metadata file's name.
    fn version(&self) -> u64 {
        let name = self.metadata_location.rsplit(['/', '\\']).next().unwrap_or_default();
        let digits = name.split_once('-').map_or(name, |(digits, _)| digits);
        digits.parse().unwrap_or(0)
    }
}

/// An error of the `iceberg` crate as ours.
fn failed(error: iceberg::Error) -> Error {
    let kind = match error.kind() {
        iceberg::ErrorKind::DataInvalid => ErrorKind::Corrupt,
        iceberg::ErrorKind::FeatureUnsupported => ErrorKind::Unsupported,
        iceberg::ErrorKind::PreconditionFailed | iceberg::ErrorKind::CatalogCommitConflicts => ErrorKind::Conflict,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, "the table's next state cannot be made").caused_by(error)
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
