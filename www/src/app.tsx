// The page: conditions and results at the side, the map and the years beside them.

import { closeCatalog, openCatalog } from "./actions";
import { bytes, compact, count, date } from "./format";
import { catalogName } from "./links";
import { Stage } from "./map/stage";
import { Button, offline } from "./parts";
import { PlanDrawer } from "./plan";
import { ResultsPanel } from "./results/panel";
import { SearchPanel } from "./search/panel";
import { spanOf, yearOf } from "./search/periods";
import * as state from "./state";
import { TroubleCard } from "./trouble";
import { isBeside } from "./url";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export function App() {
  const isOpen = state.info.value !== undefined;
  return (
    <>
      <a class="skip" href="#side" onClick={(event) => {
        event.preventDefault();
        document.querySelector<HTMLElement>("#side")?.focus();
      }}>
        To the search
      </a>
      <div class="app">
        <div class="side" id="side" tabIndex={-1}>
          <Header />
          {offline.value && isOpen && <p class="notice" role="status">This browser is offline: only what was read is here.</p>}
          <main class="panels">{isOpen ? <Panels /> : <Entrance />}</main>
        </div>
        <Stage />
      </div>
      {state.planShown.value && <PlanDrawer />}
      <p class="spoken" role="status" aria-live="polite">
        {state.spoken.value}
      </p>
    </>
  );
}

function Header() {
  const info = state.info.value;
  const name = info ? catalogName(info) : "Catalog explorer";
  useEffect(() => void (document.title = name), [name]);
  return (
    <header class="head">
      <img class="mark" src="./icon.svg" alt="" width="28" height="28" />
      <div class="title">
        <h1>{name}</h1>
        {info && <p class="where" title={info.base}>{info.base}</p>}
      </div>
      <ThemeButton />
      {info && <Button icon="layers" label="Open another catalog" class="quiet" onClick={closeCatalog} />}
    </header>
  );
}

function ThemeButton() {
  const dark = state.theme.value === "dark" || (state.theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <Button
      icon={dark ? "sun" : "moon"}
      label={dark ? "Light colours" : "Dark colours"}
      class="quiet"
      onClick={() => (state.theme.value = dark ? "light" : "dark")}
    />
  );
}

/** Without a catalog: where is it? */
function Entrance() {
  const typed = useSignal(isBeside(state.address.value) ? "" : state.address.value);
  const trouble = state.trouble.value;
  // Nothing beside the page is no error: most copies of it lie alone.
  const isAlone = trouble?.kind === "not_found" && isBeside(state.address.value);
  if (state.opening.value) return <p class="wait" role="status">Opening the catalog…</p>;
  return (
    <div class="entrance">
      {trouble && !isAlone && <TroubleCard trouble={trouble} about="catalog" />}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.value.trim() !== "") void openCatalog(typed.value.trim());
        }}
      >
        <p>Search millions of satellite scenes on a map: in this browser, with no server behind it.</p>
        <label for="address">Address of a catalog</label>
        <input
          id="address"
          class="input"
          placeholder="https://bucket.s3.amazonaws.com/catalog"
          value={typed.value}
          onInput={({ currentTarget }) => (typed.value = currentTarget.value)}
          spellcheck={false}
          autocomplete="off"
        />
        <p class="note">The folder that holds <code>earthcatalog.db</code>: https://, s3:// or gs://. It is read by this browser alone; nothing is sent anywhere else.</p>
        <button class="button primary" type="submit">
          Open the catalog
        </button>
      </form>
    </div>
  );
}

function Panels() {
  const { panel, results, phase } = state;
  const tab = (name: state.Panel, label: string) => (
    <button
      type="button"
      role="tab"
      id={`tab-${name}`}
      aria-selected={panel.value === name}
      aria-controls={`panel-${name}`}
      tabIndex={panel.value === name ? 0 : -1}
      onClick={() => (panel.value = name)}
      onKeyDown={({ key }) => {
        if (key !== "ArrowLeft" && key !== "ArrowRight") return;
        panel.value = name === "search" ? "results" : "search";
        requestAnimationFrame(() => document.getElementById(`tab-${panel.value}`)?.focus());
      }}
    >
      {label}
    </button>
  );
  const found = results.value.length;
  const open = phase.value === "paused" || phase.value === "running" ? "+" : "";
  return (
    <>
      <Totals />
      <div class="tabs" role="tablist" aria-label="Search and results">
        {tab("search", "Search")}
        {tab("results", phase.value === "none" || phase.value === "failed" ? "Results" : `Results ${count(found)}${open}`)}
      </div>
      <div class="panel" role="tabpanel" id={`panel-${panel.value}`} aria-labelledby={`tab-${panel.value}`}>
        {panel.value === "search" ? <SearchPanel /> : <ResultsPanel />}
      </div>
    </>
  );
}

/** The whole catalog in a line. */
function Totals() {
  const [info, overview, axis] = [state.info.value, state.overview.value, state.axis.value];
  if (info === undefined) return null;
  if (overview === undefined) {
    return state.trouble.value ? <TroubleCard trouble={state.trouble.value} about="catalog" /> : <p class="totals wait">Reading the manifests…</p>;
  }
  const resolution = info.grid["resolution"];
  const grid = info.grid.type === "h3" ? `H3, res. ${String(resolution)}` : info.grid.type === "geojson" ? "named regions" : info.grid.type;
  const year = (period: number): number => yearOf(period, axis?.unit ?? "year");
  const years = axis && spanOf(year(axis.first), year(axis.first + axis.rows.length - 1), "year");
  const items = overview.items ?? overview.rows;
  const facts: [string, string, string?][] = [
    ["Items", compact(items), `${count(items)}${overview.items === null ? " entries, an item once for each cell" : ""}; ${count(overview.rows)} entries in cells`],
    ["Files", compact(overview.files), count(overview.files)],
    ["Size", bytes(overview.bytes), `${count(overview.bytes)} bytes`],
    ["Years", years ?? "–"],
    ["Updated", date(info.lastUpdatedMs)],
    ["Grid", grid],
  ];
  return (
    <dl class="totals">
      {facts.map(([name, value, more]) => (
        <div key={name} title={more}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
