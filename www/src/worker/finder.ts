// A search under way: it goes on while there is room, and keeps what it found.

import type { Catalog, Item, Plan, Progress, Search, SearchParameters } from "earthcatalog";
import type { Event, Standing } from "./protocol";
import { summaryOf } from "./summary";

/** How often the page is told, in milliseconds: more often it could not show. */
const TELL_MS = 60;
/** Most items in one message. */
const MOST_AT_ONCE = 500;

export class Finder {
  readonly #number: number;
  readonly #catalog: Catalog;
  readonly #tell: (event: Event) => void;
  readonly #abort = new AbortController();
  readonly #search: Search;
  readonly #found: AsyncGenerator<Item, void, undefined>;
  readonly #items: Item[] = [];
  #progress: Progress | undefined;
  #told = 0;
  #toldAt = 0;

  constructor(number: number, catalog: Catalog, query: SearchParameters, tell: (event: Event) => void) {
    this.#number = number;
    this.#catalog = catalog;
    this.#tell = tell;
    const onProgress = (progress: Progress): void => {
      this.#progress = progress;
      this.#moved();
    };
    this.#search = catalog.search({ ...query, signal: this.#abort.signal, onProgress });
    this.#found = this.#search[Symbol.asyncIterator]();
  }

  /** Goes on until `room` items are there in all, or there are no more. */
  async go(room: number): Promise<Standing> {
    try {
      while (this.#items.length < room) {
        const { value, done } = await this.#found.next();
        if (done) return "done";
        this.#items.push(value);
        this.#moved();
      }
      return "paused";
    } catch (error) {
      if (this.#abort.signal.aborted) return "cancelled";
      throw error;
    } finally {
      this.#moved(true);
    }
  }

  cancel(): void {
    this.#abort.abort();
    void this.#found.return();
  }

  item(index: number): Item {
    const item = this.#items[index];
    if (item === undefined) throw new Error("this item is not among the results");
    return item;
  }

  explain(): Promise<Plan> {
    return this.#search.explain();
  }

  #moved(now = false): void {
    const at = performance.now();
    if (!now && at - this.#toldAt < TELL_MS) return;
    this.#toldAt = at;
    while (this.#told < this.#items.length) {
      const some = this.#items.slice(this.#told, this.#told + MOST_AT_ONCE);
      const items = some.map((item, place) => summaryOf(this.#catalog, item, this.#told + place));
      this.#told += some.length;
      this.#tell({ event: "found", search: this.#number, items });
    }
    if (this.#progress !== undefined) this.#tell({ event: "moved", search: this.#number, progress: this.#progress });
  }
}
