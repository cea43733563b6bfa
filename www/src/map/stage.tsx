// The map with what lies on it: tools, projections, legend, the hovered cell; the time axis below.

import { effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { edit, select } from "../actions";
import { compact, count } from "../format";
import { Button } from "../parts";
import { periodOf, periodsOf } from "../search/periods";
import * as state from "../state";
import { MapView } from "./map";
import { SHADES, shadeStarts } from "./palette";
import { Timeline } from "./timeline";

interface Hovered {
  cell?: string;
  item?: number;
  pixel: [number, number];
}

/** How much each cell holds in the chosen time. */
function countsOf(cells: NonNullable<typeof state.overview.value>["cells"]): Map<string, number> {
  const unit = state.axis.value?.unit ?? "year";
  const range = periodsOf(state.query.value, unit);
  const within = (bin: string): boolean => {
    if (range === undefined) return true;
    const period = periodOf(bin, unit);
    return period !== undefined && period >= range[0] && period <= range[1];
  };
  return new Map(cells.map(({ id, bins }) => [id, bins.reduce((sum, [bin, rows]) => sum + (within(bin) ? rows : 0), 0)]));
}

let shown: MapView | undefined;

/** Brings an item into sight. */
export const reveal = (index: number): void => shown?.reveal(index);
/** Takes what is in sight as the area. */
export const takeView = (): void => shown?.tellView();

export function Stage() {
  const target = useRef<HTMLDivElement>(null);
  const tip = useSignal<Hovered | undefined>(undefined);

  useEffect(() => {
    if (target.current === null) return;
    const map = new MapView(target.current, state.projection.peek(), {
      moved: (view) => (state.view.value = view),
      hovered: (what) => {
        tip.value = what;
        state.hovered.value = what?.item;
        map.mark({ cell: what?.cell });
      },
      clicked: ([first]) => void select(first),
      drawn: (area) => {
        state.tool.value = undefined;
        edit({ area });
      },
    });
    shown = map;
    const stops = followState(map);
    const resized = new ResizeObserver(() => map.resize());
    resized.observe(target.current);
    return () => {
      for (const stop of stops) stop();
      resized.disconnect();
      map.close();
    };
  }, []);

  return (
    <section class="stage" aria-label="Map">
      <div class="map">
        <div
          ref={target}
          class="canvas"
          tabIndex={0}
          role="application"
          aria-label="Map of the catalog. Arrow keys move it, plus and minus zoom."
        />
        <Projections />
        <Tools zoom={(levels) => shown?.zoomBy(levels)} home={() => shown?.goHome()} />
        {state.overview.value && <Legend />}
        {tip.value && <Tip hovered={tip.value} />}
        {state.tool.value && <p class="hint" role="status">{HINTS[state.tool.value]}</p>}
      </div>
      {state.overview.value && <Timeline />}
    </section>
  );
}

const HINTS: Record<state.Tool, string> = {
  box: "Drag from one corner of the box to the other. Escape ends it.",
  polygon: "Click the corners of the area, the last one twice. Escape ends it.",
  point: "Click the place. Escape ends it.",
};

/** The map shows what the state says. */
function followState(map: MapView): (() => void)[] {
  const onKey = ({ key }: KeyboardEvent): void => {
    if (key === "Escape") state.tool.value = undefined;
  };
  addEventListener("keydown", onKey);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const recolour = (): void => map.recolour();
  dark.addEventListener("change", recolour);
  return [
    () => removeEventListener("keydown", onKey),
    () => dark.removeEventListener("change", recolour),
    effect(() => {
      const code = state.projection.value;
      map.project(code, state.wantedView.peek());
    }),
    effect(() => {
      const seen = state.wantedView.value;
      if (seen?.projection === state.projection.peek()) map.look(seen);
    }),
    effect(() => {
      const cells = state.overview.value?.cells ?? [];
      map.showCells(cells, countsOf(cells));
    }),
    effect(() => map.showItems(state.results.value)),
    effect(() => map.showArea(state.drawnArea.value)),
    effect(() => map.mark({ hovered: state.hovered.value, selected: state.selected.value })),
    effect(() => map.arm(state.tool.value)),
    effect(() => map.showTiles(state.tiles.value)),
    effect(() => {
      void state.theme.value;
      requestAnimationFrame(recolour);
    }),
  ];
}

function Projections() {
  return (
    <fieldset class="projections">
      <legend class="spoken">Projection</legend>
      {Object.entries(state.PROJECTIONS).map(([code, name]) => (
        <label key={code}>
          <input
            type="radio"
            name="projection"
            value={code}
            checked={state.projection.value === code}
            onChange={() => (state.projection.value = code as state.ProjectionCode)}
          />
          <span title={code}>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Tools({ zoom, home }: { zoom: (levels: number) => void; home: () => void }) {
  return (
    <div class="tools" role="group" aria-label="Map tools">
      <Button icon="plus" label="Zoom in" onClick={() => zoom(1)} />
      <Button icon="minus" label="Zoom out" onClick={() => zoom(-1)} />
      <Button icon="home" label="Show the whole map" onClick={home} />
    </div>
  );
}

function Legend() {
  const cells = state.overview.value?.cells ?? [];
  const most = Math.max(1, ...countsOf(cells).values());
  const starts = shadeStarts(most);
  const outside = cells.find(({ cut }) => cut === null);
  return (
    <figure class="legend">
      <figcaption>Items per cell</figcaption>
      <div class="shades" role="img" aria-label={`Shades from 1 to ${count(most)} items, on a log scale`}>
        {Array.from({ length: SHADES }, (_, at) => (
          <span key={at} class={`shade shade-${at + 1}`} title={`from ${count(starts[at] ?? 1)}`} />
        ))}
      </div>
      <div class="ends" aria-hidden="true">
        {(most > 2 ? [1, starts[3] ?? 1, most] : most > 1 ? [1, most] : [most]).map((mark) => (
          <span key={mark}>{compact(mark)}</span>
        ))}
      </div>
      {outside && <p class="note">{count(outside.rows)} in no cell</p>}
    </figure>
  );
}

/** The hovered cell by year, or the hovered item. */
function Tip({ hovered: { cell: id, item, pixel } }: { hovered: Hovered }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const style = place.current?.style;
    const frame = place.current?.parentElement?.getBoundingClientRect();
    const own = place.current?.getBoundingClientRect();
    if (style === undefined || frame === undefined || own === undefined) return;
    const left = pixel[0] + own.width + 24 > frame.width ? pixel[0] - own.width - 12 : pixel[0] + 16;
    style.left = `${Math.max(4, left)}px`;
    style.top = `${Math.max(4, Math.min(pixel[1] + 16, frame.height - own.height - 8))}px`;
  });
  const summary = item === undefined ? undefined : state.results.value[item];
  const cell = state.overview.value?.cells.find((cell) => cell.id === id);
  return (
    <div class="tip" ref={place} aria-hidden="true">
      {summary ? <strong class="break">{summary.id}</strong> : cell && <CellTip cell={cell} />}
    </div>
  );
}

function CellTip({ cell }: { cell: NonNullable<typeof state.overview.value>["cells"][number] }) {
  const sums = new Map<string, number>();
  for (const [bin, rows] of cell.bins) {
    const year = bin === "" ? "no date" : bin.slice(0, 4);
    sums.set(year, (sums.get(year) ?? 0) + rows);
  }
  const all = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
  const shownYears = all.slice(-12);
  const most = Math.max(...shownYears.map(([, rows]) => rows));
  return (
    <>
      <strong>{count(cell.rows)} {cell.rows === 1 ? "item" : "items"}</strong>
      <span class="break note">{cell.id}</span>
      <table>
        <tbody>
          {all.length > shownYears.length && (
            <tr>
              <td colSpan={3} class="note">{all.length - shownYears.length} earlier years</td>
            </tr>
          )}
          {shownYears.map(([year, rows]) => (
            <tr key={year}>
              <th>{year}</th>
              <td class="bar">
                <svg viewBox="0 0 100 8" preserveAspectRatio="none"><rect width={(100 * rows) / most} height="8" /></svg>
              </td>
              <td class="number">{count(rows)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
