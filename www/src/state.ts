// What the page knows, as signals; what changes it is in actions.ts, and what of it is in the URL in url.ts.

import { computed, signal } from "@preact/signals";
import type { CatalogInfo, ColumnStats, Item, Plan, Progress } from "earthcatalog";
import { axisOf } from "./search/periods";
import { type Condition, emptyQuery, type Query } from "./search/query";
import type { Drawable, Overview, Summary, Trouble } from "./worker/protocol";

/** The projections that a map is drawn in. */
export const PROJECTIONS = {
  "EPSG:3413": "Arctic",
  "EPSG:3031": "Antarctic",
  "EPSG:3857": "Mercator",
  "EPSG:4326": "Lat/lon",
} as const;
export type ProjectionCode = keyof typeof PROJECTIONS;

/** Where the map looks: degrees, and OpenLayers' zoom. */
export interface View {
  projection: ProjectionCode;
  center: [number, number];
  zoom: number;
}

/** The catalog's address, as it was given; empty before one is known. */
export const address = signal("");
export const info = signal<CatalogInfo | undefined>(undefined);
export const overview = signal<Overview | undefined>(undefined);
/** Undefined until asked for, and where it failed. */
export const columns = signal<ColumnStats[] | undefined>(undefined);
/** What keeps the catalog from being opened. */
export const trouble = signal<Trouble | undefined>(undefined);
export const opening = signal(false);

/** What is asked for, as the form has it. */
export const query = signal<Query>(emptyQuery());
/** The area of the query, ready to be drawn. */
export const drawnArea = signal<Drawable | undefined>(undefined);

/** How the search stands. */
export type Phase = "none" | "running" | "paused" | "done" | "cancelled" | "failed";
export const phase = signal<Phase>("none");
/** The query that the results answer. */
export const asked = signal<Query | undefined>(undefined);
export const results = signal<Summary[]>([]);
export const progress = signal<Progress | undefined>(undefined);
export const plan = signal<Plan | undefined>(undefined);
export const searchTrouble = signal<Trouble | undefined>(undefined);
/** Which conditions, each by itself, keep everything away; undefined while that is not known. */
export const liftable = signal<Condition[] | undefined>(undefined);

export const hovered = signal<number | undefined>(undefined);
export const selected = signal<number | undefined>(undefined);
/** The selected item in full. */
export const item = signal<Item | undefined>(undefined);

export const view = signal<View | undefined>(undefined);
/** Where the map is to look: from a link, or because of the catalog. */
export const wantedView = signal<View | undefined>(undefined);
/** The projection, also before a view is known. */
export const projection = signal<ProjectionCode>("EPSG:3857");
/** The address of a tile layer below everything, `https://…/{z}/{x}/{y}.png`; empty for none. */
export const tiles = signal("");

export type Panel = "search" | "results";
export const panel = signal<Panel>("search");
export const planShown = signal(false);
/** What the pointer draws on the map. */
export type Tool = "box" | "polygon" | "point";
export const tool = signal<Tool | undefined>(undefined);

export type Theme = "system" | "light" | "dark";
export const theme = signal<Theme>("system");

/** What a screen reader is told. */
export const spoken = signal("");

/** The time axis, with the rows of all cells. */
export const axis = computed(() => {
  const bins = (overview.value?.cells ?? []).flatMap((cell) => cell.bins);
  return axisOf(bins, info.value?.timeBin === "year" ? "year" : "month");
});
