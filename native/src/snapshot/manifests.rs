//! Manifests and manifest lists of a new snapshot, written in memory by the `iceberg` crate.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use earthcatalog_core::iceberg::value::Value;
use earthcatalog_core::stac::schema;
use earthcatalog_core::{Error, Result};
use iceberg::io::FileIO;
use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum, FormatVersion, Literal, Manifest,
    ManifestContentType, ManifestEntry, ManifestEntryRef, ManifestFile, ManifestList, ManifestListWriter,
    ManifestStatus, ManifestWriter, ManifestWriterBuilder, PartitionSpec, PartitionSpecRef, PrimitiveLiteral,
    PrimitiveType, SchemaRef, Struct, TableMetadata, Transform,
};

use super::metrics::MetricsModes;
use super::removal::Leaving;
use super::{NewDataFile, Object, Totals, failed};
use crate::avro;

/// Most entries of one new manifest. Entries are sorted by cell, so a query of a few cells reads few manifests; at
/// about 60 bytes each one is a single request of a quarter of a megabyte.
const MANIFEST_ENTRIES: usize = 4_000;
/// The name under which the `iceberg` crate's in-memory store holds an object while it is written.
const SLOT: &str = "object";
/// Asks the `iceberg` crate to leave a sequence number to be inherited.
const INHERITED: i64 = -1;

/// When the file of an earlier manifest's entry came.
#[derive(Clone, Copy)]
struct Origin {
    snapshot_id: i64,
    sequence_number: i64,
    /// The sequence number of the file itself.
    of_file: Option<i64>,
}

impl Origin {
    /// What an entry leaves out it has from its manifest (Iceberg, Sequence Number Inheritance).
    fn of(entry: &ManifestEntry, manifest: &ManifestFile) -> Self {
        Self {
            snapshot_id: entry.snapshot_id.unwrap_or(manifest.added_snapshot_id),
            sequence_number: entry.sequence_number.unwrap_or(manifest.sequence_number),
            of_file: Some(entry.file_sequence_number.unwrap_or(manifest.sequence_number)),
        }
    }
}

/// The entries of a manifest whose files are live.
fn live(manifest: &Manifest) -> impl Iterator<Item = &ManifestEntryRef> {
    manifest.entries().iter().filter(|entry| entry.status != ManifestStatus::Deleted)
}

/// As few runs of at most [`MANIFEST_ENTRIES`] as there can be, of equal length.
fn even_runs<T>(entries: &[T]) -> impl Iterator<Item = &[T]> {
    let runs = entries.len().div_ceil(MANIFEST_ENTRIES).max(1);
    entries.chunks(entries.len().div_ceil(runs).max(1))
}

/// So many manifests are enough for so many entries.
pub(crate) fn fewest_manifests(entries: u64) -> u64 {
    entries.div_ceil(MANIFEST_ENTRIES as u64)
}

fn spec(table: &TableMetadata, id: i32) -> Result<&PartitionSpecRef> {
    let spec = table.partition_spec_by_id(id);
    spec.ok_or_else(|| Error::corrupt(format!("the table has no partition spec {id}")))
}

/// The values of a partition, in an order.
fn place(partition: &Struct) -> Vec<Option<Sortable>> {
    let value = |value: &Option<Literal>| match value {
        Some(Literal::Primitive(PrimitiveLiteral::String(text))) => Some(Sortable::Text(text.clone())),
        Some(Literal::Primitive(PrimitiveLiteral::Int(number))) => Some(Sortable::Number(i64::from(*number))),
        Some(Literal::Primitive(PrimitiveLiteral::Long(number))) => Some(Sortable::Number(*number)),
        _ => None,
    };
    partition.fields().iter().map(value).collect()
}

/// What tables are partitioned by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sortable {
    Number(i64),
    Text(String),
}

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
        let mut written = Vec::new();
        let mut totals = Totals::default();
        for run in even_runs(&sorted) {
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
        let spec = spec(table, earlier.partition_spec_id)?;
        let schema = manifest.metadata().schema.clone();
        let live: Vec<_> = live(&manifest).map(|entry| (entry, leaving.takes(entry.data_file.file_path()))).collect();
        let mut removed = Totals::default();
        for (entry, _) in live.iter().filter(|(_, leaves)| *leaves) {
            removed.count(&entry.data_file);
        }
        if removed.files == 0 {
            return Ok(None);
        }
        let written = self.write(number, &schema, spec, |writer| {
            live.iter().try_for_each(|(entry, leaves)| {
                let Origin { snapshot_id, sequence_number, of_file } = Origin::of(entry, earlier);
                let file = entry.data_file.clone();
                let written = if *leaves {
                    writer.add_delete_file(file, sequence_number, of_file)
                } else {
                    writer.add_existing_file(file, snapshot_id, sequence_number, of_file)
                };
                written.map_err(failed)
            })
        });
        Ok(Some((written.await?, removed)))
    }

    /// The live entries of all `earlier` manifests, sorted by cell and time bin and cut into few.
    pub(super) async fn clustered(
        &self,
        earlier: &[ManifestFile],
        bytes: &[Bytes],
        table: &TableMetadata,
        metrics: &MetricsModes,
    ) -> Result<Vec<NewManifest>> {
        let mut by_spec: BTreeMap<i32, Vec<(Origin, DataFile)>> = BTreeMap::new();
        for (earlier, bytes) in earlier.iter().zip(bytes) {
            let manifest = Manifest::parse_avro(bytes).map_err(failed)?;
            let entries = by_spec.entry(earlier.partition_spec_id).or_default();
            for entry in live(&manifest) {
                let file = pruning(&entry.data_file, earlier.partition_spec_id, metrics)?;
                entries.push((Origin::of(entry, earlier), file));
            }
        }
        let mut written = Vec::new();
        for (spec_id, mut entries) in by_spec {
            let spec = spec(table, spec_id)?;
            entries.sort_by_cached_key(|(_, file)| (place(file.partition()), file.file_path().to_owned()));
            for run in even_runs(&entries) {
                let manifest = self.write(written.len(), &self.schema, spec, |writer| {
                    run.iter().try_for_each(|(origin, file)| {
                        let Origin { snapshot_id, sequence_number, of_file } = *origin;
                        writer.add_existing_file(file.clone(), snapshot_id, sequence_number, of_file).map_err(failed)
                    })
                });
                written.push(manifest.await?);
            }
        }
        Ok(written)
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
    avro::rewritten(&plain, &mut |_, _| Ok(()))
}

