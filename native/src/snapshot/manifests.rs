//! Manifests and manifest lists of a new snapshot, written in memory by the `iceberg` crate.

use std::collections::HashMap;

use bytes::Bytes;
use earthcatalog_core::stac::schema;
use earthcatalog_core::{Error, Result};
use iceberg::io::FileIO;
use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum, FormatVersion, Literal, Manifest,
    ManifestContentType, ManifestFile, ManifestList, ManifestListWriter, ManifestStatus, ManifestWriter,
    ManifestWriterBuilder, PartitionSpec, PartitionSpecRef, SchemaRef, Struct, TableMetadata, Transform,
};

use super::metrics::{MetricsModes, lower_bound, upper_bound};
use super::removal::Leaving;
use super::{NewDataFile, Object, Totals, container, failed};

/// Most entries of one new manifest. Entries are sorted by cell, so a query of a few cells reads few manifests; at
/// about 250 bytes each one is a single request of half a megabyte.
const MANIFEST_ENTRIES: usize = 2_000;
/// The name under which the `iceberg` crate's in-memory store holds an object while it is written.
const SLOT: &str = "object";
/// Asks the `iceberg` crate to leave a sequence number to be inherited.
const INHERITED: i64 = -1;

/// A manifest ready to be put, and its line in the manifest list.
#[derive(Clone, Debug)]
pub(super) struct NewManifest {
    pub(super) object: Object,
    pub(super) file: ManifestFile,
}

/// What the manifests of one snapshot have in common.
pub(super) struct ManifestContext {
    pub(super) schema: SchemaRef,
    pub(super) spec: PartitionSpecRef,
    pub(super) snapshot_id: i64,
    /// Stored location and start of the name of each manifest: `{prefix}-m{number}.avro`.
    pub(super) prefix: String,
}

impl ManifestContext {
    /// Manifests that add `files`, sorted by cell and time bin and cut into runs of [`MANIFEST_ENTRIES`].
    pub(super) async fn added(
        &self,
        files: &[NewDataFile],
        metrics: &MetricsModes,
    ) -> Result<(Vec<NewManifest>, Totals)> {
        let mut sorted: Vec<&NewDataFile> = files.iter().collect();
        sorted.sort_by(|a, b| (&a.partition, &a.location).cmp(&(&b.partition, &b.location)));
        let manifests = sorted.len().div_ceil(MANIFEST_ENTRIES);
        let mut written = Vec::with_capacity(manifests);
        let mut totals = Totals::default();
        for run in sorted.chunks(sorted.len().div_ceil(manifests.max(1)).max(1)) {
            let files = run.iter().map(|file| data_file(file, &self.spec, &self.schema, metrics));
            let files = files.collect::<Result<Vec<_>>>()?;
            for file in &files {
                totals.count(file);
            }
            let manifest = self.write(written.len(), &self.schema, &self.spec, |writer| {
                files.into_iter().try_for_each(|file| writer.add_file(file, INHERITED).map_err(failed))
            });
            written.push(manifest.await?);
        }
        Ok((written, totals))
    }

    /// An earlier manifest without the files of `leaving`: those are marked as deleted, so that incremental readers see
    /// them go, the others as existing (Iceberg, Manifest Entry Fields: all keep their sequence numbers). `None` if no
    /// file of it leaves.
    pub(super) async fn without(
        &self,
        number: usize,
        earlier: &ManifestFile,
        bytes: &[u8],
        table: &TableMetadata,
        leaving: &mut Leaving,
    ) -> Result<Option<(NewManifest, Totals)>> {
        let manifest = Manifest::parse_avro(bytes).map_err(failed)?;
        let spec = table
            .partition_spec_by_id(earlier.partition_spec_id)
            .ok_or_else(|| Error::corrupt(format!("the table has no partition spec {}", earlier.partition_spec_id)))?;
        let schema = manifest.metadata().schema.clone();
        let live = manifest.entries().iter().filter(|entry| entry.status != ManifestStatus::Deleted);
        let live: Vec<_> = live.map(|entry| (entry, leaving.takes(entry.data_file.file_path()))).collect();
        let mut removed = Totals::default();
        for (entry, _) in live.iter().filter(|(_, leaves)| *leaves) {
            removed.count(&entry.data_file);
        }
        if removed.files == 0 {
            return Ok(None);
        }
        let written = self.write(number, &schema, spec, |writer| {
            live.iter().try_for_each(|(entry, leaves)| {
                let sequence_number = entry.sequence_number.unwrap_or(earlier.sequence_number);
                let of_file = Some(entry.file_sequence_number.unwrap_or(earlier.sequence_number));
                let file = entry.data_file.clone();
                let written = if *leaves {
                    writer.add_delete_file(file, sequence_number, of_file)
                } else {
                    let snapshot_id = entry.snapshot_id.unwrap_or(earlier.added_snapshot_id);
                    writer.add_existing_file(file, snapshot_id, sequence_number, of_file)
                };
                written.map_err(failed)
            })
        });
        Ok(Some((written.await?, removed)))
    }

