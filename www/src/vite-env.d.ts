/// <reference types="vite/client" />
declare module "proj4/lib/core" {
  const proj4: typeof import("proj4").default;
  export default proj4;
}
declare module "proj4/lib/Proj" {
  const Proj: { projections: { add(projection: unknown): void } };
  export default Proj;
}
declare module "proj4/lib/projections/stere" {
  const stere: unknown;
  export default stere;
}
