// One item: its properties, assets by role, and all of it as it is stored. Everything in it is text of others.

import type { Asset, Item } from "earthcatalog";
import { useEffect, useRef } from "preact/hooks";
import { select } from "../actions";
import { time } from "../format";
import { linkOf } from "../links";
import { Button, CopyButton, Icon } from "../parts";
import { item, results, selected } from "../state";
import { Thumbnail } from "./list";

export function ItemView() {
  const heading = useRef<HTMLHeadingElement>(null);
  const index = selected.value ?? 0;
  useEffect(() => heading.current?.focus(), []);
  const [summary, whole] = [results.value[index], item.value];
  const go = (to: number): void => void select(to);
  return (
    <article
      class="item"
      onKeyDown={({ key }) => {
        if (key === "Escape") void select(undefined);
      }}
    >
      <div class="row item-head">
        <Button icon="back" class="small" onClick={() => void select(undefined)}>
          Results
        </Button>
        <Button class="small" label="Previous item" disabled={index <= 0} onClick={() => go(index - 1)}>
          Previous
        </Button>
        <Button class="small" label="Next item" disabled={index >= results.value.length - 1} onClick={() => go(index + 1)}>
          Next
        </Button>
      </div>
      <h2 class="break" ref={heading} tabIndex={-1}>
        {summary?.id}
      </h2>
      {summary?.time && <p class="result-time">{time(summary.time)}</p>}
      {summary?.collection && <p class="note break">{summary.collection}</p>}
      <Thumbnail key={index} address={summary?.thumbnail} size="large" />
      {whole ? <Whole item={whole} /> : <p class="wait">Reading the item…</p>}
    </article>
  );
}

function Whole({ item: whole }: { item: Item }) {
  const text = JSON.stringify(whole, null, 2);
  const properties = Object.entries(whole.properties ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <>
      <section>
        <h3>Assets</h3>
        <Assets assets={whole.assets ?? {}} />
      </section>
      <section>
        <h3>Properties</h3>
        <dl class="properties">
          {properties.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <Value value={value} />
              </dd>
            </div>
          ))}
        </dl>
      </section>
      {Array.isArray(whole.links) && whole.links.length > 0 && (
        <section>
          <h3>Links</h3>
          <ul class="assets">
            {whole.links.map((link, at) => (
              <li key={at}>
                <span class="asset-name">{String(link?.rel)}</span>
                <Href href={link?.href} text={typeof link?.title === "string" ? link.title : String(link?.href)} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <details class="fold">
        <summary>Raw JSON</summary>
        <div class="code tall">
          <pre tabIndex={0} aria-label="Raw JSON">{text}</pre>
          <CopyButton text={text} label="Copy the raw JSON" />
        </div>
      </details>
    </>
  );
}

function Value({ value }: { value: unknown }) {
  if (value === null) return <em>null</em>;
  if (typeof value === "object") return <code class="break">{JSON.stringify(value)}</code>;
  const link = /^(https?|s3):/i.test(String(value)) ? linkOf(value) : undefined;
  return link ? <Href href={value} text={String(value)} /> : <>{String(value)}</>;
}

/** A link where the address may be one, otherwise its text. */
function Href({ href, text }: { href: unknown; text: string }) {
  const link = linkOf(href);
  if (link === undefined) return <span class="break">{text}</span>;
  return (
    <a class="break" href={link} target="_blank" rel="noopener noreferrer nofollow">
      {text}
    </a>
  );
}

/** Assets by their first role; data first. */
function Assets({ assets }: { assets: { [key: string]: Asset } }) {
  const groups = new Map<string, [string, Asset][]>();
  for (const [key, asset] of Object.entries(assets)) {
    const role = Array.isArray(asset?.roles) && asset.roles.length > 0 ? String(asset.roles[0]) : "other";
    groups.set(role, [...(groups.get(role) ?? []), [key, asset]]);
  }
  const order = (role: string): number => (role === "data" ? 0 : role === "other" ? 2 : 1);
  const sorted = [...groups].sort(([a], [b]) => order(a) - order(b) || (a < b ? -1 : 1));
  if (sorted.length === 0) return <p class="note">None.</p>;
  return (
    <>
      {sorted.map(([role, group]) => (
        <div key={role}>
          <h4>{role}</h4>
          <ul class="assets">
            {group.map(([key, asset]) => (
              <AssetRow key={key} name={key} asset={asset} />
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}

function AssetRow({ name, asset }: { name: string; asset: Asset }) {
  const href = typeof asset?.href === "string" ? asset.href : "";
  const link = linkOf(href);
  const about = [asset?.title, asset?.type].filter((text) => typeof text === "string").join(" · ");
  return (
    <li>
      <div class="asset-text">
        <span class="asset-name">{name}</span>
        {about && <span class="note break">{about}</span>}
        <span class="asset-href break" title={href}>
          {href}
        </span>
      </div>
      <CopyButton text={href} label={`Copy the address of ${name}`} />
      {link && (
        <a
          class="button quiet"
          href={link}
          download
          target="_blank"
          rel="noopener noreferrer nofollow"
          aria-label={`Download ${name}`}
          title={`Download ${name}`}
        >
          <Icon name="save" />
        </a>
      )}
    </li>
  );
}
