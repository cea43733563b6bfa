// Begins the page.

import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { theme } from "./state";
import { followUrl } from "./url";

effect(() => {
  if (theme.value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
});

const root = document.getElementById("app");
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
  followUrl();
}
