//! Covers: no cell of any point of a shape is missing, and none lies far from it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Cover, Grid, H3Grid, NONE_CELL, RegionGrid, cell_list_sql};
use earthcatalog_tests::generated::cases;
use earthcatalog_tests::shapes::samples;
use flate2::read::GzDecoder;
use geo::{Coord, Distance as _, Euclidean, Geometry};
use h3o::{CellIndex, LatLng, Resolution};
use proptest::prelude::*;
use serde_json::{Value, json};

fn grid(resolution: u8) -> Grid {
    Grid::H3(H3Grid::new(resolution).unwrap())
}

fn cells(resolution: u8, shape: &Shape) -> BTreeSet<String> {
    match grid(resolution).cells(shape) {
        Cover::Cells(cells) => cells,
        Cover::All | Cover::Tested(_) => panic!("cover of everything"),
    }
}

fn cell(resolution: u8, coord: Coord<f64>) -> String {
    let resolution = Resolution::try_from(resolution).unwrap();
    LatLng::new(coord.y, coord.x).unwrap().to_cell(resolution).to_string()
}

fn bbox(numbers: [f64; 4]) -> Shape {
    Shape::from_bbox(&numbers).unwrap()
}

fn lines_of(path: &std::path::Path) -> impl Iterator<Item = Value> {
    let reader = BufReader::new(GzDecoder::new(File::open(path).unwrap()));
    reader.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

fn bytes_of_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn every_sample_is_covered(resolution: u8, shape: &Shape, across: u32) -> Result<(), TestCaseError> {
    let cover = cells(resolution, shape);
    for part in shape.parts() {
        for point in samples(part, across) {
            let cell = cell(resolution, point);
            prop_assert!(cover.contains(&cell), "{cell} of {point:?} is missing at {resolution}: {shape:?}");
        }
    }
    Ok(())
}

/// Each cell, drawn with finely cut sides, meets the shape or all but does.
fn every_cell_is_near(resolution: u8, shape: &Shape) -> Result<(), TestCaseError> {
    for name in cells(resolution, shape) {
        let near = outline(&name).iter().any(|(cell, slack)| distance(cell, shape) <= *slack);
        prop_assert!(near, "{name} does not touch {shape:?}");
    }
    Ok(())
}

/// A cell in longitude and latitude with its sides finely cut, and how far they may be off.
fn outline(name: &str) -> Vec<(Geometry<f64>, f64)> {
    let cell: CellIndex = name.parse().unwrap();
    let boundary: Vec<Coord<f64>> = cell.boundary().iter().map(|place| Coord::from(*place)).collect();
    let mut ring = Vec::new();
    for (from, to) in boundary.iter().zip(boundary.iter().cycle().skip(1)) {
        ring.extend((0..32).map(|step| between(*from, *to, f64::from(step) / 32.0)));
    }
    let written: Vec<Value> = ring.iter().map(|coord| json!([coord.x, coord.y])).collect();
    let shape = Shape::from_geojson(&json!({"type": "Polygon", "coordinates": [written]})).unwrap();
    let slack = ring.iter().zip(ring.iter().skip(1)).map(|(a, b)| (a.y - b.y).abs()).fold(1e-6, f64::max);
    shape.parts().iter().map(|part| (part.clone(), slack)).collect()
}

/// A point of the great circle between two places.
fn between(from: Coord<f64>, to: Coord<f64>, share: f64) -> Coord<f64> {
    let unit = |coord: Coord<f64>| {
        let (x, y) = (coord.x.to_radians(), coord.y.to_radians());
        [y.cos() * x.cos(), y.cos() * x.sin(), y.sin()]
    };
    let (start, end) = (unit(from), unit(to));
    let [x, y, z] = [0, 1, 2].map(|axis| start[axis] * (1.0 - share) + end[axis] * share);
    Coord { x: y.atan2(x).to_degrees(), y: z.atan2(x.hypot(y)).to_degrees() }
}

fn distance(cell: &Geometry<f64>, shape: &Shape) -> f64 {
    let written = |geometry: &Geometry<f64>| match geometry {
        Geometry::Polygon(polygon) => {
            let ring: Vec<Value> = polygon.exterior().0.iter().map(|coord| json!([coord.x, coord.y])).collect();
            Shape::from_geojson(&json!({"type": "Polygon", "coordinates": [ring]})).unwrap()
        }
        _ => panic!("a cell is a polygon"),
    };
    if written(cell).intersects(shape) {
        return 0.0;
    }
    let distances = shape.parts().iter().map(|part| Euclidean.distance(cell, part));
    distances.fold(f64::INFINITY, f64::min)
}

#[test]
fn the_whole_world_has_every_cell() {
    for (resolution, count) in [(0, 122), (1, 842), (2, 5882)] {
        assert_eq!(cells(resolution, &bbox([-180.0, -90.0, 180.0, 90.0])).len(), count);
        let ring = json!([[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]);
        let polygon = Shape::from_geojson(&json!({"type": "Polygon", "coordinates": ring})).unwrap();
        assert_eq!(cells(resolution, &polygon).len(), count);
    }
}

#[test]
fn wide_and_polar_areas_have_all_the_cells_that_touch_them() {
    for (numbers, least, most) in [
        ([-180.0, -90.0, 180.0, -60.0], 71, 110),
        ([-180.0, 0.0, 180.0, 90.0], 449, 480),
        ([-180.0, 60.0, 180.0, 90.0], 60, 110),
        ([-120.0, -30.0, 120.0, 30.0], 280, 360),
    ] {
        let count = cells(1, &bbox(numbers)).len();
        assert!((least..=most).contains(&count), "{numbers:?}: {count}");
        every_sample_is_covered(1, &bbox(numbers), 200).unwrap();
        every_cell_is_near(1, &bbox(numbers)).unwrap();
    }
}

#[test]
fn a_query_looks_at_items_without_cell_and_an_item_without_geometry_lies_there() {
    let point = Shape::from_wkt("POINT (10 20)").unwrap();
    let cover = grid(1).query_cells(&point);
    assert!(cover.contains(NONE_CELL));
    assert!(cover.might_contain_between("__aa__", "__zz__"));
    assert!(!cover.might_contain_between("82", "83"));
    assert!(!cover.might_contain_between("__zz__", "__aa__"));
    assert_eq!(grid(1).item_cells(None), [NONE_CELL]);
    assert_eq!(grid(1).item_cells(Some(&point)).len(), 1);
}

#[test]
fn a_grid_without_its_boundaries_is_unknown_and_looks_everywhere() {
    let regions = GridDefinition::GeoJson { boundaries_path: "b.json".to_owned(), id_field: "name".to_owned() };
    let other = GridDefinition::Other { name: "s2".to_owned() };
    let point = Shape::from_wkt("POINT (1 2)").unwrap();
    for definition in [&regions, &other] {
        let grid = Grid::from_definition(definition, None).unwrap();
        assert_eq!(grid.query_cells(&point), Cover::All);
        assert_eq!(grid.item_cells(Some(&point)), [NONE_CELL]);
    }
    assert!(Grid::from_definition(&regions, Some(b"{}")).is_err());
    assert!(Grid::from_definition(&GridDefinition::H3 { resolution: 16 }, None).is_err());
    let grid = Grid::from_definition(&GridDefinition::H3 { resolution: 0 }, None).unwrap();
    assert_eq!(grid.item_cells(Some(&point)).len(), 1);
}

#[test]
fn too_many_cells_are_all_cells() {
    let world = bbox([-180.0, -90.0, 180.0, 90.0]);
    assert_eq!(grid(9).cells(&world), Cover::All);
    assert_eq!(grid(15).query_cells(&world), Cover::All);
    assert_eq!(grid(9).item_cells(Some(&world)), [NONE_CELL]);
    let line = Shape::from_wkt("LINESTRING (-170 -80, 170 80)").unwrap();
    assert_eq!(grid(15).item_cells(Some(&line)), [NONE_CELL]);
}

#[test]
fn cell_lists_quote_their_names() {
    let regions = json!({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"name": "Côte d'Ivoire"}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
    ]});
    let grid = Grid::GeoJson(RegionGrid::new(regions.to_string().as_bytes(), "name").unwrap());
    let cover = grid.query_cells(&Shape::from_wkt("POINT (1 2)").unwrap());
    assert_eq!(cell_list_sql(&cover), "grid_partition IN ('Côte d''Ivoire', '__none__')");
    assert_eq!(cell_list_sql(&Cover::All), "TRUE");
}

