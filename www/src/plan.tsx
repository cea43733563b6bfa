// Why it was fast: what the search left out, read and cost.

import type { Plan } from "earthcatalog";
import { useEffect, useRef } from "preact/hooks";
import { bytes, count, counted, milliseconds } from "./format";
import { Button } from "./parts";
import { plan, planShown } from "./state";

/** Requests that are listed. */
const MOST_LISTED = 500;

export function PlanDrawer() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const known = plan.value;
  const close = (): void => void (planShown.value = false);
  return (
    <dialog
      class="drawer"
      ref={dialog}
      aria-label="Why it was fast"
      onClose={close}
      onClick={({ target, currentTarget }) => {
        if (target === currentTarget) close();
      }}
    >
      <div class="drawer-body">
        <header class="row">
          <h2>Why it was fast</h2>
          <Button icon="close" label="Close" class="quiet" onClick={close} />
        </header>
        {known ? <Explained plan={known} /> : <p>Nothing was searched for yet.</p>}
      </div>
    </dialog>
  );
}

function Explained({ plan }: { plan: Plan }) {
  const { files, rowGroups, manifests } = plan;
  const stages: [string, number][] = [
    ["in the catalog", files.total],
    ["left after the grid", files.afterGrid],
    ["left after the time", files.afterTime],
    ["left after the bounds", files.afterBounds],
    ["opened", files.opened],
  ];
  const costs: [string, string][] = [
    ["Time", milliseconds(plan.ms)],
    ["Requests", count(plan.requests)],
    ["Received", bytes(plan.bytes)],
    ["Round trips", count(plan.roundTrips)],
    ["From memory", count(plan.cached)],
    ["Manifests read", `${count(manifests.read)} of ${count(manifests.total)}`],
    ["Row groups read", `${count(rowGroups.read)} of ${count(rowGroups.total)}`],
    ["Rows matched", count(plan.rowsMatched)],
  ];
  const log = plan.log.slice(0, MOST_LISTED);
  return (
    <>
      <dl class="totals">
        {costs.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h3>Files</h3>
      <table class="funnel">
        <tbody>
          {stages.map(([name, number]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="bar">
                <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                  <rect width={files.total === 0 ? 0 : Math.max(number > 0 ? 0.5 : 0, (100 * number) / files.total)} height="8" />
                </svg>
              </td>
              <td class="number">{count(number)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note">
        The files left hold {bytes(plan.fileBytes)} and {counted(plan.rowsUpperBound, "row")}; {bytes(plan.bytes)} were read of everything.
      </p>
      <h3>Requests</h3>
      <div class="requests" tabIndex={0} role="region" aria-label="Requests">
        <table>
          <thead>
            <tr>
              <th scope="col">Trip</th>
              <th scope="col">Object</th>
              <th scope="col">From byte</th>
              <th scope="col">Bytes</th>
            </tr>
          </thead>
          <tbody>
            {log.map(({ url, start, end, roundTrip }, at) => (
              <tr key={at}>
                <td class="number">{roundTrip}</td>
                <td class="break" title={url}>{url.split("/").slice(-3).join("/")}</td>
                <td class="number">{count(start)}</td>
                <td class="number">{end === null ? "all" : count(end - start)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {plan.log.length > log.length && <p class="note">and {count(plan.log.length - log.length)} more</p>}
        {plan.log.length === 0 && <p class="note">None: everything was in memory.</p>}
      </div>
    </>
  );
}
