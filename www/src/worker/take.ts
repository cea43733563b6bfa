// Results on their way to a file, a piece at a time: the page asks for the next when it has written the one before.

import type { Catalog, ExportFormat, Progress, SearchParameters } from "earthcatalog";
import type { Piece } from "./protocol";

/** About how many bytes a piece has: each is a message to the page and a write to disk. */
const PIECE_BYTES = 64 * 1024;

export class Take {
  readonly #abort = new AbortController();
  readonly #pieces: AsyncGenerator<Uint8Array, void, undefined>;
  #progress: Progress | undefined;

  constructor(catalog: Catalog, query: SearchParameters, format: ExportFormat, asset: string) {
    const onProgress = (progress: Progress): void => void (this.#progress = progress);
    const search = catalog.search({ ...query, signal: this.#abort.signal, onProgress });
    this.#pieces = search.export(format, { asset });
  }

  /** The next piece; null at the end. */
  async pull(): Promise<Piece | null> {
    const parts: Uint8Array[] = [];
    for (let length = 0; length < PIECE_BYTES; ) {
      const { value, done } = await this.#pieces.next();
      if (done) break;
      parts.push(value);
      length += value.byteLength;
    }
    return parts.length === 0 ? null : { bytes: joined(parts), progress: this.#progress };
  }

  leave(): void {
    this.#abort.abort();
    void this.#pieces.return();
  }
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
