// The list of results: as many rows as are seen, however many there are.

import { effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { select } from "../actions";
import { time } from "../format";
import { reveal } from "../map/stage";
import { hovered, results } from "../state";
import type { Summary } from "../worker/protocol";

/** Every row is as high, in pixels, as style.css makes it. */
const ROW = 76;
/** Rows beyond both ends that are there before they are seen. */
const SPARE = 6;

/** The row that the keyboard is at: it stays while an item is looked at. */
let last = 0;

export function ResultList() {
  const frame = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  const active = useSignal(Math.min(last, results.value.length - 1));

  useEffect(() => {
    const list = frame.current;
    if (list === null) return;
    const resized = new ResizeObserver(() => (height.value = list.clientHeight));
    resized.observe(list);
    list.scrollTop = Math.max(0, last * ROW - list.clientHeight / 2);
    // What the pointer is at on the map is shown in the list, where it is in sight.
    const stop = effect(() => {
      if (hovered.value !== undefined) active.value = hovered.value;
    });
    return () => {
      resized.disconnect();
      stop();
    };
  }, []);

  const all = results.value;
  const from = Math.max(0, Math.floor(top.value / ROW) - SPARE);
  const to = Math.min(all.length, Math.ceil((top.value + height.value) / ROW) + SPARE);
  const go = (index: number): void => {
    active.value = last = Math.min(all.length - 1, Math.max(0, index));
    hovered.value = active.value;
    reveal(active.value);
    const list = frame.current;
    if (list === null) return;
    const start = active.value * ROW;
    if (start < list.scrollTop) list.scrollTop = start;
    else if (start + ROW > list.scrollTop + list.clientHeight) list.scrollTop = start + ROW - list.clientHeight;
  };
  const page = Math.max(1, Math.floor(height.value / ROW) - 1);
  const steps: Record<string, number> = {
    ArrowDown: active.value + 1,
    ArrowUp: active.value - 1,
    PageDown: active.value + page,
    PageUp: active.value - page,
    Home: 0,
    End: all.length - 1,
  };
  return (
    <div
      class="list"
      ref={frame}
      role="listbox"
      tabIndex={0}
      aria-label="Items"
      aria-activedescendant={all[active.value] && active.value >= from && active.value < to ? `result-${active.value}` : undefined}
      onScroll={({ currentTarget }) => (top.value = currentTarget.scrollTop)}
      onKeyDown={(event) => {
        const wanted = steps[event.key];
        if (event.key === "Enter" || event.key === " ") void select(active.value);
        else if (wanted === undefined) return;
        else go(wanted);
        event.preventDefault();
      }}
      onPointerLeave={() => (hovered.value = undefined)}
    >
      <div class="rows" role="presentation" style={{ height: `${all.length * ROW}px` }}>
        {all.slice(from, to).map((summary) => (
          <Row
            key={summary.index}
            summary={summary}
            of={all.length}
            active={active.value === summary.index}
            onClick={() => {
              last = summary.index;
              void select(summary.index);
            }}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  summary: Summary;
  of: number;
  active: boolean;
  onClick: () => void;
}

function Row({ summary, of, active, onClick }: RowProps) {
  const { index, id, time: at, facts, thumbnail } = summary;
  return (
    <div
      id={`result-${index}`}
      class={`result ${active ? "active" : ""} ${hovered.value === index ? "hovered" : ""}`}
      role="option"
      aria-selected={active}
      aria-setsize={of}
      aria-posinset={index + 1}
      style={{ top: `${index * ROW}px` }}
      onClick={onClick}
      onPointerEnter={() => (hovered.value = index)}
    >
      <Thumbnail address={thumbnail} size="small" />
      <div class="result-text">
        <span class="result-id" title={id}>
          {id}
        </span>
        <span class="result-time">{at === "" ? "no date" : time(at)}</span>
        <span class="result-facts">
          {facts.map(([name, value]) => (
            <span key={name} title={`${name}: ${value}`}>
              {Number.isNaN(Number(value)) ? value : `${named(name)} ${value}`}
            </span>
          ))}
        </span>
      </div>
    </div>
  );
}

/** A property's name in the words it is made of. */
const named = (name: string): string => name.slice(name.indexOf(":") + 1).replaceAll("_", " ");

/** A thumbnail, asked for when it is in sight, without saying from where. */
export function Thumbnail({ address, size }: { address: string | undefined; size: "small" | "large" }) {
  const failed = useSignal(false);
  if (address === undefined || failed.value) {
    return size === "large" ? null : <span class="thumbnail none" aria-hidden="true" />;
  }
  return (
    <img
      class={`thumbnail ${size}`}
      src={address}
      alt=""
      loading="lazy"
      decoding="async"
      referrerpolicy="no-referrer"
      onError={() => (failed.value = true)}
    />
  );
}