    async fn write(
        &self,
        number: usize,
        schema: &SchemaRef,
        spec: &PartitionSpec,
        fill: impl FnOnce(&mut ManifestWriter) -> Result<()>,
    ) -> Result<NewManifest> {
        let memory = FileIO::new_with_memory();
        let output = memory.new_output(SLOT).map_err(failed)?;
        let builder = ManifestWriterBuilder::new(output, Some(self.snapshot_id), schema.clone(), spec.clone());
        let mut entries = builder.build_v2_data();
        fill(&mut entries)?;
        let mut listed = entries.write_manifest_file().await.map_err(failed)?;
        let bytes = take(&memory).await?;
        listed.manifest_path = format!("{}-m{number}.avro", self.prefix);
        listed.manifest_length = i64::try_from(bytes.len()).map_err(|_| Error::internal("manifest is too long"))?;
        let object = Object { location: listed.manifest_path.clone(), bytes };
        Ok(NewManifest { object, file: listed })
    }
}

/// The manifests of a list, in its order.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Unsupported`] for tables with delete files, which this program cannot carry on.
pub(super) fn parse_list(bytes: &[u8]) -> Result<Vec<ManifestFile>> {
    let list = ManifestList::parse_with_version(bytes, FormatVersion::V2).map_err(failed)?;
    if let Some(deletes) = list.entries().iter().find(|manifest| manifest.content == ManifestContentType::Deletes) {
        return Err(Error::unsupported("the table has row-level delete files").with("manifest", &deletes.manifest_path));
    }
    Ok(list.consume_entries().into_iter().collect())
}

/// A manifest list. Unassigned sequence numbers become the snapshot's.
pub(super) async fn write_list(
    manifests: Vec<ManifestFile>,
    snapshot_id: i64,
    parent_snapshot_id: Option<i64>,
    sequence_number: i64,
) -> Result<Bytes> {
    let memory = FileIO::new_with_memory();
    let output = memory.new_output(SLOT).map_err(failed)?.writer().await.map_err(failed)?;
    let mut writer = ManifestListWriter::v2(output, snapshot_id, parent_snapshot_id, sequence_number);
    writer.add_manifests(manifests.into_iter()).map_err(failed)?;
    writer.close().await.map_err(failed)?;
    take(&memory).await
}

async fn take(memory: &FileIO) -> Result<Bytes> {
    let plain = memory.new_input(SLOT).map_err(failed)?.read().await.map_err(failed)?;
    container::compress(&plain).map(Bytes::from)
}

fn data_file(file: &NewDataFile, spec: &PartitionSpec, schema: &SchemaRef, metrics: &MetricsModes) -> Result<DataFile> {
    let mut builder = DataFileBuilder::default();
    let mut value_counts = HashMap::new();
    let mut null_counts = HashMap::new();
    let mut nan_counts = HashMap::new();
    let mut lower_bounds = HashMap::new();
    let mut upper_bounds = HashMap::new();
    for (id, column) in &file.metrics {
        let Some((mode, kind)) = metrics.of(*id) else { continue };
        value_counts.extend(column.value_count.map(|count| (*id, count)));
        null_counts.extend(column.null_count.map(|count| (*id, count)));
        nan_counts.extend(column.nan_count.map(|count| (*id, count)));
        let bound = |bytes: Vec<u8>| Datum::try_from_bytes(&bytes, kind.clone()).map_err(failed);
        if let Some(bytes) = column.lower.as_deref().and_then(|bytes| lower_bound(mode, kind, bytes)) {
            lower_bounds.insert(*id, bound(bytes)?);
        }
        if let Some(bytes) = column.upper.as_deref().and_then(|bytes| upper_bound(mode, kind, bytes)) {
            upper_bounds.insert(*id, bound(bytes)?);
        }
    }
    builder
        .content(DataContentType::Data)
        .file_path(file.location.clone())
        .file_format(DataFileFormat::Parquet)
        .partition(partition_values(file, spec, schema)?)
        .partition_spec_id(spec.spec_id())
        .record_count(file.record_count)
        .file_size_in_bytes(file.file_size_bytes)
        .value_counts(value_counts)
        .null_value_counts(null_counts)
        .nan_value_counts(nan_counts)
        .lower_bounds(lower_bounds)
        .upper_bounds(upper_bounds)
        .split_offsets((!file.split_offsets.is_empty()).then(|| file.split_offsets.clone()));
    builder.build().map_err(|error| Error::internal("data file is incomplete").caused_by(error))
}

/// Cell and time bin in the order of the spec's fields.
fn partition_values(file: &NewDataFile, spec: &PartitionSpec, columns: &SchemaRef) -> Result<Struct> {
    let values = spec.fields().iter().map(|field| {
        let source = columns.name_by_field_id(field.source_id);
        match (source, field.transform) {
            (Some(schema::GRID_PARTITION), Transform::Identity) => Ok(Some(Literal::string(&file.partition.cell))),
            (Some(schema::DATETIME), transform) if transform.to_string() == file.partition.time_bin.name() => {
                Ok(file.partition.bin.map(Literal::int))
            }
            (_, transform) => Err(Error::unsupported(format!(
                "the table is partitioned by `{transform}` of `{}`, these rows by identity of `{}` and {} of `{}`",
                source.unwrap_or("?"),
                schema::GRID_PARTITION,
                file.partition.time_bin,
                schema::DATETIME
            ))),
        }
    });
    values.collect()
}
