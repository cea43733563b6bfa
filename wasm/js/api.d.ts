// What the package promises, by hand; conformance.ts holds the program to it.

import type {
  BoundaryOptions,
  CallOptions,
  CatalogInfo,
  CellBoundaries,
  CellStats,
  ExportFormat,
  ExportOptions,
  ColumnStats,
  Geometry,
  Item,
  ItemCollection,
  OpenOptions,
  PartitionStats,
  Plan,
  SearchOptions,
  SearchParameters,
} from "./types.js";

export type * from "./types.js";

/** Where the WebAssembly module may come from. */
export type ModuleSource = WebAssembly.Module | BufferSource | URL | string | Response;

/**
 * Loads the WebAssembly module, from `source` if there is one. Done by the first `open`; calling it earlier saves time
 * then, and a source is for bundlers that leave the module elsewhere. A second call does nothing.
 */
export function init(source?: ModuleSource | Promise<ModuleSource>): Promise<void>;

/**
 * Opens a catalog: `url` is that of its folder, of its `earthcatalog.db`, or of a table's metadata. Reads the database
 * and the table's metadata, two small objects.
 */
export function open(url: string | URL, options?: OpenOptions): Promise<Catalog>;

/** A catalog that was opened. Its state stays as it was, unless a search finds that it was replaced. */
export class Catalog {
  private constructor();
  /** What the catalog says of itself. */
  info(): CatalogInfo;
  /** Rows, files and bytes of every partition, from the manifests alone. */
  stats(options?: CallOptions): Promise<PartitionStats[]>;
  /** What the manifests tell of every column that can be filtered by: types, ranges, missing values. */
  columnStats(options?: CallOptions): Promise<ColumnStats[]>;
  /** The `most` cells with the most rows, the fullest first. */
  topCells(most: number, options?: CallOptions): Promise<CellStats[]>;
  /** How many different items there are, by the hash index; null if there is none. */
  uniqueItemCount(options?: CallOptions): Promise<number | null>;
  /** The grid cells that a geometry touches. */
  cellsForGeometry(geometry: Geometry): string[];
  /** The same as an SQL condition: `grid_partition IN (…)`. */
  cellListSql(geometry: Geometry): string;
  /** The outlines of grid cells, to be drawn. The sides of H3 cells are arcs, given as points 2 degrees apart or less. */
  cellBoundaries(cells: readonly string[], options?: BoundaryOptions): CellBoundaries;
  /** A geometry as parts of which none crosses the antimeridian or winds round a pole: what maps draw right. */
  cutAtAntimeridian(geometry: Geometry): Geometry;
  /** The addresses of the data files that might hold an answer. */
  searchFiles(parameters?: SearchParameters, options?: CallOptions): Promise<string[]>;
  /** A search. What it is asked is checked now, and read when its results are asked for. */
  search(options?: SearchOptions): Search;
  /** Lets the catalog go. Searches under way go on to their end. */
  close(): void;
  /** The same as `close`. */
  [Symbol.dispose](): void;
}

/** A search. Nothing is read before its results are asked for, and each way of asking reads anew. */
export class Search implements AsyncIterable<Item> {
  private constructor();
  /** The items, each once, as they are found. Leaving the loop ends the search. */
  [Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined>;
  /** The items in collections of `limit`, the last of which may hold fewer; none without items. */
  pages(): AsyncGenerator<ItemCollection, void, undefined>;
  /** All items in one collection. */
  itemCollection(): Promise<ItemCollection>;
  /** How many items match, whatever `maxItems` says. Reads ids and what decides, no whole items. */
  matched(): Promise<number>;
  /** The addresses of one asset (`data` unless named), of each item that has it. */
  uris(asset?: string): Promise<string[]>;
  /**
   * The items as the bytes of a file, a piece at a time, the same as those of `earthcatalog search --format`. Leaving the
   * loop ends the search. `geoparquet` holds the items, compressed, until the last is known. `explain().warnings` then
   * tells what of the items is not in the bytes.
   */
  export(format: ExportFormat, options?: ExportOptions): AsyncGenerator<Uint8Array, void, undefined>;
  /** The matching rows, one for each item, as the bytes of an Arrow IPC stream with the catalog's columns. */
  toArrow(): Promise<Uint8Array>;
  /** What the last reading left out, read and cost, also while it goes on; without one, what a reading would read. */
  explain(): Promise<Plan>;
}

/** What can be done about an error. */
export type ErrorKind =
  | "invalid"
  | "not_found"
  | "denied"
  | "unavailable"
  | "changed"
  | "corrupt"
  | "unsupported"
  | "conflict"
  | "locked"
  | "internal";

/** An error that says what kind it is, what to do about it, and which object it is about. */
export class EarthCatalogError extends Error {
  private constructor();
  /** What kind of error it is: `not_found`, `denied`, `unavailable`, `changed`, `corrupt`, … */
  readonly kind: ErrorKind;
  /** What to do about it. */
  readonly hint: string;
  /** The object it is about. */
  readonly url: string | undefined;
  /** More about it: status, column, requests, … */
  readonly context: { readonly [key: string]: string };
}
