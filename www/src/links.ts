// Which addresses of a catalog become links. A catalog is written by others: whatever is not known is text.

/** Where a link leads: http and https as they are, s3 at its https address; undefined for everything else. */
export function linkOf(href: unknown): string | undefined {
  if (typeof href !== "string") return undefined;
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,62})\/(.+)$/.exec(href);
  if (s3?.[1] !== undefined && s3[2] !== undefined) {
    const key = s3[2].split("/").map(encodeURIComponent).join("/");
    // A name with dots has no certificate of its own.
    const host = s3[1].includes(".") ? `s3.amazonaws.com/${s3[1]}` : `${s3[1]}.s3.amazonaws.com`;
    return `https://${host}/${key}`;
  }
  try {
    const { protocol, href: whole } = new URL(href);
    return protocol === "https:" || protocol === "http:" ? whole : undefined;
  } catch {
    return undefined;
  }
}

/** The last part of an address, to name it. */
export function nameOf(address: string): string {
  const path = address.split(/[?#]/)[0] ?? "";
  const parts = path.split("/").filter((part) => part !== "" && part !== "earthcatalog.db");
  return decode(parts.at(-1) ?? address);
}

/** A catalog's name: that of its folder, of the one it was written to where it lies at the root of a host. */
export function catalogName({ base, tableLocation }: { base: string; tableLocation: string }): string {
  const isRoot = /^https?:\/\/[^/]+\/?$/.test(base);
  return nameOf(isRoot ? tableLocation.replace(/\/warehouse\/.*$/, "") : base);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
