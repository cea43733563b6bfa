// GeoJSON as shapes on the map.

import type { Geometry, Position } from "earthcatalog";
import OlGeometry from "ol/geom/Geometry";
import GeometryCollection from "ol/geom/GeometryCollection";
import MultiLineString from "ol/geom/MultiLineString";
import MultiPoint from "ol/geom/MultiPoint";
import MultiPolygon from "ol/geom/MultiPolygon";
import type { ProjectionCode } from "../state";
import { onMap, poleOf } from "./projections";

/** Longest step of a curved edge in degrees of longitude. */
const STEP_DEGREES = 3;
/** Shorter edges are drawn straight: those of footprints and of H3 cells, whose sides are given point by point. */
const LONG_DEGREES = 5;

/** A geometry with its two readings: with a seam at ±180 and without. */
export interface Readings {
  cut: Geometry | null;
  uncut: Geometry | null;
}

/** The reading that a projection draws right, as a shape; undefined where there is nothing to draw. */
export function shapeOf(readings: Readings, code: ProjectionCode): OlGeometry | undefined {
  const pole = poleOf(code);
  const geometry = pole === 0 ? readings.cut : readings.uncut;
  return geometry === null ? undefined : shape(geometry, code);
}

function shape(geometry: Geometry, code: ProjectionCode): OlGeometry | undefined {
  switch (geometry.type) {
    case "Point":
      return points([geometry.coordinates], code);
    case "MultiPoint":
      return points(geometry.coordinates, code);
    case "LineString":
      return lines([geometry.coordinates], code);
    case "MultiLineString":
      return lines(geometry.coordinates, code);
    case "Polygon":
      return polygons([geometry.coordinates], code);
    case "MultiPolygon":
      return polygons(geometry.coordinates, code);
    case "GeometryCollection": {
      const parts = geometry.geometries.map((part) => shape(part, code)).filter((part) => part !== undefined);
      return parts.length === 0 ? undefined : new GeometryCollection(parts);
    }
    default:
      return undefined;
  }
}

function points(positions: Position[], code: ProjectionCode): OlGeometry {
  return new MultiPoint(positions.map(([x, y]) => onMap(x ?? 0, y ?? 0, code)));
}

function lines(all: Position[][], code: ProjectionCode): OlGeometry {
  return new MultiLineString(all.map((line) => path(line, code)));
}

function polygons(all: Position[][][], code: ProjectionCode): OlGeometry | undefined {
  const pole = poleOf(code);
  // What lies about the other pole would be drawn inside out, and is out of sight.
  const seen = pole === 0 ? all : all.filter(([outer]) => outer?.some(([, y]) => (y ?? 0) * pole > -60));
  return seen.length === 0 ? undefined : new MultiPolygon(seen.map((rings) => rings.map((ring) => path(ring, code))));
}

/** A line on the map. On a polar map its long edges are curves: they get as many points as that takes. */
function path(line: Position[], code: ProjectionCode): [number, number][] {
  if (poleOf(code) === 0) return line.map(([x, y]) => onMap(x ?? 0, y ?? 0, code));
  const found: [number, number][] = [];
  for (const [at, [x = 0, y = 0]] of line.entries()) {
    const [beforeX = x, beforeY = y] = line[at - 1] ?? [];
    let wide = x - beforeX;
    // The shorter way round, but for a whole parallel (RFC 7946 §3.1.9 as the package reads it).
    if (Math.abs(wide) > 180 && Math.abs(wide) < 360) wide -= Math.sign(wide) * 360;
    const steps = isLong(wide, beforeY, y) ? Math.ceil(Math.abs(wide) / STEP_DEGREES) : 1;
    for (let step = 1; step < steps; step++) {
      found.push(onMap(beforeX + (wide * step) / steps, beforeY + ((y - beforeY) * step) / steps, code));
    }
    found.push(onMap(x, y, code));
  }
  return found;
}

/** Whether an edge is so long on the globe that its curve is seen. */
function isLong(wide: number, from: number, to: number): boolean {
  const parallel = Math.cos((Math.min(Math.abs(from), Math.abs(to)) * Math.PI) / 180);
  return Math.abs(wide) * parallel > LONG_DEGREES;
}

/** Meridians and parallels. */
export function graticule(code: ProjectionCode): OlGeometry {
  const all: Position[][] = [];
  const [least, most] = poleOf(code) === 1 ? [0, 90] : poleOf(code) === -1 ? [-90, 0] : [-90, 90];
  for (let x = -180; x < 180; x += 30) all.push([[x, Math.max(least, -85)], [x, Math.min(most, 85)]]);
  for (let y = Math.max(least, -80); y <= Math.min(most, 80); y += 10) {
    all.push(Array.from({ length: 121 }, (_, at): Position => [-180 + at * 3, y]));
  }
  return lines(all, code);
}
