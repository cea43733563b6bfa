// Runs: work that needs bytes, stepped here and fed by the reader's own requests.

import type { RawRun } from "#glue";
import { call, type Instance } from "./engine.js";

/** Who wants to know of a run. */
export interface Observer {
  begun?(run: RawRun): void;
  /** Something has arrived, or was found. */
  moved?(run: RawRun): void;
  /** It is over, and will be let go. */
  ended?(run: RawRun): void;
}

/**
 * The values of a run, lazily: nothing new is asked for while the caller does not ask. However it ends, its requests
 * end with it.
 */
export async function* values<T>(
  instance: Instance,
  begin: () => RawRun,
  signal?: AbortSignal | null,
  observe?: Observer,
): AsyncGenerator<T, void, undefined> {
  signal?.throwIfAborted();
  const run = call(instance, begin);
  observe?.begun?.(run);
  const abort = abortion(run, signal);
  let url: string | undefined;
  try {
    for (;;) {
      const turn = call(instance, () => run.advance(), url);
      if (turn === undefined) {
        const arrival = run.arrival();
        url = (await (abort === undefined ? arrival : Promise.race([arrival, abort.promise]))) ?? url;
        // Cancelling settles the arrival as well.
        signal?.throwIfAborted();
        observe?.moved?.(run);
      } else if ("done" in turn) {
        return;
      } else {
        observe?.moved?.(run);
        yield turn.value as T;
        signal?.throwIfAborted();
      }
    }
  } finally {
    abort?.forget();
    // A stopped instance is let go as a whole.
    if (!instance.stopped) {
      run.cancel();
      observe?.ended?.(run);
      run.free();
    }
  }
}

/** The one value of a run. */
export async function only<T>(
  instance: Instance,
  begin: () => RawRun,
  signal?: AbortSignal | null,
  observe?: Observer,
): Promise<T> {
  for await (const value of values<T>(instance, begin, signal, observe)) return value;
  throw new Error("a run ended without its value");
}

function abortion(run: RawRun, signal?: AbortSignal | null): { promise: Promise<never>; forget(): void } | undefined {
  if (!signal) return undefined;
  let listener = (): void => {};
  const promise = new Promise<never>((_, reject) => {
    listener = () => {
      run.cancel();
      reject(signal.reason);
    };
  });
  // Whoever races against it is told; nobody may be.
  promise.catch(() => {});
  signal.addEventListener("abort", listener, { once: true });
  return { promise, forget: () => signal.removeEventListener("abort", listener) };
}
