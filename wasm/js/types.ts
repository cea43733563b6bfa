// What crosses the package's border, in the words of STAC, GeoJSON and Iceberg.

/** A position: longitude, latitude and perhaps a height. */
export type Position = [number, number] | [number, number, number] | number[];

/** A GeoJSON geometry (RFC 7946 §3.1). */
export type Geometry =
  | { type: "Point"; coordinates: Position; bbox?: number[] }
  | { type: "MultiPoint" | "LineString"; coordinates: Position[]; bbox?: number[] }
  | { type: "MultiLineString" | "Polygon"; coordinates: Position[][]; bbox?: number[] }
  | { type: "MultiPolygon"; coordinates: Position[][][]; bbox?: number[] }
  | { type: "GeometryCollection"; geometries: Geometry[]; bbox?: number[] };

/** A STAC link. */
export interface Link {
  href: string;
  rel: string;
  type?: string;
  title?: string;
  [member: string]: unknown;
}

/** A STAC asset. */
export interface Asset {
  href: string;
  title?: string;
  description?: string;
  type?: string;
  roles?: string[];
  [member: string]: unknown;
}

/** A STAC item, as it was when it was added to the catalog. */
export interface Item {
  type: "Feature";
  stac_version: string;
  stac_extensions?: string[];
  id: string;
  geometry: Geometry | null;
  bbox?: number[];
  properties: { datetime: string | null; [property: string]: unknown };
  links: Link[];
  assets: { [key: string]: Asset };
  collection?: string;
  [member: string]: unknown;
}

/** A STAC ItemCollection. */
export interface ItemCollection {
  type: "FeatureCollection";
  features: Item[];
  numberReturned: number;
}

/** What is looked for, in the words of the STAC API. An absent part does not restrict. */
export interface SearchParameters {
  /** West, south, east, north in degrees, with heights or without; west > east crosses the antimeridian. */
  bbox?: readonly number[] | null;
  /** The item's footprint shares a point with this geometry. Not beside `bbox`. */
  intersects?: Geometry | null;
  /** An instant, a period (`2021-06`), or an interval (`2020-01-01/..`), ends included. */
  datetime?: string | null;
  /** What `datetime` is held against: the item's whole time range (`overlap`, the default) or its `datetime` alone. */
  temporal?: "overlap" | "datetime" | null;
  /** Item ids. */
  ids?: readonly string[] | null;
  /** Collection ids. */
  collections?: readonly string[] | null;
  /** A CQL2 filter, as JSON or as text: `"eo:cloud_cover < 10 AND platform LIKE 'sentinel-2%'"`. */
  filter?: object | string | null;
  /** What `filter` is said to be; it need not be said. */
  filterLang?: "cql2-json" | "cql2-text" | null;
  /** The older Query Extension: `{ "eo:cloud_cover": { lt: 10 } }`. */
  query?: { [property: string]: { [condition: string]: unknown } } | null;
  /** `["-properties.datetime", "id"]`, or objects with `field` and `direction`. */
  sortby?: readonly (string | { field: string; direction?: "asc" | "desc" })[] | string | null;
  /** Which members of items to return. */
  fields?: readonly string[] | { include?: readonly string[]; exclude?: readonly string[] } | null;
  /** Items of one page; 100 unless said. */
  limit?: number | null;
  /** Most items of the whole answer. */
  maxItems?: number | null;
}

/** How a search went so far. */
export interface Progress {
  /** Data files that are to be read; 0 while planning. */
  filesTotal: number;
  /** Data files begun. */
  filesRead: number;
  /** Items found. */
  items: number;
  /** Requests sent. */
  requests: number;
  /** Bytes received. */
  bytes: number;
}

/** A search, and how to follow and end it. */
export interface SearchOptions extends SearchParameters {
  /** Ends the search and its requests. */
  signal?: AbortSignal | null;
  /** Called after each step that brought something. */
  onProgress?: ((progress: Progress) => void) | null;
}

/** What items can be written as: lines of JSON, one JSON document, CSV, addresses of one asset, columns. */
export type ExportFormat = "ndjson" | "geojson" | "json" | "csv" | "url" | "arrow" | "geoparquet";

/** How items are written. */
export interface ExportOptions {
  /** The asset whose address `url` (`data` unless named) and `csv` write. */
  asset?: string | null;
}

/** How a catalog is read. */
export interface OpenOptions {
  /** Ends the opening. */
  signal?: AbortSignal | null;
  /** Headers of every request. Other than the simplest, they cost a CORS preflight. */
  headers?: HeadersInit;
  /** Used in place of the global `fetch`. */
  fetch?: typeof fetch;
  /** The address to read a stored object at: for signed URLs, and for stores that have no address of their own. */
  resolve?: (location: string) => string | Promise<string>;
  /** Bytes of immutable objects to keep in memory: 64 MiB unless said; `false` for none. */
  cache?: number | false;
  /** Most requests at once; 64 unless said. */
  concurrency?: number;
  /** How long a server may keep silent, in milliseconds; 30,000 unless said. Where some answers come, others may wait. */
  timeoutMs?: number;
}

