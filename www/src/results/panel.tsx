// Results: how the search stands, the list or one item, and how to take them away.

import { useSignal } from "@preact/signals";
import { cancel, lift, more, ROOM } from "../actions";
import { bytes, count, counted, milliseconds } from "../format";
import { Button, Icon } from "../parts";
import { conditionsOf, datetimeOf, type Condition } from "../search/query";
import * as state from "../state";
import { TroubleCard } from "../trouble";
import { ItemView } from "./item";
import { ResultList } from "./list";
import { TakeAway } from "./take-away";

export function ResultsPanel() {
  const { phase, results, searchTrouble, selected, asked } = state;
  const taking = useSignal(false);
  if (selected.value !== undefined) return <ItemView />;
  if (searchTrouble.value && results.value.length === 0) {
    return <TroubleCard trouble={searchTrouble.value} about="search" />;
  }
  if (asked.value === undefined) {
    return (
      <div class="blank">
        <p>Nothing was searched for yet.</p>
        <Button class="primary" icon="search" onClick={() => (state.panel.value = "search")}>
          Go to the search
        </Button>
      </div>
    );
  }
  return (
    <div class="results">
      <Standing />
      {searchTrouble.value && <TroubleCard trouble={searchTrouble.value} about="search" />}
      {results.value.length > 0 && (
        <details class="fold" open={taking.value} onToggle={({ currentTarget }) => (taking.value = currentTarget.open)}>
          <summary>
            <Icon name="save" />
            Take it away
          </summary>
          {taking.value && <TakeAway query={asked.value} />}
        </details>
      )}
      {results.value.length > 0 ? <ResultList /> : phase.value === "done" ? <Empty /> : null}
    </div>
  );
}

/** How far the search is, and what it cost. */
function Standing() {
  const { phase, progress, plan, results } = state;
  const now = progress.value;
  const running = phase.value === "running";
  const [read, total] = [now?.filesRead ?? 0, now?.filesTotal ?? 0];
  const found = results.value.length;
  const words: Record<state.Phase, string> = {
    none: "",
    running: total === 0 ? "Planning…" : `${counted(found, "item")}, file ${count(read)} of ${count(total)}`,
    paused: `The first ${counted(found, "item")}`,
    done: counted(found, "item"),
    cancelled: `Cancelled after ${counted(found, "item")}`,
    failed: `${counted(found, "item")} before the error`,
  };
  return (
    <section class="standing" aria-label="Progress">
      <div class="row">
        <p class="count">{words[phase.value]}</p>
        {running && (
          <Button class="small" icon="close" onClick={cancel}>
            Cancel
          </Button>
        )}
        {plan.value && !running && (
          <Button class="small" icon="bolt" onClick={() => (state.planShown.value = true)}>
            {`${milliseconds(plan.value.ms)} · Why?`}
          </Button>
        )}
      </div>
      <progress
        class={running ? "" : "over"}
        aria-label="Files read"
        max={Math.max(1, total)}
        {...(running && total === 0 ? {} : { value: running ? read : Math.max(1, total) })}
      />
      {now && (
        <p class="note">
          {counted(now.requests, "request")}, {bytes(now.bytes)}
          {phase.value === "paused" && "; more are there"}
        </p>
      )}
      {phase.value === "paused" && (
        <div class="row">
          <Button class="small" onClick={() => void more()}>{`${count(ROOM)} more`}</Button>
          <Button class="small" onClick={() => void more(true)}>
            All of them
          </Button>
        </div>
      )}
    </section>
  );
}

/** What keeps everything away, and an offer to lift it. */
function Empty() {
  const query = state.asked.value;
  if (query === undefined) return null;
  const has = conditionsOf(query);
  const liftable = state.liftable.value;
  const named = (condition: Condition): string => {
    switch (condition) {
      case "area":
        return "area";
      case "time":
        return `time (${datetimeOf(query) ?? ""})`;
      case "ids":
        return "ids";
      case "filter":
        return `filter (${query.filter})`;
    }
  };
  let reason = "Looking for the condition that keeps everything away…";
  if (has.length === 0) reason = "The catalog holds no items.";
  else if (liftable !== undefined) {
    const [only] = liftable;
    reason =
      only !== undefined
        ? `The ${named(only)} keeps everything away: without it there are items.`
        : has.length === 1
          ? "The catalog holds no items."
          : `No condition does it alone: together, ${has.map(named).join(" and ")} leave nothing.`;
  }
  const offers = liftable?.length ? liftable : has;
  return (
    <section class="empty" role="status">
      <svg class="empty-mark" viewBox="0 0 64 64" aria-hidden="true">
        <path d="M32 4 56 18v28L32 60 8 46V18Z" />
        <path d="M22 32h20" />
      </svg>
      <h2>Nothing found</h2>
      <p>{reason}</p>
      {liftable !== undefined && (
        <div class="row">
          {offers.map((condition, at) => (
            <Button key={condition} class={at === 0 ? "primary" : ""} onClick={() => lift(condition)}>
              Search without the {condition}
            </Button>
          ))}
        </div>
      )}
    </section>
  );
}
