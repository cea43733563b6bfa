// Catalogs: opened once, read as often as is wanted.

import type { Output, RawCatalog, RawHost, RawRun } from "#glue";
import { call, current, type Instance } from "./engine.js";
import { EarthCatalogError } from "./error.js";
import { only } from "./run.js";
import { Search } from "./search.js";
import type {
  BoundaryOptions,
  CallOptions,
  CatalogInfo,
  CellBoundaries,
  CellStats,
  ColumnStats,
  Geometry,
  OpenOptions,
  PartitionStats,
  SearchOptions,
  SearchParameters,
} from "./types.js";

/** An opened catalog in the instance that opened it. */
interface Opened {
  readonly instance: Instance;
  readonly raw: RawCatalog;
}

/**
 * Opens a catalog: `url` is that of its folder, of its `earthcatalog.db`, or of a table's metadata. Reads the database
 * and the table's metadata, two small objects.
 */
export async function open(url: string | URL, options: OpenOptions = {}): Promise<Catalog> {
  const address = absolute(url);
  const host = hostOf(options);
  return new Catalog(address, host, await opened(address, host, options.signal));
}

async function opened(address: string, host: RawHost, signal?: AbortSignal | null): Promise<Opened> {
  const instance = await current();
  const raw = await only<RawCatalog>(instance, () => instance.raw.openCatalog(address, host), signal);
  return { instance, raw };
}

/** A catalog that was opened. Its state stays as it was, unless a search finds that it was replaced. */
export class Catalog {
  readonly #address: string;
  readonly #host: RawHost;
  #opened: Opened | undefined;
  #reopening: Promise<Opened> | undefined;
  #info: CatalogInfo;

  /** @internal */
  constructor(address: string, host: RawHost, opened: Opened) {
    this.#address = address;
    this.#host = host;
    this.#opened = opened;
    this.#info = call(opened.instance, () => opened.raw.info());
  }

  /** What the catalog says of itself. */
  info(): CatalogInfo {
    const { instance, raw } = this.#alive();
    if (!instance.stopped) this.#info = call(instance, () => raw.info());
    return this.#info;
  }

  /** Rows, files and bytes of every partition, from the manifests alone. */
  async stats(options?: CallOptions): Promise<PartitionStats[]> {
    return this.#only((raw) => raw.stats(), options);
  }

  /** What the manifests tell of every column that can be filtered by: types, ranges, missing values. */
  async columnStats(options?: CallOptions): Promise<ColumnStats[]> {
    return this.#only((raw) => raw.columnStats(), options);
  }

  /** The `most` cells with the most rows, the fullest first. */
  async topCells(most: number, options?: CallOptions): Promise<CellStats[]> {
    return this.#only((raw) => raw.topCells(most), options);
  }

  /** How many different items there are, by the hash index; null if there is none. */
  async uniqueItemCount(options?: CallOptions): Promise<number | null> {
    return this.#only((raw) => raw.uniqueItemCount(), options);
  }

  /** The grid cells that a geometry touches. */
  cellsForGeometry(geometry: Geometry): string[] {
    return this.#now((raw) => raw.cellsForGeometry(geometry));
  }

  /** The same as an SQL condition: `grid_partition IN (…)`. */
  cellListSql(geometry: Geometry): string {
    return this.#now((raw) => raw.cellListSql(geometry));
  }

  /** The outlines of grid cells, to be drawn. The sides of H3 cells are arcs, given as points 2 degrees apart or less. */
  cellBoundaries(cells: readonly string[], { cut = true }: BoundaryOptions = {}): CellBoundaries {
    return this.#now((raw) => raw.cellBoundaries(cells, cut));
  }

  /** A geometry as parts of which none crosses the antimeridian or winds round a pole: what maps draw right. */
  cutAtAntimeridian(geometry: Geometry): Geometry {
    return this.#now((raw) => raw.cutAtAntimeridian(geometry));
  }

  /** The addresses of the data files that might hold an answer. */
  async searchFiles(parameters: SearchParameters = {}, options?: CallOptions): Promise<string[]> {
    return this.#only((raw) => raw.searchFiles(parameters), options);
  }

  /** A search. What it is asked is checked now, and read when its results are asked for. */
  search(options: SearchOptions = {}): Search {
    const { signal: _signal, onProgress: _onProgress, ...query } = options;
    const { instance, raw } = this.#alive();
    // Where it had to stop, the first reading starts it anew, and checks then.
    if (!instance.stopped) call(instance, () => raw.search(query, "plan").free());
    const begin = async (output: Output, query: object, asset?: string): Promise<[Instance, () => RawRun]> => {
      const { instance, raw } = await this.#living();
      return [instance, () => raw.search(query, output, asset)];
    };
    return new Search(begin, query, options);
  }

  /** Lets the catalog go. Searches under way go on to their end. */
  close(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined && !opened.instance.stopped) opened.raw.free();
  }

  async #only<T>(begin: (raw: RawCatalog) => RawRun, options?: CallOptions): Promise<T> {
    const { instance, raw } = await this.#living();
    return only<T>(instance, () => begin(raw), options?.signal);
  }

  #now<T>(work: (raw: RawCatalog) => T): T {
    const { instance, raw } = this.#alive();
    if (instance.stopped) {
      const message = "the reader was stopped by damaged bytes and is not started anew yet";
      throw new EarthCatalogError({ kind: "unavailable", message, hint: "await any other call of the catalog first." });
    }
    return call(instance, () => work(raw));
  }

  #alive(): Opened {
    if (this.#opened === undefined) {
      throw new EarthCatalogError({ kind: "invalid", message: "the catalog is closed", hint: "open it again." });
    }
    return this.#opened;
  }

  /** The catalog, opened again where its instance had to stop. */
  async #living(): Promise<Opened> {
    const alive = this.#alive();
    if (!alive.instance.stopped) return alive;
    this.#reopening ??= opened(this.#address, this.#host).finally(() => {
      this.#reopening = undefined;
    });
    const again = await this.#reopening;
    this.#alive();
    this.#opened = again;
    return again;
  }
}

// Not every engine has the symbol yet.
if (typeof Symbol.dispose === "symbol") {
  Object.defineProperty(Catalog.prototype, Symbol.dispose, { value: Catalog.prototype.close });
}

export interface Catalog {
  [Symbol.dispose](): void;
}

function hostOf(options: OpenOptions): RawHost {
  const host: RawHost = {};
  if (options.fetch !== undefined) host.fetch = options.fetch;
  if (options.resolve !== undefined) host.resolve = options.resolve;
  if (options.headers !== undefined) host.headers = [...new Headers(options.headers)];
  if (options.cache !== undefined) host.cacheBytes = options.cache === false ? 0 : options.cache;
  if (options.concurrency !== undefined) host.concurrency = options.concurrency;
  if (options.timeoutMs !== undefined) host.timeoutMs = options.timeoutMs;
  return host;
}

/** An address that does not depend on the page. */
function absolute(url: string | URL): string {
  const text = String(url);
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return text;
  const { document, location } = globalThis as { document?: { baseURI: string }; location?: { href: string } };
  const base = document?.baseURI ?? location?.href;
  return base === undefined ? text : new URL(text, base).href;
}
