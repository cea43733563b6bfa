// The map: land, cells, footprints and the area of the search, and what the pointer does on them.

import type { Geometry, Position } from "earthcatalog";
import Feature from "ol/Feature";
import OlMap from "ol/Map";
import View from "ol/View";
import { containsExtent, getCenter } from "ol/extent";
import OlPoint from "ol/geom/Point";
import MultiPolygon from "ol/geom/MultiPolygon";
import Polygon, { fromExtent } from "ol/geom/Polygon";
import DragPan from "ol/interaction/DragPan";
import Draw, { createBox } from "ol/interaction/Draw";
import KeyboardPan from "ol/interaction/KeyboardPan";
import KeyboardZoom from "ol/interaction/KeyboardZoom";
import MouseWheelZoom from "ol/interaction/MouseWheelZoom";
import PinchZoom from "ol/interaction/PinchZoom";
import DoubleClickZoom from "ol/interaction/DoubleClickZoom";
import TileLayer from "ol/layer/Tile";
import VectorLayer from "ol/layer/Vector";
import VectorImageLayer from "ol/layer/VectorImage";
import VectorSource from "ol/source/Vector";
import XYZ from "ol/source/XYZ";
import { wktOf } from "../search/area";
import type { ProjectionCode, Tool, View as SeenView } from "../state";
import type { Cell, Drawable, Summary } from "../worker/protocol";
import { readLand } from "./land";
import { type Palette, readPalette, shadeOf } from "./palette";
import { homeOf, inDegrees, onMap, poleOf, wrap } from "./projections";
import { graticule, shapeOf } from "./shapes";

/** Footprints that are drawn one by one; those beyond are drawn as counts. */
export const MOST_FOOTPRINTS = 10_000;
/** Footprints beyond which each is drawn as a thin line alone. */
const CROWD = 400;
/** How much is seen of cells below footprints. */
const FADED = 0.4;
/** Counted footprints are drawn on a raster of this many degrees. */
const BIN_DEGREES = 2;

/** What happens on the map. */
export interface MapListener {
  moved(view: SeenView): void;
  hovered(what: { cell?: string; item?: number; pixel: [number, number] } | undefined): void;
  clicked(items: number[]): void;
  /** An area, as the form has it: `west,south,east,north` or WKT. */
  drawn(area: string): void;
}

type CellFeature = Feature & { cell: string };
type ItemFeature = Feature & { item: number };

export class MapView {
  readonly #target: HTMLElement;
  readonly #listener: MapListener;
  readonly #map: OlMap;
  readonly #land = new VectorSource();
  readonly #lines = new VectorSource();
  readonly #cells = new VectorSource();
  readonly #footprints = new VectorSource();
  readonly #bins = new VectorSource();
  readonly #marks = new VectorSource();
  readonly #area = new VectorSource();
  readonly #tiles = new TileLayer();
  readonly #cellLayer: VectorImageLayer<VectorSource>;
  readonly #footprintLayer: VectorImageLayer<VectorSource>;
  #palette: Palette = readPalette();
  #code: ProjectionCode;
  #draw: Draw | undefined;
  #shownCells: Cell[] = [];
  #counts = new Map<string, number>();
  #most = 1;
  #items: Summary[] = [];
  #drawn = 0;
  #binned = new Map<string, Feature>();
  #areaShown: Drawable | undefined;
  #marked: { hovered?: number | undefined; selected?: number | undefined; cell?: string | undefined } = {};

