// Writes results to disk as they come: into a file where the browser lets a page write one, otherwise into a download.

import type { Signal } from "@preact/signals";
import type { Progress, SearchParameters } from "earthcatalog";
import { ask } from "../worker/client";
import type { Form } from "../worker/protocol";

/** How far the saving is. */
export interface Saving {
  items: number;
  bytes: number;
  progress: Progress | undefined;
  /** The person does not want it any more. */
  left: boolean;
}

type Piece = string | Uint8Array<ArrayBuffer>;

/** Where pieces go. */
interface Sink {
  write(piece: Piece): Promise<void>;
  /** All is there. */
  close(): Promise<void>;
  /** Nothing is to be left of it. */
  abort(): Promise<void>;
}

/** File System Access, which TypeScript does not know. */
interface Picker {
  showSaveFilePicker?(options: { suggestedName: string; types: { accept: Record<string, string[]> }[] }): Promise<{
    createWritable(): Promise<{ write(piece: Piece): Promise<void>; close(): Promise<void>; abort(): Promise<void> }>;
  }>;
}

let takes = 0;

/** Asks where to; undefined if the person thinks better of it. */
export async function saveTo(name: string, type: string): Promise<Target | undefined> {
  const { showSaveFilePicker } = window as Picker;
  if (showSaveFilePicker === undefined) return new Target(downloadOf(name, type));
  try {
    const ending = name.slice(name.lastIndexOf("."));
    const handle = await showSaveFilePicker.call(window, { suggestedName: name, types: [{ accept: { [type]: [ending] } }] });
    return new Target(await handle.createWritable());
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    // A page in a frame, or one that is not trusted, may not: a download it is.
    return new Target(downloadOf(name, type));
  }
}

export class Target {
  readonly #sink: Sink;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Writes everything; undefined if it was left. */
  async fill(
    saving: Signal<Saving | undefined>,
    query: SearchParameters,
    form: Form,
    asset: string,
  ): Promise<{ items: number; bytes: number } | undefined> {
    const take = ++takes;
    let sums = { items: 0, bytes: 0 };
    try {
      await ask("take", take, query, form, asset);
      for (;;) {
        const next = await ask("pull", take);
        if (next === null) break;
        await this.#sink.write(next.piece);
        const bytes = typeof next.piece === "string" ? new Blob([next.piece]).size : next.piece.byteLength;
        sums = { items: next.items, bytes: sums.bytes + bytes };
        if (saving.value?.left) {
          await ask("leave", take);
          await this.#sink.abort();
          return undefined;
        }
        saving.value = { ...sums, progress: next.progress, left: false };
      }
      await this.#sink.close();
      return sums;
    } catch (error) {
      await this.#sink.abort().catch(() => {});
      throw error;
    }
  }
}

function downloadOf(name: string, type: string): Sink {
  const pieces: Piece[] = [];
  return {
    async write(piece) {
      // A blob of blobs may lie on disk; a list of strings does not.
      pieces.push(piece);
    },
    async close() {
      const address = URL.createObjectURL(new Blob(pieces, { type }));
      const link = document.createElement("a");
      link.href = address;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    },
    async abort() {
      pieces.length = 0;
    },
  };
}
