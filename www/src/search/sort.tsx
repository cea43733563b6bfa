// The order of results.

import { useEffect } from "preact/hooks";
import { edit, readColumns } from "../actions";
import { columns, query } from "../state";

export function SortField() {
  useEffect(() => void readColumns(), []);
  const { sort } = query.value;
  const [direction, name] = [sort.startsWith("-") ? "-" : "+", sort.replace(/^[+-]/, "")];
  const known = columns.value ?? [];
  const set = (direction: string, name: string): void => edit({ sort: name === "" ? "" : `${direction}${name}` });
  return (
    <div class="field">
      <label for="sort">Order</label>
      <div class="pair">
        <select
          id="sort"
          class="input"
          value={name}
          onChange={({ currentTarget }) => set(direction, currentTarget.value)}
        >
          <option value="">As stored, fastest</option>
          {name !== "" && !known.some((column) => column.name === name) && <option value={name}>{name}</option>}
          {known.map((column) => (
            <option key={column.name} value={column.name}>
              {column.name}
            </option>
          ))}
        </select>
        <select
          class="input"
          aria-label="Direction"
          disabled={name === ""}
          value={direction}
          onChange={({ currentTarget }) => set(currentTarget.value, name)}
        >
          <option value="+">lowest first</option>
          <option value="-">highest first</option>
        </select>
      </div>
    </div>
  );
}
