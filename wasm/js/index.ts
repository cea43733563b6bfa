// What the package gives, whichever entry it is entered by.

export { open, Catalog } from "./catalog.js";
export { init, type ModuleSource } from "./engine.js";
export { EarthCatalogError, type ErrorKind } from "./error.js";
export { Search } from "./search.js";
export type * from "./types.js";