fn data_file(file: &NewDataFile, spec: &PartitionSpec, schema: &SchemaRef, metrics: &MetricsModes) -> Result<DataFile> {
    let kinds: HashMap<i32, &PrimitiveType> = metrics.columns().map(|(id, column)| (id, &column.kind)).collect();
    let data = |bounds: &BTreeMap<i32, Value>| -> Result<HashMap<i32, Datum>> {
        let known = bounds.iter().filter_map(|(id, bound)| Some((*id, bound, *kinds.get(id)?)));
        let datum = |bound: &Value, kind: &PrimitiveType| Datum::try_from_bytes(&bound.to_bound_bytes(), kind.clone());
        known.map(|(id, bound, kind)| Ok((id, datum(bound, kind).map_err(failed)?))).collect()
    };
    let counts = |counts: &BTreeMap<i32, u64>| counts.iter().map(|(id, count)| (*id, *count)).collect();
    let measured = DataFileBuilder::default()
        .content(DataContentType::Data)
        .file_path(file.location.clone())
        .file_format(DataFileFormat::Parquet)
        .partition(partition_values(file, spec, schema)?)
        .partition_spec_id(spec.spec_id())
        .record_count(file.record_count)
        .file_size_in_bytes(file.file_size_bytes)
        .null_value_counts(counts(&file.metrics.null_value_counts))
        .nan_value_counts(counts(&file.metrics.nan_value_counts))
        .lower_bounds(data(&file.metrics.lower_bounds)?)
        .upper_bounds(data(&file.metrics.upper_bounds)?)
        .build();
    let measured = measured.map_err(|error| Error::internal("data file is incomplete").caused_by(error))?;
    pruning(&measured, spec.spec_id(), metrics)
}

/// A file with what is worth its bytes in a manifest: the counts and bounds that the table's properties ask for, and
/// neither sizes of columns nor offsets of row groups, which the file itself tells.
fn pruning(file: &DataFile, spec_id: i32, metrics: &MetricsModes) -> Result<DataFile> {
    let (mut value_counts, mut null_counts, mut nan_counts) = (HashMap::new(), HashMap::new(), HashMap::new());
    let (mut lower_bounds, mut upper_bounds) = (HashMap::new(), HashMap::new());
    for (id, column) in metrics.columns() {
        let values = file.value_counts().get(&id).copied();
        let nulls = file.null_value_counts().get(&id).copied();
        // Values are as many as rows, if not said otherwise. Where all are null readers want both counts to see it.
        let is_null = nulls == Some(file.record_count());
        let said = values.filter(|values| *values != file.record_count()).or(is_null.then_some(file.record_count()));
        value_counts.extend(said.map(|values| (id, values)));
        null_counts.extend(nulls.map(|nulls| (id, nulls)));
        nan_counts.extend(file.nan_value_counts().get(&id).map(|count| (id, *count)));
        let (lower, upper) = column.bounds(file.lower_bounds().get(&id), file.upper_bounds().get(&id));
        lower_bounds.extend(lower.map(|bound| (id, bound)));
        upper_bounds.extend(upper.map(|bound| (id, bound)));
    }
    let mut builder = DataFileBuilder::default();
    if let Some(order) = file.sort_order_id() {
        builder.sort_order_id(order);
    }
    let kept = builder
        .content(file.content_type())
        .file_path(file.file_path().to_owned())
        .file_format(file.file_format())
        .partition(file.partition().clone())
        .partition_spec_id(spec_id)
        .record_count(file.record_count())
        .file_size_in_bytes(file.file_size_in_bytes())
        .value_counts(value_counts)
        .null_value_counts(null_counts)
        .nan_value_counts(nan_counts)
        .lower_bounds(lower_bounds)
        .upper_bounds(upper_bounds)
        .key_metadata(file.key_metadata().map(<[u8]>::to_vec))
        .build();
    kept.map_err(|error| Error::internal("data file is incomplete").caused_by(error))
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
