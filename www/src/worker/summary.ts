// What of an item is shown in list and map. Items are what others wrote: nothing here trusts their types.

import type { Catalog, Geometry, Item } from "earthcatalog";
import type { Drawable, Summary } from "./protocol";

/** Properties that the list does not repeat: they are shown otherwise. */
const SHOWN_ELSEWHERE = new Set(["datetime", "start_datetime", "end_datetime", "created", "updated", "title", "description"]);
/** Facts in a line of the list. */
const MOST_FACTS = 3;
/** The first choice of what a line tells. */
const PREFERRED = [
  "platform",
  "eo:cloud_cover",
  "percent_valid_pixels",
  "date_dt",
  "constellation",
  "sat:orbit_state",
  "grid:code",
  "proj:code",
  "version",
];

export function summaryOf(catalog: Catalog, item: Item, index: number): Summary {
  const { cut, uncut } = item.geometry ? tryDrawable(catalog, item.geometry) : { cut: null, uncut: null };
  return {
    index,
    id: String(item.id),
    collection: typeof item.collection === "string" ? item.collection : undefined,
    time: timeOf(item),
    thumbnail: thumbnailOf(item),
    facts: factsOf(item),
    cut,
    uncut,
  };
}

/** A geometry for maps with a seam at ±180 and for those without. */
export function drawable(catalog: Catalog, geometry: Geometry): Drawable {
  if (!crosses(geometry)) return { cut: geometry, uncut: geometry };
  return { cut: catalog.cutAtAntimeridian(geometry), uncut: geometry };
}

function tryDrawable(catalog: Catalog, geometry: Geometry): Drawable | { cut: null; uncut: null } {
  try {
    return drawable(catalog, geometry);
  } catch {
    // A footprint that is none: the item is listed all the same, and its raw JSON shows what it says.
    return { cut: null, uncut: null };
  }
}

/** Whether a longitude jumps, or is beyond ±180. */
function crosses(geometry: Geometry): boolean {
  const anyOf = (value: unknown, before?: number[]): boolean => {
    if (!Array.isArray(value)) return false;
    if (typeof value[0] === "number") {
      return Math.abs(value[0]) > 180 || (before !== undefined && Math.abs(value[0] - (before[0] ?? 0)) > 180);
    }
    return value.some((part, at) => anyOf(part, at > 0 && typeof value[at - 1]?.[0] === "number" ? value[at - 1] : undefined));
  };
  if (geometry.type === "GeometryCollection") return geometry.geometries.some(crosses);
  return anyOf(geometry.coordinates);
}

function timeOf({ properties }: Item): string {
  const { datetime, start_datetime: start, end_datetime: end } = properties ?? {};
  if (typeof datetime === "string") return datetime;
  return typeof start === "string" && typeof end === "string" ? `${start}/${end}` : "";
}

function thumbnailOf({ assets }: Item): string | undefined {
  const known = Object.entries(assets ?? {}).filter(([, asset]) => typeof asset?.href === "string");
  const byRole = known.find(([, asset]) => Array.isArray(asset.roles) && asset.roles.includes("thumbnail"));
  const found = byRole ?? known.find(([key]) => key === "thumbnail");
  const href = found?.[1].href;
  return href !== undefined && /^https?:\/\//i.test(href) ? href : undefined;
}

function factsOf({ properties }: Item): [string, string][] {
  const all = Object.entries(properties ?? {}).filter(([name]) => !SHOWN_ELSEWHERE.has(name));
  const scalar = all.filter(([, value]) => ["string", "number", "boolean"].includes(typeof value) && String(value).length <= 28);
  const preferred = PREFERRED.flatMap((name) => scalar.filter(([other]) => other === name));
  const rest = scalar.filter(([name]) => !PREFERRED.includes(name));
  return [...preferred, ...rest].slice(0, MOST_FACTS).map(([name, value]) => [name, String(value)]);
}
