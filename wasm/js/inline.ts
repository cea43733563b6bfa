// The entry that brings the module along as text, for bundlers that know nothing but JavaScript.

import compressed from "#inline";
import { useLoader } from "./engine.js";

useLoader(async () => {
  const bytes = Uint8Array.from(atob(compressed), (letter) => letter.charCodeAt(0));
  const inflated = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  return inflated.arrayBuffer();
});

export * from "./index.js";
