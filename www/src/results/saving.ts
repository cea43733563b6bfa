// Writes results to disk as they come: into a file where the browser lets a page write one, otherwise into a download.

import type { Signal } from "@preact/signals";
import type { ExportFormat, Progress, SearchParameters } from "earthcatalog";
import { ask } from "../worker/client";

/** How far the saving is. */
export interface Saving {
  bytes: number;
  progress: Progress | undefined;
  /** The person does not want it any more. */
  left: boolean;
}

/** Where pieces go. */
interface Sink {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All is there. */
  close(): Promise<void>;
  /** Nothing is to be left of it. */
  abort(): Promise<void>;
}

/** File System Access, which TypeScript does not know. */
interface Picker {
  showSaveFilePicker?(options: { suggestedName: string; types: { accept: Record<string, string[]> }[] }): Promise<{
    createWritable(): Promise<{ write(bytes: Uint8Array<ArrayBuffer>): Promise<void>; close(): Promise<void>; abort(): Promise<void> }>;
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
    format: ExportFormat,
    asset: string,
  ): Promise<Saving | undefined> {
    const take = ++takes;
    let now: Saving = { bytes: 0, progress: undefined, left: false };
    saving.value = now;
    try {
      await ask("take", take, query, format, asset);
      for (;;) {
        const next = await ask("pull", take);
        if (next === null) break;
        await this.#sink.write(next.bytes);
        if (saving.value?.left) {
          await ask("leave", take);
          await this.#sink.abort();
          return undefined;
        }
        now = { bytes: now.bytes + next.bytes.byteLength, progress: next.progress, left: false };
        saving.value = now;
      }
      await this.#sink.close();
      return now;
    } catch (error) {
      await this.#sink.abort().catch(() => {});
      throw error;
    }
  }
}

function downloadOf(name: string, type: string): Sink {
  const pieces: Blob[] = [];
  return {
    async write(bytes) {
      // Browsers may keep blobs on disk.
      pieces.push(new Blob([bytes]));
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
