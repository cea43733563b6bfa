// What the build puts in: the binding, and the module in its several forms.

declare module "#glue" {
  export type Output = "items" | "count" | "uris" | "plan" | `export:${import("./types.js").ExportFormat}`;
  export interface RawHost {
    fetch?: typeof fetch;
    headers?: [string, string][];
    resolve?: (location: string) => string | Promise<string>;
    cacheBytes?: number;
    concurrency?: number;
    timeoutMs?: number;
  }
  export interface RawRun {
    advance(): { value: unknown } | { done: true } | undefined;
    arrival(): Promise<string | undefined>;
    cancel(): void;
    explain(): import("./types.js").Plan;
    progress(): import("./types.js").Progress;
    free(): void;
  }
  export interface RawCatalog {
    info(): import("./types.js").CatalogInfo;
    cellsForGeometry(geometry: object): string[];
    cellListSql(geometry: object): string;
    cellBoundaries(cells: readonly string[], cut: boolean): import("./types.js").CellBoundaries;
    cutAtAntimeridian(geometry: object): import("./types.js").Geometry;
    search(query: object, output: Output, asset?: string): RawRun;
    searchFiles(query: object): RawRun;
    stats(): RawRun;
    columnStats(): RawRun;
    topCells(most: number): RawRun;
    uniqueItemCount(): RawRun;
    free(): void;
  }
  export interface Raw {
    openCatalog(url: string, host: RawHost): RawRun;
  }
  export function instantiate(module: WebAssembly.Module): Raw;
}

declare module "#inline" {
  const compressed: string;
  export default compressed;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
