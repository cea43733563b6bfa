// The query of the form, and the search parameters it makes.

import type { SearchParameters } from "earthcatalog";
import { parseArea } from "./area";

/** What the form holds: texts as they were typed. */
export interface Query {
  /** `west,south,east,north`, WKT or GeoJSON. */
  area: string;
  from: string;
  to: string;
  /** Item ids, apart by white space or commas. */
  ids: string;
  /** CQL2 text. */
  filter: string;
  /** A property with `+` or `-` before it; empty for the catalog's own order. */
  sort: string;
}

/** The parts of a query that keep items away. */
export type Condition = "area" | "time" | "ids" | "filter";

export const emptyQuery = (): Query => ({ area: "", from: "", to: "", ids: "", filter: "", sort: "" });

/** The conditions that a query has. */
export function conditionsOf(query: Query): Condition[] {
  const has: [Condition, string][] = [
    ["area", query.area],
    ["time", query.from + query.to],
    ["ids", query.ids],
    ["filter", query.filter],
  ];
  return has.filter(([, text]) => text.trim() !== "").map(([condition]) => condition);
}

/** The query without a condition. */
export function without(query: Query, condition: Condition): Query {
  if (condition === "time") return { ...query, from: "", to: "" };
  return { ...query, [condition]: "" };
}

/** The query as search parameters; throws an error that says what is wrong. */
export function parametersOf(query: Query): SearchParameters {
  const parameters: SearchParameters = {};
  const area = parseArea(query.area);
  if (area?.bbox !== undefined) parameters.bbox = area.bbox;
  else if (area !== undefined) parameters.intersects = area.geometry;
  const datetime = datetimeOf(query);
  if (datetime !== undefined) parameters.datetime = datetime;
  const ids = query.ids.split(/[\s,]+/).filter((id) => id !== "");
  if (ids.length > 0) parameters.ids = ids;
  const filter = query.filter.trim();
  if (filter !== "") Object.assign(parameters, filterParameter(filter));
  if (query.sort !== "") parameters.sortby = [query.sort];
  return parameters;
}

/** A filter is sent as it was written, CQL2 text; a brace begins the JSON form of it. */
function filterParameter(filter: string): SearchParameters {
  return { filter: filter.startsWith("{") ? (JSON.parse(filter) as object) : filter };
}

/** `from/to` of STAC, either of them open. */
export function datetimeOf({ from, to }: Pick<Query, "from" | "to">): string | undefined {
  const [start, end] = [from.trim(), to.trim()];
  if (start === "" && end === "") return undefined;
  return start === end ? start : `${start || ".."}/${end || ".."}`;
}

/** Which part of the form a message is about. */
export function fieldOf(message: string): Condition | undefined {
  if (/datetime/.test(message)) return "time";
  if (/filter|CQL2/i.test(message)) return "filter";
  if (/bbox|intersects|geometry|latitude|longitude|ring/.test(message)) return "area";
  return undefined;
}
