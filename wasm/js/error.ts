// The one error of this package.

/** What can be done about an error. */
export type ErrorKind =
  | "invalid"
  | "not_found"
  | "denied"
  | "unavailable"
  | "changed"
  | "corrupt"
  | "unsupported"
  | "conflict"
  | "locked"
  | "internal";

/** The members of an error as the reader gives them. */
export interface ErrorMembers {
  kind: ErrorKind;
  message: string;
  hint: string;
  url?: string | undefined;
  context?: { [key: string]: string };
}

/** An error that says what kind it is, what to do about it, and which object it is about. */
export class EarthCatalogError extends Error {
  /** What kind of error it is: `not_found`, `denied`, `unavailable`, `changed`, `corrupt`, … */
  readonly kind: ErrorKind;
  /** What to do about it. */
  readonly hint: string;
  /** The object it is about. */
  readonly url: string | undefined;
  /** More about it: status, column, requests, … */
  readonly context: { readonly [key: string]: string };

  constructor(members: ErrorMembers, cause?: unknown) {
    super(members.message, cause === undefined ? undefined : { cause });
    this.name = "EarthCatalogError";
    this.kind = members.kind;
    this.hint = members.hint;
    this.url = members.url;
    this.context = members.context ?? {};
  }
}

/** What the reader threw, as an error of this package. */
export function wrapped(thrown: unknown): unknown {
  const isOurs = typeof thrown === "object" && thrown !== null && !(thrown instanceof Error) && "kind" in thrown;
  return isOurs ? new EarthCatalogError(thrown as ErrorMembers) : thrown;
}
