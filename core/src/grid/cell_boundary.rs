//! The outlines of cells as GeoJSON, to be drawn on maps.

use geo::Coord;
use h3o::{CellIndex, LatLng};
use serde_json::{Value, json};

use super::Grid;
use super::sphere::arc;
use crate::geometry::Shape;

/// Longest step of an outline on the globe, in radians: straight lines between such points look like the arcs they
/// stand for in every projection, also beside a pole.
const STEP: f64 = 0.035;

impl Grid {
    /// The outline of a cell as a GeoJSON polygon or multi-polygon, cut at the antimeridian and closed over a pole that it
    /// holds (RFC 7946 §3.1.9); `None` for what is no cell of this grid, or has no outline.
    ///
    /// The sides of an H3 cell are arcs of great circles, given as points not more than 2 degrees apart.
    #[must_use]
    pub fn cell_boundary(&self, cell: &str) -> Option<Value> {
        match self {
            Self::H3(_) => {
                let ring = self.cell_ring(cell)?;
                let shape = Shape::from_geojson(&json!({ "type": "Polygon", "coordinates": [ring] })).ok()?;
                Some(shape.to_geojson())
            }
            Self::GeoJson(regions) => regions.boundary(cell),
            Self::Tiles(_) | Self::Unknown(_) => None,
        }
    }

    /// The same without a cut, for projections in which the antimeridian is a line as any other: longitudes jump where
    /// the outline crosses it. A region's is cut in any case.
    #[must_use]
    pub fn uncut_cell_boundary(&self, cell: &str) -> Option<Value> {
        match self {
            Self::H3(_) => Some(json!({ "type": "Polygon", "coordinates": [self.cell_ring(cell)?] })),
            _ => self.cell_boundary(cell),
        }
    }

    /// The closed outline of an H3 cell of this grid's resolution, anticlockwise.
    fn cell_ring(&self, cell: &str) -> Option<Vec<[f64; 2]>> {
        let Self::H3(grid) = self else { return None };
        let cell: CellIndex = cell.parse().ok()?;
        if u8::from(cell.resolution()) != grid.resolution() {
            return None;
        }
        let corner = |place: &LatLng| Coord { x: place.lng(), y: place.lat() };
        let corners: Vec<Coord<f64>> = cell.boundary().iter().map(corner).collect();
        let sides = corners.iter().zip(corners.iter().cycle().skip(1));
        let mut ring: Vec<[f64; 2]> =
            sides.flat_map(|(from, to)| arc(*from, *to, STEP)).map(|at| [at.x, at.y]).collect();
        ring.extend(ring.first().copied());
        Some(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{H3Grid, RegionGrid};

    fn h3(resolution: u8) -> Grid {
        Grid::H3(H3Grid::new(resolution).unwrap())
    }

    /// The area of the polygons in square degrees, and their bounds.
    fn measured(geometry: &Value) -> (f64, [f64; 4]) {
        let shape = Shape::from_geojson(geometry).unwrap();
        let area = shape.parts().iter().map(geo::Area::unsigned_area).sum();
        let bounds = shape.bounds();
        (area, [bounds.min().x, bounds.min().y, bounds.max().x, bounds.max().y])
    }

    #[test]
    fn cells_of_a_grid_cover_the_map_once() {
        for resolution in [0, 1] {
            let grid = h3(resolution);
            let resolution = h3o::Resolution::try_from(resolution).unwrap();
            let cells = CellIndex::base_cells().flat_map(|cell| cell.children(resolution));
            let area: f64 = cells.map(|cell| measured(&grid.cell_boundary(&cell.to_string()).unwrap()).0).sum();
            // Chords of arcs cancel out between neighbours: the sum is that of the whole map.
            assert!((area - 360.0 * 180.0).abs() < 1e-6, "{area}");
        }
    }

    #[test]
    fn a_cell_across_the_antimeridian_is_cut_and_one_at_a_pole_reaches_it() {
        let grid = h3(1);
        let across = LatLng::new(10.0, 180.0).unwrap().to_cell(h3o::Resolution::One).to_string();
        let cut = grid.cell_boundary(&across).unwrap();
        assert_eq!((&cut["type"], measured(&cut).1[2]), (&json!("MultiPolygon"), 180.0));
        assert_eq!(grid.uncut_cell_boundary(&across).unwrap()["type"], "Polygon");
        for pole in [90.0, -90.0] {
            let cell = LatLng::new(pole, 0.0).unwrap().to_cell(h3o::Resolution::One).to_string();
            let [west, south, east, north] = measured(&grid.cell_boundary(&cell).unwrap()).1;
            assert_eq!((west, east), (-180.0, 180.0));
            assert!((if pole > 0.0 { north } else { south } - pole).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_no_cell_has_no_outline() {
        for wrong in ["__none__", "", "8106bffffffffff", "nonsense", "80ffffffffffffff"] {
            assert_eq!(h3(2).cell_boundary(wrong), None, "{wrong}");
        }
        assert_eq!(Grid::Unknown("s2".into()).cell_boundary("8106bffffffffff"), None);
    }

    #[test]
    fn a_region_is_drawn_as_its_polygons() {
        let ring = json!([[170.0, 0.0], [-170.0, 0.0], [-170.0, 10.0], [170.0, 10.0], [170.0, 0.0]]);
        let feature = json!({ "type": "Feature", "properties": { "name": "date line" },
            "geometry": { "type": "Polygon", "coordinates": [ring] } });
        let regions = json!({ "type": "FeatureCollection", "features": [feature] });
        let grid = Grid::GeoJson(RegionGrid::new(regions.to_string().as_bytes(), "name").unwrap());
        let boundary = grid.cell_boundary("date line").unwrap();
        assert_eq!(boundary["type"], "MultiPolygon");
        assert!((measured(&boundary).0 - 200.0).abs() < 1e-9);
        assert_eq!(grid.cell_boundary("__none__"), None);
    }
}
