//! Tables made in memory: rows by the writer, Parquet in several styles, manifest entries beside them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema as ArrowSchema};
use bytes::Bytes;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::grid::Grid;
use earthcatalog_core::iceberg::manifest::{ColumnMetrics, DataFile, FieldSummary, ManifestContent, ManifestFile};
use earthcatalog_core::iceberg::metadata::{Field as TableField, Schema, TableMetadata};
use earthcatalog_core::iceberg::value::Value as Bound;
use earthcatalog_core::machine::drive;
use earthcatalog_core::plan::file_evaluator::file_might_match;
use earthcatalog_core::plan::manifest_evaluator::manifest_might_match;
use earthcatalog_core::plan::{Criteria, FileScanTask, sort_tasks};
use earthcatalog_core::query::Query;
use earthcatalog_core::scan::{Output, ScanContext};
use earthcatalog_core::search::Search;
use earthcatalog_core::stac::{ValidItem, encode, schema};
use earthcatalog_core::write::bounds::rounded;
use earthcatalog_core::write::columns::ObservedProperties;
use earthcatalog_core::write::data_file::{WrittenFile, write_data_file};
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{Error, Location, Request, Result, Span};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::{Value as Item, json};

/// How the Parquet files of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// By this program's writer.
    Ours,
    /// In row groups of three rows with pages of one or two, bloom filters and a page index.
    Fine,
    /// Without field ids, page index, bloom filters or statistics, as simple writers do.
    Plain,
}

/// 2020-01-01: what is later lies in the second manifest.
const SPLIT_US: i64 = 1_577_836_800_000_000;

/// A table in memory: its metadata, the files of its one snapshot, their bytes.
#[derive(Debug)]
pub struct Made {
    /// Schema and partition spec: cell and year of datetime.
    pub metadata: TableMetadata,
    /// Two lists of data files, as two manifests hold them.
    pub manifests: [Vec<DataFile>; 2],
    /// How items were spread over cells.
    pub grid: Grid,
    objects: HashMap<String, Bytes>,
}

impl Made {
    /// Writes `items` into one file for each cell and year.
    ///
    /// # Panics
    /// If the writer refuses them.
    pub fn of(items: &[ValidItem], grid: Grid, style: Style) -> Self {
        Self::with_columns(items, grid, style, &[], TimeBin::Year)
    }

    /// As [`of`](Self::of), with a column for each property that an ingest would give one.
    ///
    /// # Panics
    /// As there.
    pub fn with_all_columns(items: &[ValidItem], grid: Grid, style: Style, time_bin: TimeBin) -> Self {
        let initial = Schema { schema_id: 0, fields: schema::initial_fields() };
        let mut observed = ObservedProperties::default();
        for item in items {
            observed.observe(&item.item);
        }
        let columns = observed.new_fields(&initial, initial.highest_field_id());
        Self::with_columns(items, grid, style, &columns, time_bin)
    }

    #[expect(clippy::unwrap_used, reason = "a test stops where its set-up fails")]
    fn with_columns(items: &[ValidItem], grid: Grid, style: Style, columns: &[TableField], time_bin: TimeBin) -> Self {
        let metadata = table_metadata(columns, time_bin);
        let mut partitions: BTreeMap<PartitionKey, Vec<&ValidItem>> = BTreeMap::new();
        for item in items {
            for cell in grid.item_cells(item.shape.as_ref()) {
                partitions.entry(PartitionKey::new(&cell, time_bin, item.datetime_us)).or_default().push(item);
            }
        }
        let (mut objects, mut manifests) = (HashMap::new(), [Vec::new(), Vec::new()]);
        for (key, mut members) in partitions {
            members.sort_by(|left, right| (left.datetime_us, &left.id).cmp(&(right.datetime_us, &right.id)));
            let cells = vec![key.cell.as_str(); members.len()];
            let rows = encode::encode_rows(&members, &cells, metadata.schema()).unwrap();
            let written = write_data_file(&rows, metadata.schema(), &key).unwrap();
            let bytes = match style {
                Style::Ours => written.bytes.clone(),
                Style::Fine => parquet(&rows, fine()),
                Style::Plain => parquet(&without_field_ids(&rows), plain()),
            };
            let path = format!("mem://table/{}", key.data_file_key("0"));
            let file = data_file(&path, &key, &written, metadata.schema(), bytes.len() as u64);
            objects.insert(path, bytes);
            // Neighbours share a manifest, so that its summary says something.
            let split = time_bin.ordinal(SPLIT_US).unwrap();
            let manifest = usize::from(key.bin.is_some_and(|bin| bin >= split));
            manifests[manifest].push(file);
        }
        Self { metadata, manifests, grid, objects }
    }