/// The library compares with cells whose sides are straight in longitude and latitude, which is not where
/// `latLngToCell` divides them, so the two answers differ by cells that a shape reaches only in between.
#[test]
fn covers_hold_what_the_h3_library_calls_overlapping() {
    let Some(folder) = earthcatalog_tests::fixtures() else { return };
    let (mut compared, mut refused, mut more, mut fewer) = (0, 0, Vec::new(), Vec::new());
    for row in lines_of(&folder.join("h3-fanout-sample.ndjson.gz")) {
        // Five footprints are in metres; the largest are only there as digests.
        let Some(wkb) = row["wkb"].as_str() else { continue };
        let Ok(shape) = Shape::from_wkb(&bytes_of_hex(wkb)) else {
            refused += 1;
            continue;
        };
        for (resolution, answers) in row["h3c"].as_object().unwrap() {
            let keys = &answers["overlap"]["keys"];
            let (Some(_), Ok(resolution)) = (keys.as_array(), resolution.parse::<u8>()) else { continue };
            let (theirs, ours) = (strings(keys), cells(resolution, &shape));
            compared += ours.union(&theirs).count();
            more.extend(ours.difference(&theirs).map(|cell| format!("{cell} {}", row["id"])));
            fewer.extend(theirs.difference(&ours).map(|cell| format!("{cell} {}", row["id"])));
            every_sample_is_covered(resolution, &shape, 40).unwrap();
        }
    }
    eprintln!("{compared} cells, {refused} footprints refused, only ours {more:?}, only theirs {fewer:?}");
    assert!(compared > 2000 && refused == 5);
    assert!(more.len() * 100 < compared && fewer.len() * 200 < compared);
}

