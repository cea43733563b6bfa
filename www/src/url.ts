// The state in the page's address: a link opens exactly what was seen.
//
// #catalog=…&proj=3413&view=lon,lat,zoom&area=…&from=…&to=…&ids=…&filter=…&sort=…&run=1&item=…&tiles=…&theme=dark

import { batch, effect } from "@preact/signals";
import { openCatalog, search, select } from "./actions";
import { emptyQuery, type Query } from "./search/query";
import * as state from "./state";

const FIELDS = Object.keys(emptyQuery()) as (keyof Query)[];

function written(): string {
  const words = new URLSearchParams();
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") words.set(name, value);
  };
  if (!isBeside(state.address.value)) set("catalog", state.address.value);
  const view = state.view.value;
  if (view !== undefined) {
    const [longitude, latitude] = view.center;
    set("proj", view.projection.slice("EPSG:".length));
    set("view", [longitude.toFixed(4), latitude.toFixed(4), view.zoom.toFixed(2)].join(","));
  }
  for (const field of FIELDS) set(field, state.query.value[field]);
  if (state.asked.value !== undefined) set("run", "1");
  const index = state.selected.value;
  if (index !== undefined) set("item", state.results.value[index]?.id ?? wantedItem);
  set("tiles", state.tiles.value);
  if (state.theme.value !== "system") set("theme", state.theme.value);
  // Colons, commas and slashes may stand in a fragment (RFC 3986 §3.5): a link stays legible.
  return words.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%2F/g, "/");
}

let wantedItem: string | undefined;
let last = "";

/** The catalog beside the page. */
const beside = (): string => new URL(".", location.href.split(/[?#]/)[0]).href;
/** Whether an address is that of the page's own folder. */
export const isBeside = (address: string): boolean => address === beside();

/** Takes over what the address says. */
async function take(): Promise<void> {
  const words = new URLSearchParams(location.hash.slice(1));
  last = location.hash.slice(1);
  const query = emptyQuery();
  for (const field of FIELDS) query[field] = words.get(field) ?? "";
  state.query.value = query;
  const code = `EPSG:${words.get("proj") ?? ""}`;
  const known = code in state.PROJECTIONS ? (code as state.ProjectionCode) : undefined;
  const [longitude, latitude, zoom] = (words.get("view") ?? "").split(",").map(Number);
  const isPlace = [longitude, latitude, zoom].every((number) => Number.isFinite(number));
  batch(() => {
    state.wantedView.value =
      known && isPlace ? { projection: known, center: [longitude ?? 0, latitude ?? 0], zoom: zoom ?? 1 } : undefined;
    if (known !== undefined) state.projection.value = known;
  });
  const tiles = words.get("tiles") ?? "";
  state.tiles.value = /^https?:\/\//i.test(tiles) ? tiles : "";
  const theme = words.get("theme");
  if (theme === "light" || theme === "dark") state.theme.value = theme;
  const named = words.get("catalog");
  if (!(await openCatalog(named ?? beside(), known !== undefined))) return;
  if (words.get("run") !== "1") return;
  wantedItem = words.get("item") ?? undefined;
  const running = search();
  if (wantedItem !== undefined) void selectWhenFound(wantedItem);
  await running;
}

/** Selects an item as soon as it is among the results. */
function selectWhenFound(id: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      const found = state.results.value.find((summary) => summary.id === id);
      const isOver = !["none", "running"].includes(state.phase.value);
      if (found === undefined && !isOver) return;
      // An effect must not end itself while it begins.
      queueMicrotask(() => {
        stop();
        if (found !== undefined) void select(found.index);
        resolve();
      });
    });
  });
}

/** Keeps state and address the same. */
export function followUrl(): void {
  void take();
  addEventListener("hashchange", () => {
    if (location.hash.slice(1) !== last) void take();
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const text = written();
    clearTimeout(timer);
    // Browsers allow some hundred changes of the address in half a minute.
    timer = setTimeout(() => {
      if (text === last) return;
      last = text;
      history.replaceState(null, "", `#${text}`);
    }, 300);
  });
}
