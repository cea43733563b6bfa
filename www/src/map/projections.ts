// The four projections of the map: two of the poles, whose data this is, and two of the world.

import { addCoordinateTransforms, addProjection, get as projectionOf, transform } from "ol/proj";
import Projection from "ol/proj/Projection";
// Of proj4's three dozen projections the map needs one; all of them would be a third of the script.
import proj4 from "proj4/lib/core";
import Proj from "proj4/lib/Proj";
import stere from "proj4/lib/projections/stere";
import type { ProjectionCode } from "../state";

/** Half the side of the polar maps, in metres: the equator is just outside. */
const POLAR_REACH = 12_500_000;

Proj.projections.add(stere);
const DEFINITIONS: [ProjectionCode, string][] = [
  ["EPSG:3413", "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"],
  ["EPSG:3031", "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"],
];
for (const [code, definition] of DEFINITIONS) {
  const extent = [-POLAR_REACH, -POLAR_REACH, POLAR_REACH, POLAR_REACH];
  const [projection, degrees] = [new Projection({ code, units: "m", extent }), projectionOf("EPSG:4326")];
  if (degrees === null) continue;
  const { forward, inverse } = proj4(definition);
  addProjection(projection);
  addCoordinateTransforms(degrees, projection, (at) => forward([...at]), (at) => inverse([...at]));
}

/** 1 for the Arctic, -1 for the Antarctic, 0 for maps of the world. */
export function poleOf(code: ProjectionCode): 1 | -1 | 0 {
  return code === "EPSG:3413" ? 1 : code === "EPSG:3031" ? -1 : 0;
}

/** Beyond this the other pole's side of a polar map would run to infinity. */
const FARTHEST_LATITUDE = 75;
/** The end of Web Mercator. */
const MERCATOR_LATITUDE = 85.0511;

/** A place in degrees on the map, never at infinity. */
export function onMap(longitude: number, latitude: number, code: ProjectionCode): [number, number] {
  const pole = poleOf(code);
  let y = Math.min(90, Math.max(-90, latitude));
  if (pole === 1) y = Math.max(y, -FARTHEST_LATITUDE);
  else if (pole === -1) y = Math.min(y, FARTHEST_LATITUDE);
  else if (code === "EPSG:3857") y = Math.min(MERCATOR_LATITUDE, Math.max(-MERCATOR_LATITUDE, y));
  if (code === "EPSG:4326") return [longitude, y];
  return transform([longitude, y], "EPSG:4326", code) as [number, number];
}

/** A point of the map in degrees. */
export function inDegrees(point: readonly number[], code: ProjectionCode): [number, number] {
  const [longitude, latitude] = code === "EPSG:4326" ? point : transform([...point], code, "EPSG:4326");
  return [wrap(longitude ?? 0), latitude ?? 0];
}

/** A longitude in [-180, 180]. */
export function wrap(longitude: number): number {
  if (longitude >= -180 && longitude <= 180) return longitude;
  return ((((longitude + 180) % 360) + 360) % 360) - 180;
}

/** What is seen at first. */
export function homeOf(code: ProjectionCode): [number, number, number, number] {
  if (code === "EPSG:3413") return [-4_200_000, -4_200_000, 4_200_000, 4_200_000];
  if (code === "EPSG:3031") return [-3_600_000, -3_600_000, 3_600_000, 3_600_000];
  if (code === "EPSG:4326") return [-180, -90, 180, 90];
  return [-20_037_508, -12_500_000, 20_037_508, 18_000_000];
}
