// What a person does, as changes of the state and calls of the worker.

import { batch, effect } from "@preact/signals";
import type { Geometry } from "earthcatalog";
import * as state from "./state";
import { type Area, parseArea } from "./search/area";
import { conditionsOf, parametersOf, type Query, without } from "./search/query";
import { ask, listen, troubleOf } from "./worker/client";
import type { Overview } from "./worker/protocol";

/** Items that a search finds before it waits to be asked for more. */
export const ROOM = 2000;

let searches = 0;
let opens = 0;
let room = ROOM;

listen((event) => {
  if (event.search !== searches) return;
  if (event.event === "found") state.results.value = [...state.results.value, ...event.items];
  else state.progress.value = event.progress;
});

/** Opens a catalog. True if it is there. The map turns to where its items are, unless it is to stay. */
export async function openCatalog(address: string, stay = false): Promise<boolean> {
  const turn = ++opens;
  batch(() => {
    state.address.value = address;
    state.opening.value = true;
    for (const part of [state.info, state.overview, state.columns, state.trouble]) part.value = undefined;
    clearResults();
  });
  try {
    const info = await ask("open", address);
    if (turn !== opens) return false;
    state.info.value = info;
    const overview = await ask("overview");
    if (turn !== opens) return false;
    batch(() => {
      state.overview.value = overview;
      if (!stay) state.projection.value = favourite(overview);
      state.spoken.value = `The catalog is open: ${overview.rows} entries in ${overview.cells.length} cells.`;
    });
    return true;
  } catch (error) {
    if (turn === opens) state.trouble.value = troubleOf(error);
    return false;
  } finally {
    if (turn === opens) state.opening.value = false;
  }
}

/** The share of entries beyond 50 degrees that makes a catalog one of the poles. */
const MOSTLY = 0.6;

/** The projection that shows most of a catalog well. */
function favourite({ cells, rows }: Overview): state.ProjectionCode {
  const beyond = { north: 0, south: 0 };
  for (const { uncut, rows } of cells) {
    const ring = uncut?.type === "Polygon" ? uncut.coordinates[0] : uncut?.type === "MultiPolygon" ? uncut.coordinates[0]?.[0] : [];
    const mean = (ring ?? []).reduce((sum, [, y]) => sum + (y ?? 0), 0) / Math.max(1, ring?.length ?? 0);
    if (mean > 50) beyond.north += rows;
    else if (mean < -50) beyond.south += rows;
  }
  if (beyond.north + beyond.south <= MOSTLY * rows) return "EPSG:3857";
  return beyond.north >= beyond.south ? "EPSG:3413" : "EPSG:3031";
}

/** Forgets the catalog, to open another. */
export function closeCatalog(): void {
  opens += 1;
  batch(() => {
    for (const part of [state.info, state.overview, state.columns, state.trouble]) part.value = undefined;
    state.opening.value = false;
    state.address.value = "";
    clearResults();
  });
}

/** Reads what is known of the columns, once. */
export async function readColumns(): Promise<void> {
  if (state.columns.value !== undefined) return;
  const turn = opens;
  const columns = await ask("columns").catch(() => undefined);
  if (turn === opens) state.columns.value = columns;
}

function clearResults(): void {
  searches += 1;
  batch(() => {
    state.phase.value = "none";
    state.results.value = [];
    for (const part of [
      state.asked,
      state.progress,
      state.plan,
      state.searchTrouble,
      state.liftable,
      state.hovered,
      state.selected,
      state.item,
    ]) {
      part.value = undefined;
    }
  });
}

/** Searches for what the form asks for. */
export async function search(query: Query = state.query.value): Promise<void> {
  let parameters: ReturnType<typeof parametersOf>;
  clearResults();
  const number = searches;
  try {
    parameters = parametersOf(query);
    await ask("check", parameters);
  } catch (error) {
    if (number !== searches) return;
    const trouble = troubleOf(error);
    // What the form holds is not a defect of the page.
    state.searchTrouble.value = { ...trouble, kind: "invalid", hint: trouble.kind === "internal" ? "" : trouble.hint };
    state.phase.value = "failed";
    state.panel.value = "search";
    return;
  }
  room = ROOM;
  batch(() => {
    state.asked.value = { ...query };
    state.phase.value = "running";
    state.panel.value = "results";
    state.spoken.value = "Searching";
  });
  await follow(number, ask("begin", number, parameters, room));
}