    /// All data files.
    pub fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.manifests.iter().flatten()
    }

    /// The files that might hold an answer, judged as manifests and as files.
    ///
    /// # Panics
    /// If the filter names what it cannot.
    #[expect(clippy::unwrap_used, reason = "a test stops where its set-up fails")]
    pub fn plan(&self, query: &Query) -> Vec<FileScanTask> {
        let criteria = Criteria::new(query.clone(), self.metadata.schema(), &self.grid).unwrap();
        let kept = self.manifests.iter().filter(|files| {
            !files.is_empty() && manifest_might_match(&criteria, &self.metadata, &manifest(files)).keeps()
        });
        let kept = kept.flatten().filter(|file| file_might_match(&criteria, &self.metadata, file).keeps());
        let mut tasks: Vec<FileScanTask> = kept.map(task).collect();
        sort_tasks(&mut tasks);
        tasks
    }

    /// A scan task for each file.
    pub fn tasks(&self) -> Vec<FileScanTask> {
        let mut tasks: Vec<FileScanTask> = self.files().map(task).collect();
        sort_tasks(&mut tasks);
        tasks
    }

    /// A search over `tasks`.
    ///
    /// # Panics
    /// If the table lacks what the query names.
    #[expect(clippy::unwrap_used, reason = "a test stops where its set-up fails")]
    pub fn search(&self, query: &Query, tasks: Vec<FileScanTask>) -> Search {
        let schema = Arc::new(self.metadata.schema().clone());
        let query = Arc::new(query.clone());
        Search::within(ScanContext::new(query, schema, None, Output::Items).unwrap(), tasks)
    }

    /// The items that a search over `tasks` finds.
    ///
    /// # Panics
    /// If it fails, or cannot read a geometry.
    #[expect(clippy::unwrap_used, reason = "a test stops where what it looks at fails")]
    pub fn found(&self, query: &Query, tasks: Vec<FileScanTask>) -> Vec<Item> {
        let mut search = self.search(query, tasks);
        let found = drive(&mut search, |request| self.read(request)).unwrap();
        assert_eq!(search.summary().unreadable_geometries, 0);
        found
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`earthcatalog_core::ErrorKind::NotFound`] for an object that is not there.
    pub fn read(&self, request: &Request) -> Result<Bytes> {
        let bytes = self.objects.get(request.location.as_str());
        let bytes = bytes.ok_or_else(|| Error::new(earthcatalog_core::ErrorKind::NotFound, "no such object"))?;
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(match &request.range {
            Span::Whole => bytes.clone(),
            Span::Prefix(most) => bytes.slice(..at(*most)),
            Span::Tail(most) => bytes.slice(bytes.len().saturating_sub(at(*most))..),
            Span::Bytes(range) => bytes.slice(at(range.start)..at(range.end)),
        })
    }

    /// Every object with its location.
    pub fn objects(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.objects.iter().map(|(location, bytes)| (location.as_str(), bytes))
    }

    /// Changes the stored bytes of every object.
    pub fn spoil(&mut self, change: impl Fn(&Bytes) -> Bytes) {
        for bytes in self.objects.values_mut() {
            *bytes = change(bytes);
        }
    }
}

#[expect(clippy::unwrap_used, reason = "a location of this module is well formed")]
fn task(file: &DataFile) -> FileScanTask {
    FileScanTask { location: Location::parse(&file.file_path).unwrap(), data_file: Arc::new(file.clone()) }
}

