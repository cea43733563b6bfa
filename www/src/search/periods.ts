// Periods of the time axis, as numbers: years, or months since the year 0.

import type { Query } from "./query";

export type Unit = "year" | "month";

/** A run of periods, and the entries in each. */
export interface Axis {
  unit: Unit;
  first: number;
  rows: number[];
}

/** Periods that are drawn: beyond that many months the axis has years, and a broken date makes no endless one. */
const MOST_PERIODS = 200;

/** The axis of rows by time bin (`2021`, `2021-06`, `2021-06-15`); undefined if none has a time. */
export function axisOf(bins: Iterable<[string, number]>, finest: Unit): Axis | undefined {
  const sums = new Map<number, number>();
  for (const [bin, rows] of bins) {
    const period = periodOf(bin, finest);
    if (period !== undefined) sums.set(period, (sums.get(period) ?? 0) + rows);
  }
  if (sums.size === 0) return undefined;
  const [least, last] = [Math.min(...sums.keys()), Math.max(...sums.keys())];
  if (finest === "month" && last - least >= MOST_PERIODS) return axisOf(bins, "year");
  const first = Math.max(least, last - MOST_PERIODS + 1);
  return { unit: finest, first, rows: Array.from({ length: last - first + 1 }, (_, at) => sums.get(first + at) ?? 0) };
}

/** The period of a date; of a year alone its first month, or with `isEnd` its last. */
export function periodOf(date: string, unit: Unit, isEnd = false): number | undefined {
  const [, year, month] = /^\s*(\d{4})(?:-(\d{2}))?/.exec(date) ?? [];
  if (year === undefined) return undefined;
  if (unit === "year") return Number(year);
  return Number(year) * 12 + (month === undefined ? (isEnd ? 11 : 0) : Number(month) - 1);
}

/** The year of a period. */
export const yearOf = (period: number, unit: Unit): number => (unit === "year" ? period : Math.floor(period / 12));

/** A period as people write it. */
export function nameOf(period: number, unit: Unit): string {
  if (unit === "year") return String(period);
  return new Date(Date.UTC(yearOf(period, unit), period % 12)).toLocaleDateString("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });
}

/** Two periods and what lies between them, as people write it. */
export function spanOf(first: number, last: number, unit: Unit): string {
  return first === last ? nameOf(first, unit) : `${nameOf(first, unit)}–${nameOf(last, unit)}`;
}

/** First and last period of the query's time; undefined for all. */
export function periodsOf({ from, to }: Pick<Query, "from" | "to">, unit: Unit): [number, number] | undefined {
  const [start, end] = [periodOf(from, unit), periodOf(to, unit, true)];
  if (start === undefined && end === undefined) return undefined;
  return [start ?? Number.NEGATIVE_INFINITY, end ?? Number.POSITIVE_INFINITY];
}

/** Whole periods, as dates. */
export function asTime(first: number, last: number, unit: Unit): Pick<Query, "from" | "to"> {
  const day = (period: number, month: number, day: number): string =>
    new Date(Date.UTC(yearOf(period, unit), month, day)).toISOString().slice(0, 10);
  if (unit === "year") return { from: day(first, 0, 1), to: day(last, 11, 31) };
  return { from: day(first, first % 12, 1), to: day(last, (last % 12) + 1, 0) };
}
