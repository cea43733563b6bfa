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

export function pythonOf(base: string, query: SearchParameters): string {
  const names: Partial<Record<string, unknown>> = {
    bbox: query.bbox,
    intersects: query.intersects,
    datetime: query.datetime,
    ids: query.ids,
    filter: filterText(query),
    sortby: query.sortby,
  };
  const given = Object.entries(names).filter(([, value]) => value !== undefined && value !== null);
  const lines = given.map(([name, value]) => `    ${name}=${python(value)},\n`).join("");
  return `from earthcatalog import catalog

ec = catalog.open(${JSON.stringify(base)})
for item in ec.search(
${lines}):
    print(item.id)
`;
}

/** Rows of the files that are left after pruning; every area and time is checked again by its box. */
export function duckdbOf(files: string[], query: SearchParameters): string {
  if (files.length === 0) return "# No file of the catalog can hold an answer.\n";
  const listed = files.map((file) => `    ${JSON.stringify(file)},\n`).join("");
  return `import duckdb

# The ${files.length} of the catalog's files that may hold an answer.
files = [
${listed}]
rows = duckdb.sql("""
    SELECT DISTINCT ON (id) *
    FROM read_parquet($files, union_by_name = true)
    WHERE ${conditionsOf(query)}
""", params={"files": files})
print(rows)
`;
}

function conditionsOf({ ids, datetime }: SearchParameters): string {
  const parts: string[] = [];
  if (ids && ids.length > 0) parts.push(`id IN (${ids.map(sql).join(", ")})`);
  const [from, to] = (datetime ?? "").split("/");
  const day = (text: string | undefined): boolean => text !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(text);
  if (day(from)) parts.push(`datetime >= ${sql(from ?? "")}`);
  if (day(to)) parts.push(`datetime < DATE ${sql(to ?? "")} + INTERVAL 1 DAY`);
  return parts.length === 0 ? "TRUE" : parts.join("\n      AND ");
}
