// The whole catalog from its manifests: cells, what they hold, and their outlines.

import type { Catalog } from "earthcatalog";
import type { Cell, Overview } from "./protocol";

/** Reads the manifests, and no data file. */
export async function overviewOf(catalog: Catalog): Promise<Overview> {
  // The count of different items is an extra: where it cannot be had, rows are told.
  const [partitions, items] = await Promise.all([catalog.stats(), catalog.uniqueItemCount().catch(() => null)]);
  const cells = new Map<string, Cell>();
  const sums = { rows: 0, files: 0, bytes: 0 };
  for (const { gridPartition, year, rowCount, fileCount, totalBytes } of partitions) {
    let cell = cells.get(gridPartition);
    if (cell === undefined) {
      cell = { id: gridPartition, rows: 0, files: 0, bytes: 0, bins: [], cut: null, uncut: null };
      cells.set(gridPartition, cell);
    }
    for (const sum of [cell, sums]) {
      sum.rows += rowCount;
      sum.files += fileCount;
      sum.bytes += totalBytes;
    }
    cell.bins.push([year ?? "", rowCount]);
  }
  const ids = [...cells.keys()];
  const [cut, uncut] = [catalog.cellBoundaries(ids), catalog.cellBoundaries(ids, { cut: false })];
  for (const [at, id] of ids.entries()) {
    const cell = cells.get(id);
    if (cell === undefined) continue;
    cell.cut = cut.features[at]?.geometry ?? null;
    cell.uncut = uncut.features[at]?.geometry ?? null;
  }
  return { cells: [...cells.values()], ...sums, items };
}
