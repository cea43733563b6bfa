// Results on their way to a file, a piece at a time: the page asks for the next when it has written the one before.

import type { Catalog, Item, Progress, SearchParameters } from "earthcatalog";
import type { Form } from "./protocol";

/** About how long a piece is, in characters. */
const PIECE_LENGTH = 64 * 1024;

type Piece = { piece: string | Uint8Array<ArrayBuffer>; items: number; progress: Progress | undefined };

export class Take {
  readonly #abort = new AbortController();
  readonly #pieces: AsyncGenerator<string | Uint8Array<ArrayBuffer>, void, undefined>;
  #items = 0;
  #progress: Progress | undefined;

  constructor(catalog: Catalog, query: SearchParameters, form: Form, asset: string) {
    const onProgress = (progress: Progress): void => void (this.#progress = progress);
    const search = catalog.search({ ...query, signal: this.#abort.signal, onProgress });
    this.#pieces = gathered(WRITERS[form](this.#counted(search), asset, catalog));
  }

  async pull(): Promise<Piece | null> {
    const { value, done } = await this.#pieces.next();
    return done ? null : { piece: value, items: this.#items, progress: this.#progress };
  }

  leave(): void {
    this.#abort.abort();
    void this.#pieces.return();
  }

  async *#counted(search: AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
    for await (const item of search) {
      this.#items += 1;
      yield item;
    }
  }
}

type Writer = (items: AsyncIterable<Item>, asset: string, catalog: Catalog) => AsyncGenerator<string, void, undefined>;

const WRITERS: Record<Form, Writer> = {
  async *urls(items, asset) {
    for await (const { assets } of items) {
      const href = assets?.[asset]?.href;
      // A line is an address: one that holds a line break is none.
      if (typeof href === "string" && !/[\r\n]/.test(href)) yield `${href}\n`;
    }
  },
  async *csv(items, asset, catalog) {
    const columns = (await catalog.columnStats()).map(({ name }) => name);
    const properties = columns.filter((name) => name !== "id" && name !== "collection");
    yield `${["id", "collection", ...properties, "west", "south", "east", "north", "href"].map(quoted).join(",")}\r\n`;
    for await (const item of items) {
      const bbox = Array.isArray(item.bbox) ? item.bbox : [];
      const box = bbox.length === 6 ? [bbox[0], bbox[1], bbox[3], bbox[4]] : [0, 1, 2, 3].map((at) => bbox[at]);
      const values = properties.map((name) => item.properties?.[name]);
      yield `${[item.id, item.collection, ...values, ...box, item.assets?.[asset]?.href].map(quoted).join(",")}\r\n`;
    }
  },
  async *geojson(items, _asset, catalog) {
    yield* collection(items, (item) => ({
      type: "Feature",
      id: item.id,
      geometry: item.geometry && cutOf(catalog, item.geometry),
      properties: { ...item.properties, collection: item.collection },
    }));
  },
  async *items(items) {
    yield* collection(items, (item) => item);
  },
  async *geoparquet() {
    throw new Error("this package cannot write stac-geoparquet");
  },
};

function cutOf(catalog: Catalog, geometry: NonNullable<Item["geometry"]>): NonNullable<Item["geometry"]> {
  try {
    return catalog.cutAtAntimeridian(geometry);
  } catch {
    // Not a valid footprint: as it is written, then.
    return geometry;
  }
}

/** A value of a CSV file (RFC 4180). What a spreadsheet would take for a formula is made text, as OWASP advises. */
export function quoted(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

async function* collection(items: AsyncIterable<Item>, shape: (item: Item) => object): AsyncGenerator<string, void, undefined> {
  let returned = 0;
  yield '{"type":"FeatureCollection","features":[';
  for await (const item of items) {
    yield `${returned === 0 ? "\n" : ",\n"}${JSON.stringify(shape(item))}`;
    returned += 1;
  }
  yield `\n],"numberReturned":${returned}}\n`;
}

/** Small texts as larger ones. */
async function* gathered(texts: AsyncGenerator<string, void, undefined>): AsyncGenerator<string, void, undefined> {
  let some: string[] = [];
  let length = 0;
  for await (const text of texts) {
    some.push(text);
    length += text.length;
    if (length < PIECE_LENGTH) continue;
    yield some.join("");
    [some, length] = [[], 0];
  }
  if (length > 0) yield some.join("");
}
