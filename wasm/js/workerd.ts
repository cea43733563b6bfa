// The entry for Cloudflare Workers: modules are imported, never compiled at run time.

import module from "./earthcatalog_bg.wasm";
import { useLoader } from "./engine.js";

useLoader(() => Promise.resolve(module));

export * from "./index.js";
