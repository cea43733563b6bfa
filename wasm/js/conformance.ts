// The program gives what api.d.ts promises; compiled, never run.

import type * as api from "./api.js";
import type * as program from "./index.js";

type Given<Promised, Given extends Promised> = Given;

export type Open = Given<typeof api.open, typeof program.open>;
export type Init = Given<typeof api.init, typeof program.init>;
export type Catalog = Given<api.Catalog, program.Catalog>;
export type Search = Given<api.Search, program.Search>;
export type EarthCatalogError = Given<api.EarthCatalogError, program.EarthCatalogError>;
/** And the other way round: nothing that is promised to nobody. */
export type Methods = Given<keyof program.Catalog | keyof program.Search, keyof api.Catalog | keyof api.Search>;
export type Extra = Given<keyof api.Catalog | keyof api.Search, keyof program.Catalog | keyof program.Search>;
