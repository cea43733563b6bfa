//! Every bound on what is read from bytes that others wrote, with its reason.

/// Largest object read whole. The largest seen are manifests of 4 MB and item collections of tens of MB.
pub const OBJECT_BYTES: u64 = 256 << 20;
/// First read of `earthcatalog.db`: one request for every database the Python program writes (20,480 bytes).
pub const DATABASE_PREFIX_BYTES: u64 = 64 << 10;
/// Largest database image. A catalog of one table has 5 pages.
pub const DATABASE_BYTES: u64 = 64 << 20;
/// Largest table metadata JSON after gunzip.
pub const METADATA_BYTES: usize = 64 << 20;
/// Largest Avro block after decompression; a hostile 2 MB manifest was seen to inflate to 4.2 GB elsewhere.
pub const AVRO_BLOCK_BYTES: usize = 64 << 20;
/// Most entries of one manifest or manifest list.
pub const MANIFEST_ENTRIES: usize = 1_000_000;
/// Deepest nesting of a schema or JSON value.
pub const DEPTH: usize = 128;
/// Largest Parquet footer.
pub const FOOTER_BYTES: u64 = 64 << 20;
/// Largest single item as JSON.
pub const ITEM_BYTES: usize = 16 << 20;
/// Most coordinates of one geometry.
pub const GEOMETRY_POINTS: usize = 1_000_000;
/// Most cells listed for one geometry. Beyond it a query looks at every cell, an item goes to `__none__`.
pub const CELLS: usize = 100_000;

/// Positions of an item's geometry times the cells that it is stored in: half a gigabyte. An item beyond is stored once, in
/// [`crate::grid::NONE_CELL`].
pub const CELL_POSITIONS: usize = 1 << 25;
/// Most bytes all blocks of one Avro file hold after decompression: a million entries of a kilobyte.
pub const AVRO_FILE_BYTES: usize = 1 << 30;
/// Most rows read of one table of a database; a catalog has one.
pub const DATABASE_ROWS: usize = 100_000;
/// Largest row of a database. `iceberg_tables` holds two locations of a thousand characters.
pub const DATABASE_ROW_BYTES: usize = 1 << 20;
/// Longest name of a property in a filter or sort key.
pub const PROPERTY_NAME_BYTES: usize = 1024;
/// Largest filter as text.
pub const FILTER_BYTES: usize = 4 << 20;
/// Most values, properties and operators of a filter; a list of ids may be long.
pub const FILTER_NODES: usize = 100_000;
/// Deepest nesting of a filter: it is read, planned and judged by descent.
pub const FILTER_DEPTH: usize = 100;
/// Most different properties that a filter names.
pub const FILTER_PROPERTIES: usize = 256;
