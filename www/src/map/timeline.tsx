// Entries by year or month, from the manifests, with a brush that sets the time of the search.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { edit } from "../actions";
import { compact, counted } from "../format";
import { asTime, nameOf, periodsOf, spanOf } from "../search/periods";
import { axis, query } from "../state";

const HEIGHT = 48;

export function Timeline() {
  const svg = useRef<SVGSVGElement>(null);
  const anchor = useRef<number | undefined>(undefined);
  const hovered = useSignal<number | undefined>(undefined);
  if (axis.value === undefined) return null;
  const { unit, first, rows: all } = axis.value;
  const last = first + all.length - 1;
  const most = Math.max(...all);
  const range = periodsOf(query.value, unit);
  const onAxis = (period: number): number => Math.min(last, Math.max(first, period));
  const [start, end] = range ? [onAxis(range[0]), onAxis(range[1])] : [first, last];
  /** Whether the time of the search meets the axis at all. */
  const meets = range === undefined || (range[0] <= last && range[1] >= first && range[0] <= range[1]);
  // A root: periods of ten and of ten thousand are both seen.
  const height = (rows: number): number => (rows === 0 ? 0 : Math.max(1.5, Math.sqrt(rows / most) * HEIGHT));

  const periodAt = (clientX: number): number => {
    const box = svg.current?.getBoundingClientRect();
    const share = box ? (clientX - box.left) / box.width : 0;
    return onAxis(first + Math.floor(share * all.length));
  };
  const set = (one: number, other: number): void => {
    const [from, to] = [Math.min(one, other), Math.max(one, other)];
    edit(from <= first && to >= last ? { from: "", to: "" } : asTime(from, to, unit));
  };
  const told = (): string => {
    if (hovered.value !== undefined) return `${nameOf(hovered.value, unit)}: ${counted(all[hovered.value - first] ?? 0, "entry")}`;
    if (!meets) return "The catalog has nothing in this time";
    return range ? spanOf(start, end, unit) : `${spanOf(first, last, unit)}, all ${unit}s`;
  };
  return (
    <section class="timeline" aria-label={`Entries by ${unit}`}>
      <div class="timeline-head">
        <span>{told()}</span>
        {range && <button type="button" class="button quiet" onClick={() => edit({ from: "", to: "" })}>All {unit}s</button>}
      </div>
      <div class="bars">
        <svg
          ref={svg}
          viewBox={`0 0 ${all.length} ${HEIGHT}`}
          preserveAspectRatio="none"
          aria-hidden="true"
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            anchor.current = periodAt(event.clientX);
            set(anchor.current, anchor.current);
          }}
          onPointerMove={({ clientX }) => {
            hovered.value = periodAt(clientX);
            if (anchor.current !== undefined) set(anchor.current, hovered.value);
          }}
          onPointerUp={() => (anchor.current = undefined)}
          onPointerCancel={() => (anchor.current = undefined)}
          onPointerLeave={() => (hovered.value = undefined)}
        >
          <rect class="ground" width={all.length} height={HEIGHT} />
          {range && meets && <rect class="brush" x={start - first} width={end - start + 1} height={HEIGHT} />}
          {all.map((rows, at) => (
            <rect
              key={at}
              class={meets && first + at >= start && first + at <= end ? "in" : "out"}
              x={at + 0.12}
              width="0.76"
              y={HEIGHT - height(rows)}
              height={height(rows)}
            />
          ))}
        </svg>
        {meets && <Handle name={`First ${unit}`} text={nameOf(start, unit)} value={start} least={first} most={end} place={(start - first) / all.length} onChange={(period) => set(period, end)} />}
        {meets && <Handle name={`Last ${unit}`} text={nameOf(end, unit)} value={end} least={start} most={last} place={(end - first + 1) / all.length} onChange={(period) => set(start, period)} />}
      </div>
      <div class="axis" aria-hidden="true">
        <span>{nameOf(first, unit)}</span>
        <span class="note">{`most in a ${unit} ${compact(most)}`}</span>
        <span>{nameOf(last, unit)}</span>
      </div>
    </section>
  );
}

interface HandleProps {
  name: string;
  /** The value in words. */
  text: string;
  value: number;
  least: number;
  most: number;
  /** Where on the axis, 0 to 1. */
  place: number;
  onChange: (period: number) => void;
}

/** An end of the brush, for the keyboard and for screen readers. */
function Handle({ name, text, value, least, most, place, onChange }: HandleProps) {
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
      aria-valuetext={text}
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
