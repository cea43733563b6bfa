// The entry for Node, Deno and Bun: the module is read from the package's folder.

import { readFile } from "node:fs/promises";
import { useLoader } from "./engine.js";

useLoader(() => readFile(new URL("earthcatalog_bg.wasm", import.meta.url)));

export * from "./index.js";
