// Years of a query: what the brush over the histogram shows and sets.

import type { Query } from "./query";

/** First and last year of the query's time; undefined for all. */
export function timeRange({ from, to }: Pick<Query, "from" | "to">): [number, number] | undefined {
  const [start, end] = [yearOf(from), yearOf(to)];
  if (start === undefined && end === undefined) return undefined;
  return [start ?? Number.NEGATIVE_INFINITY, end ?? Number.POSITIVE_INFINITY];
}

function yearOf(text: string): number | undefined {
  const found = /^\s*(\d{4})/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Whole years, as dates. */
export function yearsAsTime(first: number, last: number): Pick<Query, "from" | "to"> {
  const year = (number: number): string => String(number).padStart(4, "0");
  return { from: `${year(first)}-01-01`, to: `${year(last)}-12-31` };
}