#[test]
fn covers_hold_the_keys_of_the_python_program() {
    let Some(folder) = earthcatalog_tests::fixtures() else { return };
    let file = File::open(folder.join("upstream/golden/h3_upstream_keys.json.gz")).unwrap();
    let rows: Vec<Value> = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    let mut compared = 0;
    for row in rows.iter().filter(|row| row["wraps"] == json!(false)) {
        let shape = Shape::from_geojson(&row["geometry"]).unwrap();
        for resolution in 0..=2 {
            let theirs = strings(&row["upstream_keys"][resolution.to_string()]);
            let ours = cells(resolution, &shape);
            let missing: Vec<_> = theirs.difference(&ours).collect();
            assert!(missing.is_empty(), "{}: {missing:?} at {resolution}", row["id"]);
            compared += 1;
        }
    }
    assert!(compared > 800, "only {compared} covers compared");
}

#[test]
fn pentagons_and_their_neighbours_are_covered() {
    for resolution in 0..=4 {
        for pentagon in Resolution::try_from(resolution).unwrap().pentagons() {
            let centre = LatLng::from(pentagon);
            let size = 40.0 / f64::from(3_u32.pow(u32::from(resolution)));
            let (south, north) = ((centre.lat() - size).max(-90.0), (centre.lat() + size).min(90.0));
            let shape = bbox([centre.lng() - size, south, centre.lng() + size, north]);
            every_sample_is_covered(resolution, &shape, 60).unwrap();
        }
    }
}

fn longitude() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -180.0..=180.0, 1 => Just(180.0), 1 => Just(-180.0), 2 => 179.0..=180.0, 2 => -180.0..=-179.0]
}

fn latitude() -> impl Strategy<Value = f64> {
    prop_oneof![5 => -90.0..=90.0, 1 => Just(90.0), 1 => Just(-90.0), 2 => 88.0..=90.0, 2 => -90.0..=-88.0]
}

fn size() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.000_001..0.01, 0.01..1.0, 1.0..20.0, 20.0..179.0]
}

fn wrapped(longitude: f64) -> f64 {
    if longitude > 180.0 {
        longitude - 360.0
    } else if longitude < -180.0 {
        longitude + 360.0
    } else {
        longitude
    }
}

/// A star-shaped or, with `order` shuffled, self-intersecting ring around a place.
fn polygon() -> impl Strategy<Value = Value> {
    polygon_at((longitude(), latitude()), (size(), size()))
}

