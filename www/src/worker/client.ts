// The page's end of the worker: calls as promises, and what the worker says by itself.

import address from "earthcatalog/wasm?url";
import type { Answer, Calls, Event, Trouble } from "./protocol";

/** An error that came out of the worker. */
export class Failure extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.message);
    this.trouble = trouble;
  }
}

/** Any error as trouble that can be shown. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof Failure) return error.trouble;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "internal", message, hint: "this is a defect of the explorer: reload the page.", context: {} };
}

const worker = new Worker(new URL("./catalog.worker.ts", import.meta.url), { type: "module", name: "catalog" });
// Module and worker are asked for at once: one after the other takes a round trip more. Where this fails, the package
// loads the module itself, and tells what is wrong.
const ready = WebAssembly.compileStreaming(fetch(address)).then(
  (module) => worker.postMessage(module),
  () => {},
);
const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Failure) => void }>();
let calls = 0;
let listener: (event: Event) => void = () => {};

worker.onmessage = ({ data }: MessageEvent<Answer | Event>) => {
  if ("event" in data) return listener(data);
  const call = waiting.get(data.call);
  waiting.delete(data.call);
  if ("trouble" in data) call?.reject(new Failure(data.trouble));
  else call?.resolve(data.value);
};
worker.onerror = (event) => {
  const message = event.message || "the worker of this page could not be loaded";
  const hint = "the folder of the explorer may be incomplete: copy all of it, and reload the page.";
  for (const call of waiting.values()) call.reject(new Failure({ kind: "internal", message, hint, context: {} }));
  waiting.clear();
};

/** Calls the worker. */
export function ask<Name extends keyof Calls>(
  name: Name,
  ...values: Parameters<Calls[Name]>
): Promise<ReturnType<Calls[Name]>> {
  const call = ++calls;
  return new Promise((resolve, reject) => {
    waiting.set(call, { resolve: resolve as (value: unknown) => void, reject });
    void ready.then(() => worker.postMessage({ call, name, values }));
  });
}

/** Says who hears what the worker says by itself. */
export function listen(to: (event: Event) => void): void {
  listener = to;
}
