// Builds a filter of the catalog's columns, and shows the CQL2 text it makes, which may be edited.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { edit, readColumns } from "../actions";
import { count } from "../format";
import { Button } from "../parts";
import { columns, query } from "../state";
import { kindOf, type Operator, operatorsOf, rangeOf, type Row, takesValue, textOf } from "./cql2";

export function FilterBuilder({ invalid }: { invalid: boolean }) {
  const rows = useSignal<Row[]>([]);
  useEffect(() => void readColumns(), []);
  const known = columns.value ?? [];
  const text = query.value.filter;
  // Who edits the text by hand goes on by hand: the rows no longer say what it says.
  const byHand = text !== "" && text !== textOf(rows.value, known);
  const set = (next: Row[]): void => {
    rows.value = next;
    edit({ filter: textOf(next, known) });
  };
  const change = (at: number, part: Partial<Row>): void =>
    set(rows.value.map((row, place) => (place === at ? { ...row, ...part } : row)));
  return (
    <fieldset class="field">
      <legend>Filter</legend>
      {!byHand &&
        rows.value.map((row, at) => {
          const column = known.find(({ name }) => name === row.name);
          return (
            <div class="condition" key={at}>
              <select
                class="input"
                aria-label={`Column of condition ${at + 1}`}
                value={row.name}
                onChange={({ currentTarget }) => change(at, { name: currentTarget.value, operator: "=", value: "" })}
              >
                {known.map(({ name }) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
              <select
                class="input"
                aria-label={`Operator of condition ${at + 1}`}
                value={row.operator}
                onChange={({ currentTarget }) => change(at, { operator: currentTarget.value as Operator })}
              >
                {operatorsOf(column?.type ?? "string").map((operator) => (
                  <option key={operator} value={operator}>
                    {operator}
                  </option>
                ))}
              </select>
              <Button icon="close" label={`Remove condition ${at + 1}`} class="quiet" onClick={() => set(rows.value.filter((_, place) => place !== at))} />
              {takesValue(row.operator) && (
                <input
                  class="input"
                  aria-label={`Value of condition ${at + 1}`}
                  placeholder={placeholder(row.operator, column ? rangeOf(column) : "")}
                  value={row.value}
                  onInput={({ currentTarget }) => change(at, { value: currentTarget.value })}
                  autocomplete="off"
                />
              )}
              {column && (
                <p class="note">
                  {kindOf(column.type)}
                  {rangeOf(column) && `, ${rangeOf(column)}`}
                  {column.nullCount > 0 && `, ${count(column.nullCount)} without`}
                </p>
              )}
            </div>
          );
        })}
      <div class="row">
        {byHand ? (
          <Button class="small" onClick={() => set([])}>
            Build it anew
          </Button>
        ) : (
          <Button
            icon="plus"
            class="small"
            disabled={known.length === 0}
            onClick={() => set([...rows.value, { name: firstOf(known), operator: "=", value: "" }])}
          >
            Add a condition
          </Button>
        )}
      </div>
      {(text !== "" || rows.value.length === 0) && (
        <textarea
          class="input mono"
          rows={text.length > 44 ? 3 : 1}
          aria-label="Filter as CQL2 text"
          aria-invalid={invalid}
          placeholder="CQL2, such as percent_valid_pixels > 80"
          spellcheck={false}
          value={text}
          onInput={({ currentTarget }) => edit({ filter: currentTarget.value })}
        />
      )}
    </fieldset>
  );
}

function placeholder(operator: Operator, range: string): string {
  if (operator === "in") return "a, b, c";
  if (operator === "between") return "least, most";
  return operator === "like" ? "LC08%" : range;
}

/** The column to begin with: the first whose values differ. */
function firstOf(known: { name: string; lower: unknown; upper: unknown }[]): string {
  const telling = known.find(({ name, lower, upper }) => !["id", "collection", "datetime"].includes(name) && lower !== upper);
  return (telling ?? known[0])?.name ?? "";
}
