// All results as a file, and the search as code.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { readColumns } from "../actions";
import { bytes, counted } from "../format";
import { Button, Code } from "../parts";
import { parametersOf, type Query } from "../search/query";
import { address, columns, info, item, spoken } from "../state";
import { ask, troubleOf } from "../worker/client";
import type { ExportFormat } from "earthcatalog";
import type { Trouble } from "../worker/protocol";
import { cliOf, duckdbOf, javascriptOf, pythonOf } from "./code";
import { type Saving, saveTo } from "./saving";

const FORMS: [ExportFormat, string, string, string][] = [
  ["url", "Addresses of an asset", "txt", "text/plain"],
  ["csv", "Table, CSV", "csv", "text/csv"],
  ["geojson", "GeoJSON", "geojson", "application/geo+json"],
  ["json", "STAC ItemCollection", "json", "application/geo+json"],
  ["geoparquet", "stac-geoparquet", "parquet", "application/vnd.apache.parquet"],
];

export function TakeAway({ query }: { query: Query }) {
  const form = useSignal<ExportFormat>("url");
  const asset = useSignal("data");
  const saving = useSignal<Saving | undefined>(undefined);
  const outcome = useSignal<string | Trouble>("");
  const parameters = parametersOf(query);
  const chosen = FORMS.find(([name]) => name === form.value);
  const takesAsset = form.value === "url" || form.value === "csv";

  const save = async (): Promise<void> => {
    if (chosen === undefined) return;
    const [name, , ending, type] = chosen;
    outcome.value = "";
    try {
      const target = await saveTo(`items.${ending}`, type);
      if (target === undefined) return;
      const done = await target.fill(saving, parameters, name, asset.value);
      outcome.value = done ? `Saved ${counted(done.progress?.items ?? 0, "item")}, ${bytes(done.bytes)}.` : "Cancelled: nothing was saved.";
      spoken.value = outcome.value;
    } catch (error) {
      outcome.value = troubleOf(error);
    } finally {
      saving.value = undefined;
    }
  };
  return (
    <div class="take">
      <p class="note">All results of the search, not only those shown; read anew and written to disk as they come.</p>
      <div class={takesAsset ? "pair wide-first" : ""}>
        <select class="input" aria-label="Form" value={form.value} onChange={({ currentTarget }) => (form.value = currentTarget.value as ExportFormat)}>
          {FORMS.map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
        {takesAsset && (
          <input
            class="input"
            aria-label="Asset"
            placeholder="asset, such as data"
            list="assets"
            value={asset.value}
            onInput={({ currentTarget }) => (asset.value = currentTarget.value)}
          />
        )}
        <datalist id="assets">
          {Object.keys(item.value?.assets ?? {}).map((key) => (
            <option key={key} value={key} />
          ))}
        </datalist>
      </div>
      {saving.value ? (
        <div class="row">
          <p role="status">
            {counted(saving.value.progress?.items ?? 0, "item")}, {bytes(saving.value.bytes)}
          </p>
          <progress aria-label="Files read" max={saving.value.progress?.filesTotal || 1} value={saving.value.progress?.filesRead ?? 0} />
          <Button class="small" icon="close" onClick={() => saving.value && (saving.value = { ...saving.value, left: true })}>
            Cancel
          </Button>
        </div>
      ) : (
        <Button class="primary" icon="save" onClick={() => void save()}>
          Save all results
        </Button>
      )}
      {typeof outcome.value === "string" ? (
        outcome.value && <p role="status">{outcome.value}</p>
      ) : (
        <p class="wrong" role="alert">
          {outcome.value.message}. {outcome.value.hint}
        </p>
      )}
      <SearchAsCode query={query} />
    </div>
  );
}

type Language = "cli" | "javascript" | "python" | "duckdb";

/** The same search elsewhere. */
function SearchAsCode({ query }: { query: Query }) {
  const language = useSignal<Language>("cli");
  const files = useSignal<string[] | Trouble | undefined>(undefined);
  const parameters = parametersOf(query);
  const base = info.value?.base ?? address.value;
  useEffect(() => void readColumns(), []);
  const choose = (name: Language): void => {
    language.value = name;
    if (name !== "duckdb") return;
    files.value = undefined;
    ask("files", parameters).then(
      (found) => (files.value = found),
      (error: unknown) => (files.value = troubleOf(error)),
    );
  };
  const names: [Language, string][] = [
    ["cli", "Command line"],
    ["javascript", "JavaScript"],
    ["python", "Python"],
    ["duckdb", "DuckDB"],
  ];
  let text = "";
  if (language.value === "cli") text = cliOf(base, parameters);
  else if (language.value === "javascript") text = javascriptOf(base, parameters);
  else if (language.value === "python") text = pythonOf(info.value?.tableLocation ?? base, parameters);
  else if (Array.isArray(files.value)) {
    const lasts = columns.value?.some(({ name, lower }) => name === "start_datetime" && lower !== null) ?? false;
    text = duckdbOf(files.value, parameters, lasts);
  }
  else text = files.value === undefined ? "# planning…" : `# ${files.value.message}`;
  return (
    <section>
      <h2>The same search as code</h2>
      <div class="row" role="group" aria-label="Language">
        {names.map(([name, label]) => (
          <Button key={name} class="small" pressed={language.value === name} onClick={() => choose(name)}>
            {label}
          </Button>
        ))}
      </div>
      <Code text={text} label={names.find(([name]) => name === language.value)?.[1] ?? ""} />
    </section>
  );
}

