// What passes between the page and its worker.

import type { CatalogInfo, CellBoundary, ColumnStats, ExportFormat, Geometry, Item, Plan, Progress, SearchParameters } from "earthcatalog";

/** An error as it crosses: the members of the package's `EarthCatalogError`. */
export interface Trouble {
  kind: string;
  message: string;
  hint: string;
  url?: string | undefined;
  context: { readonly [key: string]: string };
}

/** What a grid cell holds, and where it is drawn. */
export interface Cell {
  id: string;
  rows: number;
  files: number;
  bytes: number;
  /** Rows by time bin (`2021`, `2021-06`, …); `""` for items without a time. */
  bins: [string, number][];
  /** Cut at the antimeridian, and as its outline runs; null for items that lie in no cell. */
  cut: Geometry | null;
  uncut: Geometry | null;
}

/** The whole catalog, from its manifests alone. */
export interface Overview {
  cells: Cell[];
  rows: number;
  files: number;
  bytes: number;
  /** Different items; null where the catalog does not tell. */
  items: number | null;
}

/** What list and map show of an item. */
export interface Summary {
  /** Its place among the results. */
  index: number;
  id: string;
  collection: string | undefined;
  /** Its time, or the range of it. */
  time: string;
  thumbnail: string | undefined;
  facts: [string, string][];
  /** Cut at the antimeridian, and as it is written where that differs. */
  cut: Geometry | null;
  uncut: Geometry | null;
}

/** A geometry as it is drawn in either kind of projection. */
export interface Drawable {
  cut: Geometry;
  uncut: Geometry;
}

/** A part of a file of results, and how far the search for them is. */
export interface Piece {
  bytes: Uint8Array<ArrayBuffer>;
  progress: Progress | undefined;
}

/** How a search stands. */
export type Standing = "paused" | "done" | "cancelled";

/** What the page may call. */
export interface Calls {
  /** Opens a catalog in place of the one before. */
  open(url: string): CatalogInfo;
  overview(): Overview;
  columns(): ColumnStats[];
  drawable(geometry: Geometry): Drawable;
  /** Refuses wrong parameters now. */
  check(query: SearchParameters): void;
  /** Begins a search, which sends `found` and `moved` until `room` items are there. */
  begin(search: number, query: SearchParameters, room: number): Standing;
  /** Goes on with it. */
  more(search: number, room: number): Standing;
  cancel(search: number): void;
  item(search: number, index: number): Item;
  explain(search: number): Plan;
  /** Whether anything matches. */
  any(query: SearchParameters): boolean;
  /** Files that a search would read. */
  files(query: SearchParameters): string[];
  /** Begins to take away; `pull` gives piece after piece, null at the end. */
  take(take: number, query: SearchParameters, format: ExportFormat, asset: string): void;
  pull(take: number): Piece | null;
  leave(take: number): void;
}

/** What the worker says by itself. */
export type Event =
  | { event: "found"; search: number; items: Summary[] }
  | { event: "moved"; search: number; progress: Progress };

export type Question = { [Name in keyof Calls]: { call: number; name: Name; values: Parameters<Calls[Name]> } }[keyof Calls];

export type Answer = { call: number; value: unknown } | { call: number; trouble: Trouble };

export type { CellBoundary };
