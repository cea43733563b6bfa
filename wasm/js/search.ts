// Searches: a query, from which each way of reading starts a run of its own.

import type { Output, RawRun } from "#glue";
import type { Instance } from "./engine.js";
import { values } from "./run.js";
import type { ExportFormat, ExportOptions, Item, ItemCollection, Plan, SearchOptions } from "./types.js";

/** Begins runs on a catalog that is alive. */
export type Begin = (output: Output, query: object, asset?: string) => Promise<[Instance, () => RawRun]>;

const PAGE_ITEMS = 100;

/** A search. Nothing is read before its results are asked for, and each way of asking reads anew. */
export class Search implements AsyncIterable<Item> {
  readonly #begin: Begin;
  readonly #query: object;
  readonly #options: SearchOptions;
  #live: RawRun | undefined;
  #explained: Plan | undefined;

  /** @internal */
  constructor(begin: Begin, query: object, options: SearchOptions) {
    this.#begin = begin;
    this.#query = query;
    this.#options = options;
  }

  /** The items, each once, as they are found. Leaving the loop ends the search. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const items of this.#values<Item[]>("items")) yield* items;
  }

  /** The items in collections of `limit`, the last of which may hold fewer; none without items. */
  async *pages(): AsyncGenerator<ItemCollection, void, undefined> {
    const most = this.#options.limit ?? PAGE_ITEMS;
    let page: Item[] = [];
    for await (const item of this) {
      page.push(item);
      if (page.length === most) {
        yield collection(page);
        page = [];
      }
    }
    if (page.length > 0) yield collection(page);
  }

  /** All items in one collection. */
  async itemCollection(): Promise<ItemCollection> {
    const features: Item[] = [];
    for await (const items of this.#values<Item[]>("items")) for (const item of items) features.push(item);
    return collection(features);
  }

  /**
   * How many items match, whatever `maxItems` says. Reads ids and what decides, no whole items. With `estimate` it is a
   * number that they do not exceed, from metadata alone: an item counts once for each of its cells.
   */
  async matched({ estimate = false }: { estimate?: boolean } = {}): Promise<number> {
    if (estimate) return (await this.#plan()).rowsUpperBound;
    let count = 0;
    const query = { ...this.#query, maxItems: undefined };
    for await (const items of this.#values<number>("count", query)) count += items;
    return count;
  }

  /** The addresses of one asset, of each item that has it. */
  async uris(asset = "data"): Promise<string[]> {
    const uris: string[] = [];
    for await (const some of this.#values<string[]>("uris", this.#query, asset)) for (const uri of some) uris.push(uri);
    return uris;
  }

  /** The items as the bytes of a file, a piece at a time. Leaving the loop ends the search. */
  export(format: ExportFormat, options: ExportOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#values<Uint8Array>(`export:${format}`, this.#query, options.asset ?? undefined);
  }

  /** The matching rows, one for each item, as the bytes of an Arrow IPC stream with the catalog's columns. */
  async toArrow(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.export("arrow")) pieces.push(piece);
    const stream = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.byteLength, 0));
    let at = 0;
    for (const piece of pieces) {
      stream.set(piece, at);
      at += piece.byteLength;
    }
    return stream;
  }

  /** What the last reading left out, read and cost, also while it goes on; without one, what a reading would read. */
  async explain(): Promise<Plan> {
    if (this.#live !== undefined) return this.#live.explain();
    return this.#explained ?? this.#plan();
  }

  /** Plans, and reads nothing of data files. */
  async #plan(): Promise<Plan> {
    for await (const _ of this.#values<number>("plan")) break;
    return this.#explained as Plan;
  }

  async *#values<T>(output: Output, query = this.#query, asset?: string): AsyncGenerator<T, void, undefined> {
    const { signal, onProgress } = this.#options;
    const [instance, begin] = await this.#begin(output, query, asset);
    yield* values<T>(instance, begin, signal, {
      begun: (run) => {
        this.#live = run;
      },
      moved: (run) => onProgress?.(run.progress()),
      ended: (run) => {
        this.#explained = run.explain();
        if (this.#live === run) this.#live = undefined;
      },
    });
  }
}

function collection(features: Item[]): ItemCollection {
  return { type: "FeatureCollection", features, numberReturned: features.length };
}
