// The form of the search.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { cancel, edit, search } from "../actions";
import { takeView } from "../map/stage";
import { Button, Icon } from "../parts";
import { axis, phase, query, searchTrouble, type Tool, tool } from "../state";
import { geometryOf, wktOf } from "./area";
import { FilterBuilder } from "./filter";
import { asTime, yearOf } from "./periods";
import { conditionsOf, emptyQuery, fieldOf } from "./query";
import { SortField } from "./sort";

export function SearchPanel() {
  const running = phase.value === "running";
  const trouble = searchTrouble.value?.kind === "invalid" ? searchTrouble.value : undefined;
  const wrong = trouble && fieldOf(trouble.message);
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (running) cancel();
        else void search();
      }}
    >
      <div class="fields">
        <AreaField invalid={wrong === "area"} />
        <TimeField invalid={wrong === "time"} />
        <FilterBuilder invalid={wrong === "filter"} />
        <IdsField />
        <SortField />
      </div>
      <div class="submit">
        {trouble && (
          <p class="wrong" role="alert">
            {trouble.message}
          </p>
        )}
        <button class="button primary" type="submit">
          <Icon name={running ? "close" : "search"} />
          {running ? "Cancel" : "Search"}
        </button>
        {conditionsOf(query.value).length > 0 && (
          <Button class="quiet" onClick={() => (query.value = emptyQuery())}>
            Clear
          </Button>
        )}
      </div>
    </form>
  );
}

const TOOLS: [Tool, string][] = [
  ["box", "Box"],
  ["polygon", "Polygon"],
  ["point", "Point"],
];

function AreaField({ invalid }: { invalid: boolean }) {
  const file = useRef<HTMLInputElement>(null);
  const wrong = useSignal("");
  const take = async (chosen: File | undefined): Promise<void> => {
    if (chosen === undefined) return;
    try {
      const text = (await chosen.text()).trim();
      edit({ area: text.startsWith("{") ? wktOf(geometryOf(JSON.parse(text))) : text });
      wrong.value = "";
    } catch (error) {
      wrong.value = `${chosen.name}: ${(error as Error).message}`;
    }
  };
  return (
    <fieldset class="field">
      <legend>Area</legend>
      <div class="row">
        {TOOLS.map(([name, label]) => (
          <Button
            key={name}
            icon={name}
            class="small"
            label={`Draw a ${label.toLowerCase()}`}
            pressed={tool.value === name}
            onClick={() => (tool.value = tool.value === name ? undefined : name)}
          >
            {label}
          </Button>
        ))}
        <Button icon="view" class="small" label="Use the current view" onClick={takeView}>
          View
        </Button>
        <Button icon="upload" class="small" label="File of GeoJSON or WKT" onClick={() => file.current?.click()}>
          File
        </Button>
        <input
          ref={file}
          type="file"
          class="spoken"
          tabIndex={-1}
          aria-label="GeoJSON or WKT file"
          accept=".json,.geojson,.wkt,.txt,application/geo+json"
          onChange={({ currentTarget }) => {
            void take(currentTarget.files?.[0]);
            currentTarget.value = "";
          }}
        />
      </div>
      <textarea
        class="input mono"
        rows={query.value.area.length > 60 ? 4 : 2}
        aria-label="Area as west,south,east,north, as WKT or as GeoJSON"
        aria-invalid={invalid}
        placeholder="west,south,east,north, WKT or GeoJSON"
        spellcheck={false}
        value={query.value.area}
        onInput={({ currentTarget }) => edit({ area: currentTarget.value })}
      />
      {wrong.value && <p class="wrong" role="alert">{wrong.value}</p>}
    </fieldset>
  );
}

function TimeField({ invalid }: { invalid: boolean }) {
  const known = axis.value;
  const last = known && yearOf(known.first + known.rows.length - 1, known.unit);
  const presets: [string, number][] = [
    ["Last year", 1],
    ["5 years", 5],
    ["10 years", 10],
  ];
  const input = (name: "from" | "to", label: string) => (
    <input
      class="input"
      aria-label={label}
      aria-invalid={invalid}
      placeholder={name === "from" ? "from 2018-06-01" : "to 2021-12"}
      title="A day, a month, a year, or an instant such as 2021-06-15T12:00:00Z"
      value={query.value[name]}
      onInput={({ currentTarget }) => edit({ [name]: currentTarget.value })}
      autocomplete="off"
    />
  );
  return (
    <fieldset class="field">
      <legend>Time</legend>
      <div class="pair">
        {input("from", "From")}
        {input("to", "To")}
      </div>
      {last !== undefined && (
        <div class="row">
          {presets.map(([label, length]) => (
            <Button key={label} class="small" onClick={() => edit(asTime(last - length + 1, last, "year"))}>
              {label}
            </Button>
          ))}
          <Button class="small" onClick={() => edit({ from: "", to: "" })}>
            All
          </Button>
        </div>
      )}
    </fieldset>
  );
}

function IdsField() {
  return (
    <div class="field">
      <label for="ids">Item ids</label>
      <textarea
        id="ids"
        class="input mono"
        rows={query.value.ids.length > 60 ? 3 : 1}
        placeholder="one or more, apart by spaces or commas"
        spellcheck={false}
        value={query.value.ids}
        onInput={({ currentTarget }) => edit({ ids: currentTarget.value })}
      />
    </div>
  );
}
