import { defineConfig } from "vite";

export default defineConfig({
  // It lies in any folder of any host.
  base: "./",
  build: {
    outDir: "../target/www",
    emptyOutDir: true,
    target: "es2022",
    // What knows `light-dark()`: all browsers since May 2024.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // A page that loads nothing from elsewhere needs no preload script, which a strict policy would have to allow.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
});
