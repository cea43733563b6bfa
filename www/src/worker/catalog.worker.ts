// Owns the package: the page never waits for what is read, parsed or searched.

import { type Catalog, EarthCatalogError, init, open, type SearchParameters } from "earthcatalog";
import { Finder } from "./finder";
import { overviewOf } from "./overview";
import type { Answer, Calls, Event, Question, Trouble } from "./protocol";
import { drawable } from "./summary";
import { Take } from "./take";

let catalog: Catalog | undefined;
let opening: AbortController | undefined;
const searches = new Map<number, Finder>();
const takes = new Map<number, Take>();

const tell = (event: Event): void => self.postMessage(event);

type Answers = { [Name in keyof Calls]: (...values: Parameters<Calls[Name]>) => ReturnType<Calls[Name]> | Promise<ReturnType<Calls[Name]>> };

const answers: Answers = {
  async open(url) {
    opening?.abort();
    opening = new AbortController();
    for (const search of searches.values()) search.cancel();
    for (const take of takes.values()) take.leave();
    searches.clear();
    takes.clear();
    catalog?.close();
    catalog = undefined;
    catalog = await open(url, { signal: opening.signal });
    return catalog.info();
  },
  overview: () => overviewOf(opened()),
  columns: () => opened().columnStats(),
  drawable: (geometry) => drawable(opened(), geometry),
  check: (query) => void opened().search(query),
  begin(number, query, room) {
    // One search at a time is kept: its items are what the page shows.
    for (const search of searches.values()) search.cancel();
    searches.clear();
    const finder = new Finder(number, opened(), query, tell);
    searches.set(number, finder);
    return finder.go(room);
  },
  more: (number, room) => found(number).go(room),
  cancel: (number) => searches.get(number)?.cancel(),
  item: (number, index) => found(number).item(index),
  explain: (number) => found(number).explain(),
  async any(query) {
    for await (const _ of opened().search({ ...query, maxItems: 1 })) return true;
    return false;
  },
  files: (query) => opened().searchFiles(plain(query)),
  take: (number, query, format, asset) => void takes.set(number, new Take(opened(), query, format, asset)),
  async pull(number) {
    const piece = await takes.get(number)?.pull();
    if (piece === undefined || piece === null) takes.delete(number);
    return piece ?? null;
  },
  leave(number) {
    takes.get(number)?.leave();
    takes.delete(number);
  },
};

/** What decides which files are read. */
function plain({ sortby: _sortby, fields: _fields, ...query }: SearchParameters): SearchParameters {
  return query;
}

function opened(): Catalog {
  if (catalog === undefined) throw new Error("no catalog is open");
  return catalog;
}

function found(number: number): Finder {
  const finder = searches.get(number);
  if (finder === undefined) throw new Error("this search is over");
  return finder;
}

function troubleOf(error: unknown): Trouble {
  if (error instanceof EarthCatalogError) {
    const { kind, message, hint, url, context } = error;
    return { kind, message, hint, url, context: { ...context } };
  }
  if (error instanceof DOMException && error.name === "AbortError") {
    return { kind: "aborted", message: "the search was cancelled", hint: "begin it anew.", context: {} };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "internal", message, hint: "this is a defect of the explorer: reload the page.", context: {} };
}

self.onmessage = async ({ data }: MessageEvent<Question | WebAssembly.Module>) => {
  if (data instanceof WebAssembly.Module) return void init(data);
  const { call, name, values } = data;
  const answer = (message: Answer): void => self.postMessage(message);
  try {
    const work = answers[name] as (...values: unknown[]) => unknown;
    answer({ call, value: await work(...values) });
  } catch (error) {
    answer({ call, trouble: troubleOf(error) });
  }
};
