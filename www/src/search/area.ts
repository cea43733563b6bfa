// Areas as people have them: four numbers, WKT, or GeoJSON of any kind.

import type { Geometry, Position } from "earthcatalog";

export interface Area {
  geometry: Geometry;
  /** Where it was given as one. */
  bbox?: [number, number, number, number];
}

/** Reads an area; undefined for an empty text, an error that says what is wrong for any other that is none. */
export function parseArea(text: string): Area | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (trimmed.startsWith("{")) return { geometry: geometryOf(parseJson(trimmed)) };
  if (/^[-+\d.]/.test(trimmed)) return parseBbox(trimmed);
  return { geometry: new WktReader(trimmed).whole() };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`the area is no JSON: ${(error as Error).message}`);
  }
}

function parseBbox(text: string): Area {
  const numbers = text.split(/[\s,]+/).map(Number);
  const [west, south, east, north] = numbers;
  if (numbers.length !== 4 || west === undefined || south === undefined || east === undefined || north === undefined) {
    throw new Error("a box is four numbers: west, south, east, north");
  }
  if (numbers.some((number) => !Number.isFinite(number))) throw new Error("a box is four numbers: one of these is none");
  if (south > north) throw new Error("the south of a box must not lie above its north");
  if (south < -90 || north > 90) throw new Error("latitudes are between -90 and 90");
  return { geometry: boxGeometry(west, south, east, north), bbox: [west, south, east, north] };
}

/** A box as a polygon; west > east crosses the antimeridian. Its parallels are many short edges, to be drawn curved. */
export function boxGeometry(west: number, south: number, east: number, north: number): Geometry {
  const wide = east >= west ? east - west : east - west + 360;
  const steps = Math.max(1, Math.ceil(wide / 10));
  const along = Array.from({ length: steps + 1 }, (_, at) => wrapped(west + (wide * at) / steps, at > 0));
  const ring: Position[] = [...along.map((x): Position => [x, south]), ...along.toReversed().map((x): Position => [x, north])];
  ring.push([along[0] ?? west, south]);
  return { type: "Polygon", coordinates: [ring] };
}

/** A longitude in [-180, 180]; at the end of a step, ±180 is 180. */
function wrapped(longitude: number, isEnd: boolean): number {
  if (longitude >= -180 && longitude <= 180) return longitude;
  const within = ((((longitude + 180) % 360) + 360) % 360) - 180;
  return within === -180 && isEnd ? 180 : within;
}

/** The geometry of any GeoJSON object. */
export function geometryOf(value: unknown): Geometry {
  const object = value as { type?: unknown; geometry?: unknown; features?: unknown; geometries?: unknown; coordinates?: unknown };
  if (typeof object !== "object" || object === null) throw new Error("the area is no GeoJSON object");
  if (object.type === "Feature") return geometryOf(object.geometry);
  if (object.type === "FeatureCollection") {
    if (!Array.isArray(object.features)) throw new Error("this FeatureCollection has no `features`");
    const geometries = object.features.map(geometryOf);
    const [only] = geometries;
    if (only === undefined) throw new Error("this FeatureCollection holds nothing");
    return geometries.length === 1 ? only : { type: "GeometryCollection", geometries };
  }
  const known = ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"];
  if (object.type === "GeometryCollection" && Array.isArray(object.geometries)) {
    return { type: "GeometryCollection", geometries: object.geometries.map(geometryOf) };
  }
  if (!known.includes(String(object.type)) || !Array.isArray(object.coordinates)) {
    throw new Error(`\`${String(object.type).slice(0, 40)}\` is no type of a GeoJSON geometry`);
  }
  return { type: object.type, coordinates: object.coordinates } as Geometry;
}

/** A geometry as WKT. */
export function wktOf(geometry: Geometry): string {
  if (geometry.type === "GeometryCollection") return `GEOMETRYCOLLECTION (${geometry.geometries.map(wktOf).join(", ")})`;
  const number = (value: number): string => String(Math.round(value * 1e5) / 1e5);
  const text = (value: unknown, depth: number): string => {
    const list = value as unknown[];
    if (typeof list[0] === "number") return (list as number[]).slice(0, 2).map(number).join(" ");
    return `(${list.map((part) => text(part, depth + 1)).join(", ")})`;
  };
  const inside = text(geometry.coordinates, 0);
  return `${geometry.type.toUpperCase()} ${geometry.type === "Point" ? `(${inside})` : inside}`;
}

/** Reads WKT (OGC 06-103r4 §7); heights and measures are dropped. */
class WktReader {
  readonly #words: string[];
  #at = 0;

  constructor(text: string) {
    this.#words = text.replace(/^SRID=\d+;/i, "").match(/[A-Za-z]+|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[(),]|\S/g) ?? [];
  }

  whole(): Geometry {
    const geometry = this.#geometry();
    if (this.#at < this.#words.length) throw new Error(`the area goes on after its end, at \`${this.#words[this.#at]}\``);
    return geometry;
  }

  #geometry(): Geometry {
    const kind = this.#next().toUpperCase();
    if (/^(Z|M|ZM)$/i.test(this.#words[this.#at] ?? "")) this.#at += 1;
    switch (kind) {
      case "POINT":
        return { type: "Point", coordinates: this.#list(() => this.#position())[0] ?? [] };
      case "LINESTRING":
        return { type: "LineString", coordinates: this.#line() };
      case "POLYGON":
        return { type: "Polygon", coordinates: this.#list(() => this.#line()) };
      case "MULTIPOINT":
        return { type: "MultiPoint", coordinates: this.#list(() => this.#loosePosition()) };
      case "MULTILINESTRING":
        return { type: "MultiLineString", coordinates: this.#list(() => this.#line()) };
      case "MULTIPOLYGON":
        return { type: "MultiPolygon", coordinates: this.#list(() => this.#list(() => this.#line())) };
      case "GEOMETRYCOLLECTION":
        return { type: "GeometryCollection", geometries: this.#list(() => this.#geometry()) };
      default:
        throw new Error(`\`${kind.slice(0, 40)}\` begins no area: give west,south,east,north or WKT or GeoJSON`);
    }
  }

  #line(): Position[] {
    return this.#list(() => this.#position());
  }

  #loosePosition(): Position {
    return this.#words[this.#at] === "(" ? (this.#list(() => this.#position())[0] ?? []) : this.#position();
  }

  #position(): Position {
    const numbers: number[] = [];
    while (/^[-+.\d]/.test(this.#words[this.#at] ?? "")) numbers.push(Number(this.#next()));
    const [x, y] = numbers;
    if (x === undefined || y === undefined) throw new Error(`a position is two numbers, not \`${this.#words[this.#at] ?? "the end"}\``);
    return [x, y];
  }

  #list<T>(read: () => T): T[] {
    this.#expect("(");
    const parts = [read()];
    while (this.#words[this.#at] === ",") {
      this.#at += 1;
      parts.push(read());
    }
    this.#expect(")");
    return parts;
  }

  #expect(word: string): void {
    const found = this.#next();
    if (found !== word) throw new Error(`\`${word}\` is missing in the area, before \`${found}\``);
  }

  #next(): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw new Error("the area ends too early");
    this.#at += 1;
    return word;
  }
}