/** How a call that reads may be ended. */
export interface CallOptions {
  signal?: AbortSignal | null;
}

/** How the globe is divided. */
export interface Grid {
  type: string;
  [member: string]: unknown;
}

/** A snapshot of the table. */
export interface Snapshot {
  /** A 64-bit number, as text. */
  snapshotId: string;
  sequenceNumber: number;
  /** Milliseconds since 1970. */
  timestampMs: number;
  operation: string | null;
  /** Rows: an item counts once for each cell it lies in. */
  totalRecords: number | null;
  totalDataFiles: number | null;
  totalFilesSize: number | null;
}

/** What a catalog says of itself. */
export interface CatalogInfo {
  base: string;
  table: string;
  metadataLocation: string;
  tableLocation: string;
  tableUuid: string;
  formatVersion: number;
  lastUpdatedMs: number;
  writer: "ours" | "foreign";
  grid: Grid;
  /** How long the time bins of the partitions are. */
  timeBin: "year" | "month" | "day" | null;
  partitionFields: { name: string; source: string; transform: string }[];
  columns: { id: number; name: string; type: string }[];
  snapshot: Snapshot | null;
  snapshots: number;
  hashIndex: string | null;
  properties: { [key: string]: string };
  warnings: string[];
}

/** What a grid cell holds. */
export interface CellStats {
  gridPartition: string;
  rowCount: number;
  fileCount: number;
  totalBytes: number;
}

/** What a partition, a cell and a time bin, holds. */
export interface PartitionStats extends CellStats {
  /** The year, month or day; null for items without a time. */
  year: string | null;
}

/** What manifests tell of a column that can be filtered by. */
export interface ColumnStats {
  /** `id`, `collection`, or the name of a property. */
  name: string;
  /** Its Iceberg type, such as `string`, `long`, `double`, `boolean`, `timestamptz`. */
  type: string;
  /**
   * Nothing in the files that have bounds is lower. Times are RFC 3339 text. Other text may be cut short, times and
   * fractions are rounded.
   */
  lower: number | string | boolean | null;
  /** Nothing in them is higher; it may be rounded likewise. */
  upper: number | string | boolean | null;
  /** Rows known to have no value. */
  nullCount: number;
  /** Data files of which the range is not known. */
  filesWithoutBounds: number;
}

/** The outline of a grid cell. */
export interface CellBoundary {
  type: "Feature";
  /** The cell. */
  id: string;
  properties: null;
  /** Null for what is no cell of the grid, and for the items that lie in none. */
  geometry: Geometry | null;
}

/** The outlines of grid cells. */
export interface CellBoundaries {
  type: "FeatureCollection";
  features: CellBoundary[];
}

/** How outlines are given. */
export interface BoundaryOptions {
  /**
   * Whether they are cut at ±180 and closed over a pole, as GeoJSON wants it: true unless said. Uncut, longitudes jump
   * where an outline crosses ±180, which draws right in a polar projection, without a seam. Regions are always cut.
   */
  cut?: boolean;
}

/** A read that was sent. */
export interface SentRead {
  url: string;
  start: number;
  /** Null to the end of the object. */
  end: number | null;
  /** Which round trip it was part of, from 1. */
  roundTrip: number;
}

/** What a search left out, read and cost. */
export interface Plan {
  manifests: { total: number; read: number };
  /** Grid cells of the files left after the grid, and how many of them touch the area: the others are looked at because
   * the program that wrote the catalog may have put there alone an item that does. */
  cells: { touched: number; lookedAt: number };
  /** Counts of data files after each cause for leaving out in turn, and those that were opened. */
  files: { total: number; afterGrid: number; afterTime: number; afterBounds: number; opened: number };
  rowGroups: { total: number; read: number };
  /** Rows of the files that are left: no search yields more items. */
  rowsUpperBound: number;
  /** Their size. */
  fileBytes: number;
  rowsMatched: number;
  items: number;
  /** Footprints that could not be read; their rows match no area. */
  unreadableGeometries: number;
  requests: number;
  bytes: number;
  /** Requests in the longest chain of which each had to wait for the one before. */
  roundTrips: number;
  /** Reads that were answered from memory. */
  cached: number;
  ms: number;
  /** What was sent, in order; the first ten thousand reads. */
  log: SentRead[];
  /** What is odd about the catalog or the answer, such as a filtered property that no item has. */
  warnings: string[];
}
