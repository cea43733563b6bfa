// Colours of the map: from the design system's tokens, so that style.css is the one place that has them.

import Fill from "ol/style/Fill";
import Circle from "ol/style/Circle";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";

/** How many shades tell counts apart. */
export const SHADES = 7;

export interface Palette {
  land: Style;
  coast: Style;
  graticule: Style;
  cells: Style[];
  emptyCell: Style;
  hoveredCell: Style;
  footprint: Style;
  /** One of so many that fills would be one plane. */
  crowded: Style;
  hovered: Style;
  selected: Style;
  bins: Style[];
  area: Style;
  drawing: Style;
}

/** Reads the tokens as they are in the present theme. */
export function readPalette(): Palette {
  // Only as the colour of something is a token a colour, that of the theme.
  const probe = document.createElement("span");
  document.body.append(probe);
  const token = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const fill = (color: string): Fill => new Fill({ color });
  const dot = (color: string, outline: string, radius: number): Circle =>
    new Circle({ radius, fill: fill(color), stroke: new Stroke({ color: outline, width: 1.5 }) });
  const shape = (color: string, outline: string, width: number, zIndex = 0): Style =>
    new Style({
      fill: fill(color),
      stroke: new Stroke({ color: outline, width }),
      image: dot(color, outline, 4 + width),
      zIndex,
    });
  const cells = Array.from({ length: SHADES }, (_, at) => {
    const stroke = new Stroke({ color: token("map-cell-line"), width: 0.75 });
    return new Style({ fill: fill(token(`shade-${at + 1}`)), stroke });
  });
  const palette = {
    land: new Style({ fill: fill(token("map-land")), stroke: new Stroke({ color: token("map-coast"), width: 0.6 }) }),
    coast: new Style({ stroke: new Stroke({ color: token("map-coast-above"), width: 0.6 }) }),
    graticule: new Style({ stroke: new Stroke({ color: token("map-grid"), width: 0.6 }) }),
    cells,
    emptyCell: new Style({ stroke: new Stroke({ color: token("map-grid"), width: 0.75 }) }),
    hoveredCell: new Style({ stroke: new Stroke({ color: token("ink"), width: 2 }), zIndex: 1 }),
    footprint: shape(token("map-footprint-fill"), token("map-footprint"), 1),
    crowded: new Style({
      stroke: new Stroke({ color: token("map-footprint"), width: 0.75 }),
      image: dot(token("map-footprint"), token("map-footprint"), 2),
    }),
    hovered: shape(token("map-hovered-fill"), token("map-hovered"), 2.5, 1),
    selected: shape(token("map-selected-fill"), token("map-selected"), 3, 2),
    bins: [3, 5, 8, 12].map((radius) => new Style({ image: dot(token("map-footprint-bin"), token("map-cell-line"), radius) })),
    area: new Style({
      fill: fill(token("map-area-fill")),
      stroke: new Stroke({ color: token("map-area"), width: 2, lineDash: [6, 4] }),
      image: dot(token("map-area"), token("map-cell-line"), 5),
    }),
    drawing: shape(token("map-area-fill"), token("map-area"), 2),
  };
  probe.remove();
  return palette;
}

/** The shade of a count on a log scale from 1 to `most`: 0 to SHADES - 1. */
export function shadeOf(count: number, most: number): number {
  if (most <= 1) return SHADES - 1;
  return Math.min(SHADES - 1, Math.floor((Math.log(count) / Math.log(most)) * SHADES));
}

/** The least count of each shade, on the same scale. */
export function shadeStarts(most: number): number[] {
  return Array.from({ length: SHADES }, (_, at) => Math.max(1, Math.ceil(most ** (at / SHADES) - 1e-9)));
}
