// Land, from the world-atlas package (Natural Earth, public domain): bundled, never asked of another host.

import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import type { Geometry, Position } from "earthcatalog";
import address from "world-atlas/land-50m.json?url";
import type { Readings } from "./shapes";

let land: Promise<Readings> | undefined;

/** The land of the world, in both readings. */
export function readLand(): Promise<Readings> {
  land ??= (async () => {
    const topology = (await (await fetch(address)).json()) as Topology<{ land: GeometryCollection }>;
    const polygons: Position[][][] = feature(topology, topology.objects.land).features.flatMap(({ geometry }) =>
      geometry.type === "MultiPolygon" ? geometry.coordinates : geometry.type === "Polygon" ? [geometry.coordinates] : [],
    );
    const all = (coordinates: Position[][][]): Geometry => ({ type: "MultiPolygon", coordinates });
    return { cut: all(polygons.flatMap(cut)), uncut: all(polygons.map((rings) => rings.map(unrolled))) };
  })();
  land.catch(() => (land = undefined));
  return land;
}

/** A polygon of the atlas, which crosses ±180 without a seam, and holds the South Pole where it winds round it. */
function cut(polygon: Position[][]): Position[][][] {
  const [outer, ...holes] = polygon;
  if (outer === undefined) return [];
  const ring = unrolled(outer);
  const [first, last] = [ring[0]?.[0] ?? 0, ring.at(-1)?.[0] ?? 0];
  if (Math.abs(last - first) > 180) ring.push([last, -90], [first, -90]);
  const longitudes = ring.map(([x]) => x ?? 0);
  if (Math.min(...longitudes) >= -180 && Math.max(...longitudes) <= 180) return [[ring, ...holes]];
  const pieces = [-360, 0, 360].map((shift) => within(ring.map(([x, y]) => [(x ?? 0) + shift, y ?? 0])));
  // No lake of the atlas lies across ±180: they are in the largest piece.
  const sorted = pieces.filter((piece) => piece.length > 3).sort((a, b) => b.length - a.length);
  return sorted.map((piece, at) => (at === 0 ? [piece, ...holes] : [piece]));
}

/** A ring without jumps: its longitudes go on beyond ±180. */
function unrolled(ring: Position[]): Position[] {
  let turn = 0;
  return ring.map(([x = 0, y = 0], at) => {
    const step = x - (ring[at - 1]?.[0] ?? x);
    if (Math.abs(step) > 180) turn -= Math.sign(step) * 360;
    return [x + turn, y];
  });
}

/** The part of a ring between -180 and 180 (Sutherland and Hodgman). */
function within(ring: Position[]): Position[] {
  let found = ring;
  for (const [limit, sign] of [[180, 1], [-180, -1]] as const) {
    const inside = ([x]: Position): boolean => (x ?? 0) * sign <= 180;
    found = found.flatMap((to, at) => {
      const from = found.at(at - 1) ?? to;
      const share = (limit - (from[0] ?? 0)) / ((to[0] ?? 0) - (from[0] ?? 0));
      const crossing: Position = [limit, (from[1] ?? 0) + share * ((to[1] ?? 0) - (from[1] ?? 0))];
      if (inside(from) !== inside(to)) return inside(to) ? [crossing, to] : [crossing];
      return inside(to) ? [to] : [];
    });
  }
  return found;
}
