// The WebAssembly module: loaded once, instantiated anew when an instance had to stop.

import { instantiate, type Raw } from "#glue";
import { EarthCatalogError, wrapped } from "./error.js";

/** Where a module may come from. */
export type ModuleSource = WebAssembly.Module | BufferSource | URL | string | Response;

/** One instance of the module. */
export interface Instance {
  readonly raw: Raw;
  /** It stopped in the middle of its work: nothing new is begun with it. */
  stopped: boolean;
}

type Loader = () => Promise<ModuleSource>;

let loader: Loader | undefined;
let compiled: Promise<WebAssembly.Module> | undefined;
let module: WebAssembly.Module | undefined;
let instance: Instance | undefined;

/** Says where this entry of the package has its module. */
export function useLoader(load: Loader): void {
  loader = load;
}

/**
 * Loads the module, from `source` if there is one. Done by the first `open`; calling it earlier saves time then, and a
 * source is for bundlers that leave the module elsewhere. A second call does nothing.
 */
export async function init(source?: ModuleSource | Promise<ModuleSource>): Promise<void> {
  await load(source);
}

/** The instance to begin new work with. */
export async function current(): Promise<Instance> {
  await load();
  return fresh();
}

function fresh(): Instance {
  if (instance === undefined || instance.stopped) {
    if (module === undefined) throw new Error("the module is not loaded");
    instance = { raw: instantiate(module), stopped: false };
  }
  return instance;
}

async function load(source?: ModuleSource | Promise<ModuleSource>): Promise<void> {
  compiled ??= (async () => compile(await (source ?? loader?.())))();
  try {
    module = await compiled;
  } catch (error) {
    // The next call tries again.
    compiled = undefined;
    throw error;
  }
}

async function compile(source: ModuleSource | undefined): Promise<WebAssembly.Module> {
  if (source === undefined) throw failed("there is nothing to load the module from");
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source === "string" || source instanceof URL) {
    let response: Response;
    try {
      response = await fetch(source);
    } catch (error) {
      throw failed("the module cannot be fetched", String(source), error);
    }
    return compileResponse(response);
  }
  if (typeof Response === "function" && source instanceof Response) return compileResponse(source);
  return compileBytes(source as BufferSource);
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) throw failed(`the server answers ${response.status} in place of the module`, response.url);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/wasm") && typeof WebAssembly.compileStreaming === "function") {
    return WebAssembly.compileStreaming(response);
  }
  return compileBytes(await response.arrayBuffer(), response.url);
}

async function compileBytes(source: BufferSource, url?: string): Promise<WebAssembly.Module> {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  if (start.startsWith("\0asm")) return WebAssembly.compile(source);
  const found = /^\s*</.test(start) ? "an HTML page" : "something that is no WebAssembly";
  throw failed(`${found} came in place of the module`, url);
}

function failed(message: string, url?: string, cause?: unknown): EarthCatalogError {
  const hint =
    "serve earthcatalog_bg.wasm beside the script, or say where it is with `init(url)`, or import `earthcatalog/inline`, " +
    "which brings it along; the MIME type is application/wasm.";
  return new EarthCatalogError({ kind: "not_found", message, hint, url }, cause);
}

/**
 * Calls into an instance. Where bytes made it stop, which may happen in a parser that is not ours, it is replaced, and
 * what else is under way in it may end its work.
 */
export function call<T>(instance: Instance, work: () => T, url?: string): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) throw wrapped(error);
    instance.stopped = true;
    const message = "the reader had to stop at bytes that it could not take";
    const hint = "the object is damaged, or larger than this reader's memory. The next call starts the reader anew.";
    throw new EarthCatalogError({ kind: "corrupt", message, hint, url }, error);
  }
}