  constructor(target: HTMLElement, code: ProjectionCode, listener: MapListener) {
    this.#target = target;
    this.#listener = listener;
    this.#code = code;
    // Drawn once into an image that is a little larger than the map: panning moves the image.
    const image = { imageRatio: 1.4, renderBuffer: 64 };
    this.#cellLayer = new VectorImageLayer({ source: this.#cells, ...image, style: (feature) => this.#styleOf(feature as CellFeature) });
    this.#footprintLayer = new VectorImageLayer({ source: this.#footprints, ...image, style: () => (this.#drawn > CROWD ? this.#palette.crowded : this.#palette.footprint) });
    const still = { updateWhileAnimating: true, updateWhileInteracting: true };
    this.#map = new OlMap({
      target,
      controls: [],
      interactions: [
        new DragPan({}),
        new MouseWheelZoom(),
        new PinchZoom(),
        new DoubleClickZoom(),
        new KeyboardPan(),
        new KeyboardZoom(),
      ],
      layers: [
        this.#tiles,
        new VectorImageLayer({ source: this.#land, ...image, style: () => this.#palette.land }),
        new VectorImageLayer({ source: this.#lines, ...image, style: () => this.#palette.graticule }),
        this.#cellLayer,
        new VectorImageLayer({ source: this.#land, ...image, style: () => this.#palette.coast }),
        this.#footprintLayer,
        new VectorImageLayer({ source: this.#bins, ...image, style: (feature) => this.#palette.bins[binSize(feature as Feature)] }),
        new VectorLayer({ source: this.#area, ...still, style: () => this.#palette.area }),
        new VectorLayer({ source: this.#marks, ...still, style: (feature) => this.#palette[feature.get("mark") as "hovered"] }),
      ],
    });
    this.#map.on("moveend", () => this.#moved());
    this.#map.on("pointermove", ({ dragging, pixel, coordinate }) => {
      if (!dragging) this.#hover(coordinate, pixel as [number, number]);
    });
    this.#map.on("click", ({ coordinate }) => {
      if (this.#draw === undefined) listener.clicked(this.#itemsAt(coordinate));
    });
    target.addEventListener("pointerleave", () => listener.hovered(undefined));
    this.project(code);
  }

  /** Shows the map in a projection, from where it was looked at. */
  project(code: ProjectionCode, seen?: SeenView): void {
    this.#code = code;
    const pole = poleOf(code);
    const reach = pole === 0 ? undefined : [-9e6, -9e6, 9e6, 9e6];
    const view = new View({
      projection: code,
      ...(reach ? { extent: reach, constrainOnlyCenter: true } : {}),
      ...(pole === 0 ? { multiWorld: true } : {}),
      minZoom: 0,
      maxZoom: 18,
      center: [0, 0],
      zoom: 1,
      enableRotation: false,
    });
    this.#map.setView(view);
    this.#redraw();
    if (seen?.projection === code) {
      view.setCenter(onMap(...seen.center, code));
      view.setZoom(seen.zoom);
    } else {
      view.fit(homeOf(code), { size: this.#map.getSize() ?? [800, 600], padding: [8, 8, 8, 8] });
    }
  }

  /** Goes where it was looked at, in the same projection. */
  look(seen: SeenView): void {
    this.#map.getView().setCenter(onMap(...seen.center, this.#code));
    this.#map.getView().setZoom(seen.zoom);
  }

  zoomBy(levels: number): void {
    const view = this.#map.getView();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    view.animate({ zoom: (view.getZoom() ?? 1) + levels, duration: calm ? 0 : 160 });
  }

  goHome(): void {
    this.#map.getView().fit(homeOf(this.#code), { padding: [8, 8, 8, 8] });
  }

  /** Brings an item's footprint into sight, if it is not. */
  reveal(index: number): void {
    const item = this.#items[index];
    const extent = item && shapeOf(item, this.#code)?.getExtent();
    if (!extent || !extent.every(Number.isFinite)) return;
    const view = this.#map.getView();
    if (containsExtent(view.calculateExtent(this.#map.getSize()), extent)) return;
    view.setCenter(getCenter(extent));
  }

  /** Takes the colours of the present theme. */
  recolour(): void {
    this.#palette = readPalette();
    for (const layer of this.#map.getAllLayers()) layer.changed();
  }

  /** Shows the cells, coloured by how much each holds. */
  showCells(cells: Cell[], counts: Map<string, number>): void {
    const same = cells === this.#shownCells;
    this.#shownCells = cells;
    this.#counts = counts;
    this.#most = Math.max(1, ...counts.values());
    if (same) this.#cellLayer.changed();
    else this.#drawCells();
  }

  /** Results: what is new since the last call is added, and a new list begins anew. */
  showItems(items: Summary[]): void {
    if (items[0] !== this.#items[0] || items.length < this.#items.length) {
      this.#footprints.clear(true);
      this.#bins.clear(true);
      this.#binned.clear();
      this.#drawn = 0;
    }
    this.#items = items;
    // What was found is what is looked at: the cells step back.
    this.#cellLayer.setOpacity(items.length > 0 ? FADED : 1);
    const features: Feature[] = [];
    for (; this.#drawn < items.length; this.#drawn++) {
      const item = items[this.#drawn];
      if (item === undefined) continue;
      if (this.#drawn >= MOST_FOOTPRINTS) this.#count(item);
      else {
        const geometry = shapeOf(item, this.#code);
        if (geometry !== undefined) features.push(Object.assign(new Feature(geometry), { item: item.index }));
      }
    }
    this.#footprints.addFeatures(features);
    this.#mark();
  }

  showArea(area: Drawable | undefined): void {
    this.#areaShown = area;
    this.#area.clear(true);
    const geometry = area && shapeOf(area, this.#code);
    if (geometry !== undefined) this.#area.addFeature(new Feature(geometry));
  }

  /** Marks what is hovered and selected. */
  mark(marked: { hovered?: number | undefined; selected?: number | undefined; cell?: string | undefined }): void {
    this.#marked = { ...this.#marked, ...marked };
    this.#mark();
  }

  /** A tile layer of another host below everything; only where it is drawn in Web Mercator. */
  showTiles(address: string): void {
    this.#tiles.setSource(address === "" ? null : new XYZ({ url: address, crossOrigin: "anonymous" }));
    this.#tiles.setVisible(address !== "" && this.#code === "EPSG:3857");
  }

  /** Lets the pointer draw, or stops it. */
  arm(tool: Tool | undefined): void {
    if (this.#draw !== undefined) this.#map.removeInteraction(this.#draw);
    this.#draw = undefined;
    this.#target.style.cursor = tool === undefined ? "" : "crosshair";
    if (tool === undefined) return;
    const common = { style: () => this.#palette.drawing };
    const draw =
      tool === "box"
        ? new Draw({ ...common, type: "Circle", geometryFunction: createBox(), freehand: true })
        : new Draw({ ...common, type: tool === "point" ? "Point" : "Polygon" });
    draw.on("drawend", ({ feature }) => {
      const geometry = feature.getGeometry();
      if (geometry instanceof OlPoint) {
        const [x, y] = inDegrees(geometry.getCoordinates(), this.#code);
        this.#listener.drawn(wktOf({ type: "Point", coordinates: [rounded(x), rounded(y)] }));
      } else if (geometry instanceof Polygon) {
        this.#tell(geometry, tool === "box");
      }
    });
    this.#draw = draw;
    this.#map.addInteraction(draw);
  }

  /** The area in sight, told as a drawn one is. */
  tellView(): void {
    const size = this.#map.getSize();
    const extent = this.#map.getView().calculateExtent(size);
    this.#tell(fromExtent(extent), true);
  }

  /** Frees the map. */
  close(): void {
    this.#map.setTarget(undefined);
    this.#map.dispose();
  }

  resize(): void {
    this.#map.updateSize();
  }

  #tell(polygon: Polygon, isBox: boolean): void {
    const [west = 0, south = 0, east = 0, north = 0] = polygon.getExtent();
    if (isBox && poleOf(this.#code) === 0) {
      const [w, s] = inDegrees([west, south], this.#code);
      const [e, n] = inDegrees([east, north], this.#code);
      const world = this.#code === "EPSG:4326" ? 360 : 40_075_016;
      const [from, to] = east - west >= world ? [-180, 180] : [rounded(w), rounded(e)];
      this.#listener.drawn([from, latitude(s), to, latitude(n)].join(","));
      return;
    }
    // Straight lines on a polar map are curves in degrees: they get points on the way.
    const ring: Position[] = [];
    const corners = polygon.getCoordinates()[0] ?? [];
    const steps = poleOf(this.#code) === 0 ? 1 : 16;
    for (const [at, corner] of corners.entries()) {
      const next = corners[at + 1];
      for (let step = 0; next !== undefined && step < steps; step++) {
        const between = [0, 1].map((axis) => (corner[axis] ?? 0) + (((next[axis] ?? 0) - (corner[axis] ?? 0)) * step) / steps);
        ring.push(inDegrees(between, this.#code).map(rounded));
      }
    }
    if (ring[0] !== undefined) ring.push(ring[0]);
    this.#listener.drawn(wktOf({ type: "Polygon", coordinates: [ring] }));
  }

  #redraw(): void {
    this.#tiles.setVisible(this.#tiles.getSource() !== null && this.#code === "EPSG:3857");
    this.#lines.clear(true);
    this.#lines.addFeature(new Feature(graticule(this.#code)));
    const code = this.#code;
    this.#land.clear(true);
    readLand().then(
      (land) => {
        if (code !== this.#code) return;
        const geometry = shapeOf(land, code);
        this.#land.clear(true);
        if (geometry !== undefined) this.#land.addFeature(new Feature(geometry));
      },
      // Without land the cells are as they are.
      () => {},
    );
    this.#drawCells();
    const items = this.#items;
    this.#items = [];
    this.showItems(items);
    this.showArea(this.#areaShown);
  }

  #drawCells(): void {
    this.#cells.clear(true);
    const features: Feature[] = [];
    for (const cell of this.#shownCells) {
      const geometry = shapeOf(cell, this.#code);
      if (geometry !== undefined) features.push(Object.assign(new Feature(geometry), { cell: cell.id }));
    }
    this.#cells.addFeatures(features);
  }

  #styleOf({ cell }: CellFeature): import("ol/style/Style").default | undefined {
    const count = this.#counts.get(cell) ?? 0;
    return count === 0 ? this.#palette.emptyCell : this.#palette.cells[shadeOf(count, this.#most)];
  }

  /** Counts a footprint that is not drawn. */
  #count({ cut }: Summary): void {
    const [x, y] = (cut && centreOf(cut)) ?? [];
    if (x === undefined || y === undefined) return;
    const [column, row] = [Math.floor(x / BIN_DEGREES), Math.floor(y / BIN_DEGREES)];
    const key = `${column},${row}`;
    const known = this.#binned.get(key);
    if (known !== undefined) known.set("count", (known.get("count") as number) + 1, true);
    else {
      const centre = onMap((column + 0.5) * BIN_DEGREES, (row + 0.5) * BIN_DEGREES, this.#code);
      const feature = new Feature({ geometry: new OlPoint(centre), count: 1 });
      this.#binned.set(key, feature);
      this.#bins.addFeature(feature);
    }
  }

  #mark(): void {
    this.#marks.clear(true);
    const add = (readings: Parameters<typeof shapeOf>[0] | undefined, mark: string): void => {
      const geometry = readings && shapeOf(readings, this.#code);
      if (geometry !== undefined) this.#marks.addFeature(new Feature({ geometry, mark }));
    };
    const { hovered, selected, cell } = this.#marked;
    if (cell !== undefined) add(this.#shownCells.find(({ id }) => id === cell), "hoveredCell");
    if (hovered !== undefined && hovered !== selected) add(this.#items[hovered], "hovered");
    if (selected !== undefined) add(this.#items[selected], "selected");
  }

  #hover(coordinate: number[], pixel: [number, number]): void {
    if (this.#draw !== undefined) return;
    const item = this.#itemsAt(coordinate)[0];
    const cell = this.#cells.getFeaturesAtCoordinate(this.#inWorld(coordinate))[0] as CellFeature | undefined;
    this.#target.style.cursor = item === undefined ? "" : "pointer";
    if (item === undefined && cell === undefined) this.#listener.hovered(undefined);
    else this.#listener.hovered({ ...(cell ? { cell: cell.cell } : {}), ...(item === undefined ? {} : { item }), pixel });
  }

  /** Items whose footprint is there, the smallest first. */
  #itemsAt(coordinate: number[]): number[] {
    const features = this.#footprints.getFeaturesAtCoordinate(this.#inWorld(coordinate)) as ItemFeature[];
    const area = (feature: Feature): number => {
      const geometry = feature.getGeometry();
      return geometry instanceof MultiPolygon ? geometry.getArea() : 0;
    };
    return features.sort((a, b) => area(a) - area(b)).map(({ item }) => item);
  }

  /** A coordinate of a repeated world in the one that has the features. */
  #inWorld(coordinate: number[]): number[] {
    const [x = 0, y = 0] = coordinate;
    if (this.#code === "EPSG:4326") return [wrap(x), y];
    if (this.#code !== "EPSG:3857") return [x, y];
    const half = 20_037_508.342789244;
    return [x - 2 * half * Math.floor((x + half) / (2 * half)), y];
  }

  #moved(): void {
    const view = this.#map.getView();
    const center = view.getCenter();
    if (center === undefined) return;
    const [x, y] = inDegrees(center, this.#code);
    this.#listener.moved({ projection: this.#code, center: [x, y], zoom: view.getZoom() ?? 1 });
  }
}

function binSize(feature: Feature): number {
  return Math.min(3, Math.floor(Math.log10(Math.max(1, feature.get("count") as number))));
}

function centreOf(geometry: Geometry): Position | undefined {
  if (geometry.type === "GeometryCollection") return geometry.geometries[0] && centreOf(geometry.geometries[0]);
  let first: unknown = geometry.coordinates;
  let line: unknown[] = [];
  while (Array.isArray(first) && typeof first[0] !== "number") [line, first] = [first, first[0]];
  const positions = line as Position[];
  if (positions.length === 0) return first as Position;
  const mean = (axis: number): number => positions.reduce((sum, position) => sum + (position[axis] ?? 0), 0) / positions.length;
  return [mean(0), mean(1)];
}

const rounded = (degrees: number): number => Math.round(degrees * 1e4) / 1e4;
const latitude = (degrees: number): number => Math.min(90, Math.max(-90, rounded(degrees)));
