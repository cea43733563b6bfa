// Entries by year, from the manifests, with a brush that sets the time of the search.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { edit } from "../actions";
import { compact, count } from "../format";
import { timeRange, yearsAsTime } from "../search/years";
import { query, years } from "../state";

const HEIGHT = 48;

export function Timeline() {
  const all = years.value;
  const svg = useRef<SVGSVGElement>(null);
  const anchor = useRef<number | undefined>(undefined);
  const hovered = useSignal<number | undefined>(undefined);
  const [first, last] = [all[0]?.year, all.at(-1)?.year];
  if (first === undefined || last === undefined) return null;
  const most = Math.max(...all.map(({ rows }) => rows));
  const range = timeRange(query.value);
  const start = Math.max(first, range?.[0] ?? first);
  const end = Math.min(last, range?.[1] ?? last);
  // A root: years of ten and of ten thousand are both seen.
  const height = (rows: number): number => (rows === 0 ? 0 : Math.max(1.5, Math.sqrt(rows / most) * HEIGHT));

  const yearAt = (clientX: number): number => {
    const box = svg.current?.getBoundingClientRect();
    const share = box ? (clientX - box.left) / box.width : 0;
    return Math.min(last, Math.max(first, first + Math.floor(share * all.length)));
  };
  const set = (from: number, to: number): void => {
    edit(from <= first && to >= last ? { from: "", to: "" } : yearsAsTime(Math.min(from, to), Math.max(from, to)));
  };
  const about = hovered.value === undefined ? undefined : all[hovered.value - first];
  return (
    <section class="timeline" aria-label="Items by year">
      <div class="timeline-head">
        <span>
          {about ? `${about.year}: ${count(about.rows)} entries` : range ? `${start}–${end}` : `${first}–${last}, all years`}
        </span>
        {range && <button type="button" class="button quiet" onClick={() => edit({ from: "", to: "" })}>All years</button>}
      </div>
      <div class="bars">
        <svg
          ref={svg}
          viewBox={`0 0 ${all.length} ${HEIGHT}`}
          preserveAspectRatio="none"
          aria-hidden="true"
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            anchor.current = yearAt(event.clientX);
            set(anchor.current, anchor.current);
          }}
          onPointerMove={({ clientX }) => {
            const year = yearAt(clientX);
            hovered.value = year;
            if (anchor.current !== undefined) set(Math.min(anchor.current, year), Math.max(anchor.current, year));
          }}
          onPointerUp={() => (anchor.current = undefined)}
          onPointerCancel={() => (anchor.current = undefined)}
          onPointerLeave={() => (hovered.value = undefined)}
        >
          <rect class="ground" width={all.length} height={HEIGHT} />
          {range && end >= start && <rect class="brush" x={start - first} width={end - start + 1} height={HEIGHT} />}
          {all.map(({ year, rows }, at) => (
            <rect
              key={year}
              class={year >= start && year <= end ? "in" : "out"}
              x={at + 0.12}
              width="0.76"
              y={HEIGHT - height(rows)}
              height={height(rows)}
            />
          ))}
        </svg>
        <Handle name="First year" value={start} least={first} most={end} place={(start - first) / all.length} onChange={(year) => set(year, end)} />
        <Handle name="Last year" value={end} least={start} most={last} place={(end - first + 1) / all.length} onChange={(year) => set(start, year)} />
      </div>
      <div class="axis" aria-hidden="true">
        <span>{first}</span>
        <span class="note">most in a year {compact(most)}</span>
        <span>{last}</span>
      </div>
    </section>
  );
}

interface HandleProps {
  name: string;
  value: number;
  least: number;
  most: number;
  /** Where on the axis, 0 to 1. */
  place: number;
  onChange: (year: number) => void;
}

/** An end of the brush, for the keyboard and for screen readers. */
function Handle({ name, value, least, most, place, onChange }: HandleProps) {
  const steps: Record<string, number> = {
    ArrowLeft: value - 1,
    ArrowDown: value - 1,
    ArrowRight: value + 1,
    ArrowUp: value + 1,
    PageDown: value - 5,
    PageUp: value + 5,
    Home: least,
    End: most,
  };
  return (
    <div
      class="handle"
      role="slider"
      tabIndex={0}
      aria-label={name}
      aria-valuemin={least}
      aria-valuemax={most}
      aria-valuenow={value}
      style={{ left: `${place * 100}%` }}
      onKeyDown={(event) => {
        const wanted = steps[event.key];
        if (wanted === undefined) return;
        event.preventDefault();
        onChange(Math.min(most, Math.max(least, wanted)));
      }}
    />
  );
}