fn polygon_at(
    place: impl Strategy<Value = (f64, f64)>,
    size: impl Strategy<Value = (f64, f64)>,
) -> impl Strategy<Value = Value> {
    let spokes = prop::collection::vec((0.0..1.0, 0.05..1.0), 3..12);
    (place, size, spokes, any::<bool>()).prop_map(|((longitude, latitude), (wide, high), mut spokes, tangled)| {
        if !tangled {
            spokes.sort_by(|a: &(f64, f64), b| a.0.total_cmp(&b.0));
        }
        let mut ring: Vec<Value> = spokes
            .iter()
            .map(|(turn, reach)| {
                let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
                let x = wrapped(longitude + wide / 2.0 * reach * cos);
                json!([x, (latitude + high / 2.0 * reach * sin).clamp(-90.0, 90.0)])
            })
            .collect();
        ring.extend(ring.first().cloned());
        json!({"type": "Polygon", "coordinates": [ring]})
    })
}

fn line() -> impl Strategy<Value = Value> {
    prop::collection::vec((longitude(), latitude()), 2..5)
        .prop_map(|points| json!({"type": "LineString", "coordinates": points}))
}

fn box_of() -> impl Strategy<Value = Shape> {
    (longitude(), latitude(), longitude(), latitude())
        .prop_map(|(west, a, east, b)| bbox([west, a.min(b), east, a.max(b)]))
}

fn shape() -> impl Strategy<Value = Shape> {
    let read = |geometry: Value| Shape::from_geojson(&geometry).unwrap();
    let point = (longitude(), latitude()).prop_map(|(x, y)| json!({"type": "Point", "coordinates": [x, y]}));
    prop_oneof![6 => polygon().prop_map(read), 2 => line().prop_map(read), 1 => point.prop_map(read), 2 => box_of()]
}

/// The finest resolution at which a cover of the shape stays small enough for a test.
fn resolution_for(shape: &Shape, wanted: u8) -> u8 {
    let size = shape.rects().iter().map(|rect| rect.width() + rect.height()).fold(0.0, f64::max);
    wanted.min(if size > 60.0 {
        2
    } else if size > 10.0 {
        3
    } else if size > 1.0 {
        5
    } else {
        6
    })
}

/// Two polygons that mostly meet, each some cells of the resolution wide.
fn neighbours() -> impl Strategy<Value = (u8, Shape, Shape)> {
    (longitude(), latitude(), 0_u8..=6).prop_flat_map(|(x, y, resolution)| {
        // The edge of a hexagon: 1,281 km at resolution 0, √7 times less at each that follows.
        let edge = 11.5 / 7_f64.powf(f64::from(resolution) / 2.0);
        let place = (-edge..edge, -edge..edge)
            .prop_map(move |(east, north)| (wrapped(x + east), (y + north).clamp(-90.0, 90.0)));
        let size = || prop_oneof![0.01..0.3, 0.3..4.0].prop_map(move |edges: f64| edges * edge);
        let polygon = || polygon_at(place.clone(), (size(), size())).prop_map(|one| Shape::from_geojson(&one).unwrap());
        (Just(resolution), polygon(), polygon())
    })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn the_cell_of_every_point_of_a_shape_is_in_its_cover(shape in shape(), wanted in 0_u8..=6) {
        every_sample_is_covered(resolution_for(&shape, wanted), &shape, 24)?;
    }

    #[test]
    fn shapes_that_intersect_share_a_cell(a in shape(), b in shape(), wanted in 0_u8..=3) {
        let resolution = resolution_for(&a, wanted).min(resolution_for(&b, wanted));
        prop_assert_eq!(a.intersects(&b), b.intersects(&a));
        if a.intersects(&b) {
            prop_assert!(!cells(resolution, &a).is_disjoint(&cells(resolution, &b)), "{:?} {:?}", a, b);
        }
    }

}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn neighbours_that_intersect_share_a_cell((resolution, a, b) in neighbours()) {
        if a.intersects(&b) {
            prop_assert!(!cells(resolution, &a).is_disjoint(&cells(resolution, &b)), "{resolution} {:?} {:?}", a, b);
        }
    }
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn every_cell_of_a_cover_is_near_the_shape(shape in shape(), wanted in 0_u8..=2) {
        every_cell_is_near(resolution_for(&shape, wanted), &shape)?;
    }
}
