// Errors that a person can act on.

import { openCatalog, search } from "./actions";
import { Button, Code, offline } from "./parts";
import { address } from "./state";
import type { Trouble } from "./worker/protocol";

const TITLES: Record<string, string> = {
  not_found: "There is no catalog here",
  denied: "The store does not let this page read",
  unavailable: "The store does not answer",
  changed: "The catalog was replaced",
  corrupt: "Something that is no catalog came back",
  unsupported: "This explorer cannot read that",
  invalid: "The search needs a correction",
};

/** The rules in a hint, on lines of their own; undefined where there are none. */
function corsRules(hint: string): string | undefined {
  const found = /\{"CORSRules".*\]\}/.exec(hint)?.[0];
  if (found === undefined) return undefined;
  // Lists of words on one line each.
  return JSON.stringify(JSON.parse(found), null, 2).replace(/\[\s+("[^\]{}]*")\s+\]/g, (_, words: string) => `[${words.replace(/\s+/g, " ")}]`);
}

function advice({ kind, hint, context }: Trouble): string {
  if (offline.value) return "This browser is offline: connect it, and try again.";
  if (kind === "denied" && context["cors"] === undefined) {
    return "The bucket is private, or the object is not there and may not be listed. Ask its owner to allow anonymous reads, or open a signed or public copy.";
  }
  if (kind === "denied") {
    return "Reading from another site takes the consent of the store (CORS). Its owner can set these rules for S3 with “aws s3api put-bucket-cors”; elsewhere, answer with “Access-Control-Allow-Origin: *”. A wrong address looks the same to a browser: check it, too.";
  }
  return hint === "" ? "" : hint.charAt(0).toUpperCase() + hint.slice(1);
}

export function TroubleCard({ trouble, about }: { trouble: Trouble; about: "catalog" | "search" }) {
  const rules = corsRules(trouble.hint);
  const title = offline.value ? "This browser is offline" : (TITLES[trouble.kind] ?? "Something went wrong");
  const again = (): void => void (about === "catalog" || trouble.kind === "changed" ? openCatalog(address.value) : search());
  return (
    <section class="trouble" role="alert">
      <h2>{title}</h2>
      <p>{advice(trouble)}</p>
      {rules && <Code text={rules} label="CORS rules for S3" />}
      <p class="note">
        {trouble.message}
        {trouble.url && <><br />{trouble.url}</>}
      </p>
      {trouble.kind !== "invalid" && (
        <Button class="primary" onClick={again}>
          {trouble.kind === "changed" ? "Open it again" : "Try again"}
        </Button>
      )}
    </section>
  );
}
