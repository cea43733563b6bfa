// The entry for browsers and their bundlers: the module lies beside this file.

import { useLoader } from "./engine.js";

useLoader(async () => {
  // Bundlers look for just these words, and put the module where they lead.
  const beside = new URL("earthcatalog_bg.wasm", import.meta.url);
  const here: string = import.meta.url;
  // Vite's development server moves scripts of packages, and leaves what lies beside them.
  const moved = here.includes("/.vite/deps/");
  return moved ? new URL("../../earthcatalog/dist/earthcatalog_bg.wasm", here) : beside;
});

export * from "./index.js";