/** Goes on with a search that waits: for as many again, or for all. */
export async function more(all = false): Promise<void> {
  room = all ? Number.MAX_SAFE_INTEGER : room + ROOM;
  state.phase.value = "running";
  await follow(searches, ask("more", searches, room));
}

/** Ends the search; what it found stays. */
export function cancel(): void {
  void ask("cancel", searches);
}

async function follow(number: number, going: Promise<"paused" | "done" | "cancelled">): Promise<void> {
  try {
    const standing = await going;
    if (number !== searches) return;
    state.phase.value = standing;
    state.plan.value = await ask("explain", number);
    const found = state.results.value.length;
    state.spoken.value = `${found} ${found === 1 ? "item" : "items"} found${standing === "done" ? "" : " so far"}.`;
    if (standing === "done" && found === 0) await findLiftable(number);
  } catch (error) {
    if (number !== searches) return;
    batch(() => {
      state.phase.value = "failed";
      state.searchTrouble.value = troubleOf(error);
    });
  }
}

/** Which conditions keep everything away: those without which there would be something. */
async function findLiftable(number: number): Promise<void> {
  const query = state.asked.value;
  if (query === undefined) return;
  const conditions = conditionsOf(query);
  const found = await Promise.all(
    conditions.map((condition) => ask("any", parametersOf(without(query, condition))).catch(() => false)),
  );
  if (number === searches) state.liftable.value = conditions.filter((_, at) => found[at]);
}

/** Takes a condition away and searches again. */
export function lift(condition: Parameters<typeof without>[1]): void {
  state.query.value = without(state.asked.value ?? state.query.value, condition);
  void search();
}

/** Shows an item, or none. */
export async function select(index: number | undefined): Promise<void> {
  const number = searches;
  batch(() => {
    state.selected.value = index;
    if (index === undefined) state.item.value = undefined;
    else state.panel.value = "results";
  });
  if (index === undefined) return;
  try {
    const item = await ask("item", number, index);
    if (number === searches && state.selected.value === index) state.item.value = item;
  } catch (error) {
    if (number === searches) state.searchTrouble.value = troubleOf(error);
  }
}

/** Changes parts of the form. */
export function edit(change: Partial<Query>): void {
  state.query.value = { ...state.query.value, ...change };
}

// The drawn area follows the text of the form, whoever wrote it.
let areas = 0;
effect(() => {
  const text = state.query.value.area;
  const turn = ++areas;
  let area: Area | undefined;
  try {
    area = parseArea(text);
  } catch {
    // Half a word is no area yet: Search says what is wrong with it.
  }
  if (area === undefined || state.info.value === undefined) {
    state.drawnArea.value = undefined;
    return;
  }
  const { geometry, bbox } = area;
  ask("drawable", geometry).then(
    (drawable) => turn === areas && (state.drawnArea.value = bbox ? { ...drawable, uncut: withoutSeam(bbox) ?? drawable.uncut } : drawable),
    () => turn === areas && (state.drawnArea.value = undefined),
  );
});

/** A box round the world, as its parallels: on a polar map it has no sides. Undefined for other boxes. */
function withoutSeam([west, south, east, north]: readonly number[]): Geometry | undefined {
  if (west === undefined || south === undefined || east === undefined || north === undefined || east - west < 360) return undefined;
  const parallel = (y: number): [number, number][] => Array.from({ length: 121 }, (_, at) => [-180 + 3 * at, y]);
  const coordinates = [south, north].filter((y) => Math.abs(y) < 90).map(parallel);
  return { type: "MultiLineString", coordinates };
}
