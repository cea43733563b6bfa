// Numbers, sizes and times as people read them.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const count = (number: number): string => whole.format(number);
/** In few characters: `12,345`, `1.23M`. */
export const compact = (number: number): string => (number < 100_000 ? whole : short).format(number);

/** `1 item`, `2 items`, `2 entries`. */
export function counted(number: number, noun: string): string {
  const word = number === 1 ? noun : noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count(number)} ${word}`;
}

export function bytes(number: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const at = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, number)) / 3));
  const scaled = number / 1000 ** at;
  return `${at === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[at]}`;
}

export const milliseconds = (number: number): string =>
  number < 1000 ? `${Math.round(number)} ms` : `${(number / 1000).toFixed(1)} s`;

export const date = (ms: number): string => day.format(new Date(ms));

/** A STAC time or range of times, to the minute; what is none stays what it is. */
export function time(text: string): string {
  const one = (part: string): string => {
    const at = new Date(part);
    if (Number.isNaN(at.getTime())) return part;
    const clock = at.toISOString().slice(11, 16);
    return clock === "00:00" ? day.format(at) : `${day.format(at)}, ${clock}`;
  };
  const [start, end] = text.split("/").map((part) => one(part));
  return end === undefined || end === start ? (start ?? "") : `${start} – ${end}`;
}
