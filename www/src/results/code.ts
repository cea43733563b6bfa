// A search as a line for the shell and as programs.

import type { SearchParameters } from "earthcatalog";

/** Quoted for a POSIX shell. */
const shell = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Quoted for SQL. */
const sql = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const filterText = ({ filter }: SearchParameters): string | undefined =>
  filter === undefined || filter === null ? undefined : typeof filter === "string" ? filter : JSON.stringify(filter);

export function cliOf(base: string, query: SearchParameters): string {
  const words = ["earthcatalog search", shell(base)];
  if (query.bbox) words.push(`--bbox=${query.bbox.join(",")}`);
  if (query.intersects) words.push(`--intersects ${shell(JSON.stringify(query.intersects))}`);
  if (query.datetime) words.push(`--datetime ${shell(query.datetime)}`);
  if (query.ids) words.push(`--ids ${shell(query.ids.join(","))}`);
  const filter = filterText(query);
  if (filter !== undefined) words.push(`--filter ${shell(filter)}`);
  if (query.sortby) words.push(`--sortby=${shell((query.sortby as string[]).join(","))}`);
  return words.join(" \\\n  ");
}

export function javascriptOf(base: string, query: SearchParameters): string {
  return `import { open } from "earthcatalog";

const catalog = await open(${JSON.stringify(base)});
const search = catalog.search(${JSON.stringify(query, null, 2)});
for await (const item of search) {
  console.log(item.id);
}
`;
}

/** A value as Python writes it. */
function python(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${python(part)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

/** With the Python program, which reads a catalog where it was written: on S3 or on a local disk. */
export function pythonOf(tableLocation: string, query: SearchParameters): string {
  const base = tableLocation.replace(/\/warehouse\/[^/]+\/[^/]+\/?$/, "");
  const bucket = /^s3a?:\/\/([^/]+)/.exec(base)?.[1];
  if (bucket === undefined && base.includes("://")) {
    return `# The Python program reads catalogs on S3 and on local disks; this one was written to\n# ${base}\n`;
  }
  const [kind, store] =
    bucket === undefined
      ? ["LocalStore", "LocalStore()"]
      : ["S3Store", `S3Store(${JSON.stringify(bucket)}, region="us-west-2", skip_signature=True)`];
  const filter = filterText(query);
  const names: [string, string | null | undefined][] = [
    ["bbox", query.bbox && python(query.bbox)],
    ["intersects", query.intersects && python(query.intersects)],
    ["datetime", query.datetime && python(query.datetime)],
    ["ids", query.ids && python(query.ids)],
    ["filter", filter && `cql2.parse_text(${JSON.stringify(filter)}).to_json()`],
    ["sortby", query.sortby && python(query.sortby)],
  ];
  const lines = names.map(([name, value]) => (value ? `    ${name}=${value},\n` : "")).join("");
  return `${filter ? "import cql2\n" : ""}import earthcatalog
from obstore.store import ${kind}

catalog = earthcatalog.open(store=${store}, base=${JSON.stringify(base)})
search = catalog.search(
${lines})
for item in search.items_as_dicts():
    print(item["id"])
`;
}

/** DuckDB on the files that are left after pruning. `lasts`: items have a start and an end. */
export function duckdbOf(files: string[], query: SearchParameters, lasts: boolean): string {
  if (files.length === 0) return "# No file of the catalog can hold an answer.\n";
  const listed = files.map((file) => `    ${JSON.stringify(file)},\n`).join("");
  const area = query.bbox || query.intersects;
  return `import duckdb

${area ? 'duckdb.sql("INSTALL spatial; LOAD spatial")\n' : ""}# Of the catalog's files, the ${files.length} that may hold an answer.
files = [
${listed}]
rows = duckdb.sql("""
    SELECT DISTINCT ON (id) *
    FROM read_parquet($files, union_by_name = true)
    WHERE ${conditionsOf(query, lasts)}
""", params={"files": files})
print(rows)
`;
}

function conditionsOf({ bbox, intersects, ids, datetime, filter }: SearchParameters, lasts: boolean): string {
  const parts: string[] = [];
  if (bbox) parts.push(withinBox(bbox));
  if (intersects) parts.push(`ST_Intersects(geometry, ST_GeomFromGeoJSON(${sql(JSON.stringify(intersects))}))`);
  if (ids && ids.length > 0) parts.push(`id IN (${ids.map(sql).join(", ")})`);
  const [from = "..", to = from] = (datetime ?? "..").split("/");
  const [start, end] = lasts ? ["coalesce(start_datetime, datetime)", "coalesce(end_datetime, datetime)"] : ["datetime", "datetime"];
  if (from !== "..") parts.push(`${end} >= TIMESTAMPTZ ${sql(firstInstant(from))}`);
  if (to !== "..") parts.push(`${start} ${/T/.test(to) ? "<=" : "<"} TIMESTAMPTZ ${sql(/T/.test(to) ? to : nextInstant(to))}`);
  // What the builder writes is SQL, too.
  if (typeof filter === "string") parts.push(`(${filter.replaceAll("\\", "\\\\")})`);
  return parts.length === 0 ? "TRUE" : parts.join("\n      AND ");
}

function withinBox(bbox: readonly number[]): string {
  const [west = -180, south = -90, east = 180, north = 90] = bbox.length === 6 ? [bbox[0], bbox[1], bbox[3], bbox[4]] : bbox;
  const box = (west: number, east: number): string => `ST_Intersects(geometry, ST_MakeEnvelope(${west}, ${south}, ${east}, ${north}))`;
  return west <= east ? box(west, east) : `(${box(west, 180)} OR ${box(-180, east)})`;
}

/** The start of a year, month or day in UTC; an instant as it is. */
// Dates alone are UTC to `Date`.
const firstInstant = (date: string): string => (/T/.test(date) ? date : new Date(date).toISOString());

/** The first instant after a year, month or day. */
function nextInstant(date: string): string {
  const [year = 0, month, day] = date.split("-").map(Number);
  const next = day !== undefined ? Date.UTC(year, (month ?? 1) - 1, day + 1) : month !== undefined ? Date.UTC(year, month) : Date.UTC(year + 1, 0);
  return new Date(next).toISOString();
}
