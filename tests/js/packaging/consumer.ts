// A user's program, compiled and never run: what must be right, and what must be refused.
import { open, init, EarthCatalogError, type CatalogInfo, type Item, type ItemCollection, type Plan } from "earthcatalog";

export async function use(): Promise<void> {
  await init();
  const catalog = await open("https://example.org/catalog", {
    signal: new AbortController().signal,
    headers: { authorization: "Bearer" },
    resolve: async (location) => location.replace("s3://", "https://"),
    fetch: (input, init) => fetch(input, init),
    cache: false,
    concurrency: 4,
  });
  const info: CatalogInfo = catalog.info();
  const id: string | undefined = info.snapshot?.snapshotId;
  const search = catalog.search({
    intersects: { type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]] },
    datetime: "2020/..",
    ids: ["a"],
    collections: ["b"],
    limit: 10,
    maxItems: 100,
    onProgress: ({ filesRead, filesTotal }) => console.log(filesRead / filesTotal, id),
  });
  for await (const item of search) {
    const one: Item = item;
    const href: string | undefined = one.assets["data"]?.href;
    console.log(href, one.properties.datetime);
  }
  for await (const page of search.pages()) {
    const collection: ItemCollection = page;
    console.log(collection.numberReturned);
  }
  const matched: number = await search.matched();
  const uris: string[] = await search.uris("data");
  const arrow: Uint8Array = await search.toArrow();
  for await (const piece of search.export("csv", { asset: "data" })) console.log((piece satisfies Uint8Array).byteLength);
  const plan: Plan = await search.explain();
  const unique: number | null = await catalog.uniqueItemCount();
  const files: string[] = await catalog.searchFiles({ bbox: [0, 0, 1, 1] });
  const rows: number = (await catalog.stats()).reduce((sum, { rowCount }) => sum + rowCount, 0);
  const [top] = await catalog.topCells(1);
  const cells: string[] = catalog.cellsForGeometry({ type: "Point", coordinates: [0, 0] });
  console.log(matched, uris, arrow, plan.files.afterBounds, unique, files, rows, top?.gridPartition, cells);
  catalog.close();
  catalog[Symbol.dispose]();

  // @ts-expect-error a box is numbers
  catalog.search({ bbox: "0,0,1,1" });
  // @ts-expect-error no such parameter
  catalog.search({ where: "id = 1" });
  // @ts-expect-error a snapshot's id is text
  const wrong: number = info.snapshot?.snapshotId;
  // @ts-expect-error a catalog is opened, not made
  new (await import("earthcatalog")).Catalog();
  console.log(wrong);
}

export function handle(error: unknown): string {
  if (error instanceof EarthCatalogError && error.kind === "denied") return error.hint;
  // @ts-expect-error no such kind
  if (error instanceof EarthCatalogError && error.kind === "forbidden") return "";
  return "";
}