#[expect(clippy::unwrap_used, reason = "the metadata of this module is well formed")]
fn table_metadata(columns: &[TableField], time_bin: TimeBin) -> TableMetadata {
    let fields: Vec<serde_json::Value> =
        schema::initial_fields().iter().chain(columns).map(TableField::to_json).collect();
    let metadata = json!({
        "format-version": 2,
        "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": "mem://table/warehouse/earthcatalog/stac_items",
        "last-sequence-number": 1,
        "last-updated-ms": 0,
        "last-column-id": 34 + columns.len(),
        "schemas": [{"type": "struct", "schema-id": 0, "fields": fields}],
        "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": [
            {"source-id": 2, "field-id": 1000, "transform": "identity", "name": "grid_partition"},
            {"source-id": 4, "field-id": 1001, "transform": time_bin.name(), "name": time_bin.name()},
        ]}],
        "default-spec-id": 0,
        "last-partition-id": 1001,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0,
        "properties": {},
        "current-snapshot-id": -1,
        "snapshots": [],
    });
    TableMetadata::parse(metadata.to_string().as_bytes()).unwrap()
}

fn data_file(path: &str, key: &PartitionKey, written: &WrittenFile, schema: &Schema, file_size_bytes: u64) -> DataFile {
    let measured = &written.metrics;
    let metrics = schema.leaves().into_iter().map(|(path, leaf)| {
        let (lower, upper) = rounded(&path, measured.lower_bounds.get(&leaf.id), measured.upper_bounds.get(&leaf.id));
        let null_count = measured.null_value_counts.get(&leaf.id).copied();
        (leaf.id, ColumnMetrics { value_count: None, null_count, lower, upper })
    });
    DataFile {
        file_path: path.to_owned(),
        file_format: "PARQUET".to_owned(),
        partition: vec![Some(Bound::String(key.cell.clone())), key.bin.map(Bound::Int)],
        spec_id: 0,
        record_count: written.record_count,
        file_size_bytes,
        metrics: metrics.collect(),
    }
}

/// A manifest of these files, with the summaries that a writer notes.
fn manifest(files: &[DataFile]) -> ManifestFile {
    let summary = |field: usize| {
        let values: Vec<Option<&Bound>> =
            files.iter().map(|file| file.partition.get(field).and_then(Option::as_ref)).collect();
        let by_order = |left: &&Bound, right: &&Bound| left.compare(right).unwrap_or(std::cmp::Ordering::Equal);
        let known = || values.iter().copied().flatten();
        FieldSummary {
            contains_null: values.contains(&None),
            contains_nan: None,
            lower: known().min_by(by_order).map(Bound::to_bound_bytes),
            upper: known().max_by(by_order).map(Bound::to_bound_bytes),
        }
    };
    ManifestFile {
        partitions: Some(vec![summary(0), summary(1)]),
        content: ManifestContent::Data,
        ..ManifestFile::inline("mem://table/manifest.avro", 1)
    }
}

fn fine() -> WriterProperties {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(3))
        .set_data_page_row_count_limit(1)
        .set_write_batch_size(1)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(4))
        .set_column_index_truncate_length(Some(4))
        .set_bloom_filter_enabled(true)
        .build()
}

fn plain() -> WriterProperties {
    WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).set_offset_index_disabled(true).build()
}

#[expect(clippy::unwrap_used, reason = "writing to memory does not fail")]
fn parquet(rows: &RecordBatch, properties: WriterProperties) -> Bytes {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap().into()
}

#[expect(clippy::unwrap_used, reason = "only metadata changes")]
fn without_field_ids(rows: &RecordBatch) -> RecordBatch {
    let kept: Vec<usize> = rows
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| field.name() != schema::GEOMETRY_BBOX)
        .map(|(position, _)| position)
        .collect();
    let rows = rows.project(&kept).unwrap();
    let fields: Vec<Field> = rows
        .schema()
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()))
        .collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), rows.columns().to_vec()).unwrap()
}
