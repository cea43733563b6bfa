//! Geometries made to take long: they end in bounded work, with cells or without, and what is not on the globe is refused
//! by item and reason.

use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Grid, H3Grid, NONE_CELL};
use earthcatalog_core::query::Query;
use earthcatalog_tests::folder::Folder;
use serde_json::{Value, json};

const POINTS: u32 = 2_000;

fn share(number: u32) -> f64 {
    f64::from(number) / f64::from(POINTS)
}

fn ring(point: impl Fn(f64) -> (f64, f64)) -> Value {
    let mut points: Vec<(f64, f64)> = (0..POINTS).map(|number| point(share(number))).collect();
    points.push(points[0]);
    json!({"type": "Polygon", "coordinates": [points]})
}

/// Each with a name.
fn hostile() -> Vec<(&'static str, Value)> {
    let turn = std::f64::consts::TAU;
    let line: Vec<(f64, f64)> =
        (0..POINTS).map(|number| (if number % 2 == 0 { -89.0 } else { 89.0 }, share(number) * 170.0 - 85.0)).collect();
    vec![
        ("circle", ring(|at| (10.0 + 5.0 * (at * turn).cos(), 50.0 + 5.0 * (at * turn).sin()))),
        ("spiral", ring(|at| (at * 80.0 * (at * 200.0 * turn).cos(), at * 80.0 * (at * 200.0 * turn).sin()))),
        ("comb", ring(|at| (at * 170.0, if (at * f64::from(POINTS)) % 2.0 < 1.0 { -60.0 } else { 60.0 }))),
        ("knot", ring(|at| (150.0 * (at * 997.0 * turn).sin(), 80.0 * (at * 1009.0 * turn).cos()))),
        (
            "star at the pole",
            ring(|at| (at * 359.0 - 180.0, if (at * f64::from(POINTS)) % 2.0 < 1.0 { 60.0 } else { 89.9 })),
        ),
        ("zigzag", json!({"type": "LineString", "coordinates": line})),
    ]
}

#[test]
fn geometries_of_many_points_end_with_cells_or_in_none() {
    for (name, geometry) in hostile() {
        let shape = Shape::from_geojson(&geometry).unwrap();
        // In small cells the work is ended by its bound, which takes a minute where nothing is optimised.
        let resolutions: &[u8] = if name == "spiral" { &[1, 15] } else { &[1, 4] };
        for &resolution in resolutions {
            let grid = Grid::H3(H3Grid::new(resolution).unwrap());
            let cells = grid.item_cells(Some(&shape));
            assert!(!cells.is_empty(), "{name} at {resolution}");
            // Where an item has no cells but the last resort, a query for the same looks there.
            let looked = |cell: &String| grid.query_cells(&shape).contains(cell);
            assert!(cells.iter().take(1).all(looked), "{name} at {resolution}");
        }
    }
}

#[test]
fn a_line_round_the_world_too_often_is_refused_and_once_is_not() {
    let line = |points: u32| {
        let points: Vec<(f64, f64)> =
            (0..points).map(|number| (f64::from(number * 120 % 360) - 180.0, f64::from(number % 7))).collect();
        Shape::from_geojson(&json!({"type": "LineString", "coordinates": points}))
    };
    assert!(line(4).is_ok());
    assert!(line(POINTS).unwrap_err().to_string().contains("round the world"));
}

#[test]
fn what_is_not_on_the_globe_is_refused_by_item_with_the_reason() {
    let place = Folder::new(GridDefinition::H3 { resolution: 1 }, None);
    let item = |id: &str, coordinates: Value| {
        json!({
            "type": "Feature", "stac_version": "1.0.0", "id": id, "links": [], "assets": {},
            "geometry": {"type": "Point", "coordinates": coordinates},
            "properties": {"datetime": "2020-01-01T00:00:00Z"},
        })
    };
    let report = place.ingest(&[
        item("metres", json!([-150_000.0, 2_200_000.0])),
        item("too far north", json!([10.0, 92.0])),
        item("round and round", json!([1000.0, 50.0])),
        item("no number", json!([null, 50.0])),
        item("infinite", json!([1e308, 1e308])),
        item("good", json!([10.0, 50.0])),
    ]);
    assert_eq!((report.items_processed, report.items_failed), (1, 5));
    let reasons: Vec<&str> = report.failed.iter().map(|failure| failure.reason.as_str()).collect();
    assert!(reasons.iter().filter(|reason| reason.contains("latitude")).count() >= 3, "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("longitude `1000`")), "{reasons:?}");
    assert_eq!(place.ids(Query::new()), ["good"]);
}

/// What lies below a saw's teeth, and what lies above them: a comparison of all pairs of edges takes minutes.
#[test]
fn long_shapes_that_all_but_meet_are_compared_in_bounded_time() {
    let teeth = 40_000;
    let side = |height: f64, base: f64| {
        let tooth = |number: u32| {
            (f64::from(number) * 170.0 / f64::from(teeth), height + if number.is_multiple_of(2) { 0.0 } else { 50.0 })
        };
        let mut ring: Vec<(f64, f64)> = (0..teeth).map(tooth).collect();
        ring.extend([(170.0, base), (0.0, base), ring[0]]);
        Shape::from_geojson(&json!({"type": "Polygon", "coordinates": [ring]})).unwrap()
    };
    let (below, above) = (side(0.0, -10.0), side(1.0, 60.0));
    assert!(!below.intersects(&above) && !above.intersects(&below));
    assert!(below.intersects(&side(-1.0, 60.0)));
}

/// It would be stored tens of thousands of times.
#[test]
fn a_long_shape_of_many_cells_is_stored_once_and_found() {
    let turn = std::f64::consts::TAU;
    let wide = ring(|at| (10.0 + 40.0 * (at * turn).cos(), 30.0 * (at * turn).sin()));
    let shape = Shape::from_geojson(&wide).unwrap();
    let grid = Grid::H3(H3Grid::new(4).unwrap());
    assert_eq!(grid.item_cells(Some(&shape)), [NONE_CELL]);
    let near = Shape::from_bbox(&[10.0, 0.0, 11.0, 1.0]).unwrap();
    assert!(grid.query_cells(&near).contains(NONE_CELL));
    assert!(Grid::H3(H3Grid::new(1).unwrap()).item_cells(Some(&shape)).len() > 1);
}
