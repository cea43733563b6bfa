//! Shapes: what is read, refused, cut at the antimeridian, compared; WKB and back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::needless_pass_by_value, reason = "so that a test reads `polygon(json!(…))`")]

use earthcatalog_core::ErrorKind;
use earthcatalog_core::geometry::{Shape, wkb};
use earthcatalog_core::grid::{Cover, Grid, NONE_CELL, RegionGrid};
use earthcatalog_tests::generated::cases;
use proptest::prelude::*;
use serde_json::{Value, json};

fn geojson(geometry: Value) -> Shape {
    Shape::from_geojson(&geometry).unwrap()
}

fn polygon(rings: Value) -> Shape {
    geojson(json!({"type": "Polygon", "coordinates": rings}))
}

fn wkt(text: &str) -> Shape {
    Shape::from_wkt(text).unwrap()
}

fn point(x: f64, y: f64) -> Shape {
    geojson(json!({"type": "Point", "coordinates": [x, y]}))
}

fn bbox(numbers: &[f64]) -> Shape {
    Shape::from_bbox(numbers).unwrap()
}

#[test]
fn a_footprint_that_jumps_lies_at_the_antimeridian_only() {
    for ring in [
        json!([[179.9, 10], [-179.8, 10], [-179.8, 11], [179.9, 11], [179.9, 10]]),
        json!([[-179.8, 10], [-179.8, 11], [179.9, 11], [179.9, 10], [-179.8, 10]]),
        json!([[179.9, 10], [180.2, 10], [180.2, 11], [179.9, 11]]),
        json!([[-180.1, 10], [-179.8, 10], [-179.8, 11], [-180.1, 11]]),
        json!([[179.9, 10], [180, 10], [-180, 10], [-179.8, 10], [-179.8, 11], [-180, 11], [180, 11], [179.9, 11]]),
    ] {
        let shape = polygon(json!([ring]));
        assert_eq!(shape.parts().len(), 2, "{ring}");
        assert!(shape.rects().iter().all(|rect| rect.width() < 0.3), "{shape:?}");
        for x in [179.95, 180.0, -180.0, -179.9] {
            assert!(shape.intersects(&point(x, 10.5)), "{ring} {x}");
        }
        assert!(!shape.intersects(&point(0.0, 10.5)) && !shape.intersects(&point(179.8, 10.5)));
    }
}

#[test]
fn a_hole_is_cut_with_its_ring() {
    let hole = json!([[179.5, 10.5], [-179.5, 10.5], [-179.5, 11.5], [179.5, 11.5], [179.5, 10.5]]);
    for hole in [hole, json!([[-179.5, 10.5], [-179.5, 11.5], [179.5, 11.5], [179.5, 10.5], [-179.5, 10.5]])] {
        let shape = polygon(json!([[[179, 10], [-179, 10], [-179, 12], [179, 12], [179, 10]], hole]));
        assert!(!shape.intersects(&point(179.8, 11.0)) && !shape.intersects(&point(-179.8, 11.0)));
        assert!(shape.intersects(&point(179.2, 11.0)) && shape.intersects(&point(-179.2, 11.0)));
        assert!(shape.intersects(&point(180.0, 10.2)) && shape.intersects(&point(-180.0, 11.7)));
    }
}

#[test]
fn a_ring_round_a_pole_holds_the_pole() {
    let ring =
        |latitude: i32| json!([[[0, latitude], [90, latitude], [179, latitude], [-90, latitude], [0, latitude]]]);
    let (north, south) = (polygon(ring(70)), polygon(ring(-70)));
    for x in [-180.0, -135.0, 0.0, 45.0, 180.0] {
        assert!(north.intersects(&point(x, 80.0)) && north.intersects(&point(x, 90.0)), "{x}");
        assert!(!north.intersects(&point(x, 60.0)) && !north.intersects(&point(x, -80.0)), "{x}");
        assert!(south.intersects(&point(x, -80.0)) && south.intersects(&point(x, -90.0)), "{x}");
        assert!(!south.intersects(&point(x, -60.0)) && !south.intersects(&north));
    }
    let other_way = polygon(json!([[[0, 70], [-90, 70], [179, 70], [90, 70], [0, 70]]]));
    assert!(other_way.intersects(&point(10.0, 85.0)) && !other_way.intersects(&point(10.0, 65.0)));
    let annulus =
        polygon(json!([[[0, 70], [120, 70], [-120, 70], [0, 70]], [[10, 80], [130, 80], [-110, 80], [10, 80]],]));
    assert!(annulus.intersects(&point(0.0, 75.0)) && !annulus.intersects(&point(0.0, 85.0)));
    assert!(annulus.intersects(&point(-170.0, 75.0)) && !annulus.intersects(&point(-170.0, 85.0)));
}

#[test]
fn a_wide_shape_whose_edges_are_whole_parallels_or_short_stays_wide() {
    let antarctica = polygon(json!([[[-180, -90], [180, -90], [180, -60], [-180, -60], [-180, -90]]]));
    assert_eq!(antarctica.parts().len(), 1);
    let hemisphere = polygon(json!([[[-120, -10], [0, -10], [120, -10], [120, 10], [0, 10], [-120, 10], [-120, -10]]]));
    for x in [-100.0, 0.0, 100.0] {
        assert!(antarctica.intersects(&point(x, -70.0)));
        assert!(hemisphere.intersects(&point(x, 0.0)) && !hemisphere.intersects(&point(179.0, 0.0)));
    }
    let from_greenwich = polygon(json!([[[0, 0], [360, 0], [360, 10], [0, 10], [0, 0]]]));
    assert!(from_greenwich.intersects(&point(-90.0, 5.0)) && from_greenwich.intersects(&point(90.0, 5.0)));
    // As Natural Earth draws it: down the antimeridian and along the pole.
    let coast = polygon(json!([[
        [-180, -85],
        [-90, -75],
        [0, -70],
        [90, -66],
        [180, -85],
        [180, -90],
        [-180, -90],
        [-180, -85],
    ]]));
    assert!(coast.intersects(&point(0.0, -80.0)) && coast.intersects(&point(-180.0, -88.0)));
    assert!(!coast.intersects(&point(0.0, -60.0)));
}

#[test]
fn a_line_that_jumps_is_cut() {
    let line = geojson(json!({"type": "LineString", "coordinates": [[170, 0], [-170, 10], [-160, 10]]}));
    assert_eq!(line.parts().len(), 2);
    assert!(line.intersects(&point(180.0, 5.0)) && line.intersects(&point(-180.0, 5.0)));
    assert!(line.intersects(&point(-165.0, 10.0)) && !line.intersects(&bbox(&[-100.0, -20.0, 100.0, 20.0])));
    let whole = geojson(json!({"type": "LineString", "coordinates": [[-180, 0], [180, 0]]}));
    assert!(whole.intersects(&point(0.0, 0.0)));
}

#[test]
fn the_antimeridian_is_one_line() {
    let (east, west) = (bbox(&[170.0, 0.0, 180.0, 10.0]), bbox(&[-180.0, 10.0, -170.0, 20.0]));
    assert!(east.intersects(&west) && west.intersects(&east));
    assert!(point(180.0, 5.0).intersects(&point(-180.0, 5.0)));
    assert!(!east.intersects(&bbox(&[-180.0, 11.0, -170.0, 20.0])));
    assert!(!east.intersects(&bbox(&[-179.999, 5.0, -170.0, 20.0])));
}

#[test]
fn a_bbox_may_cross_the_antimeridian_have_heights_or_no_extent() {
    let crossing = bbox(&[170.0, -85.0, -170.0, -70.0]);
    assert_eq!(crossing.rects().len(), 2);
    assert!(crossing.intersects(&point(175.0, -80.0)) && crossing.intersects(&point(-175.0, -80.0)));
    assert!(!crossing.intersects(&point(0.0, -80.0)));
    let high = bbox(&[0.0, 1.0, -500.0, 2.0, 3.0, 9000.0]);
    assert_eq!(high, bbox(&[0.0, 1.0, 2.0, 3.0]));
    assert_eq!(bbox(&[1.0, 2.0, 1.0, 2.0]), point(1.0, 2.0));
    assert!(bbox(&[1.0, 2.0, 1.0, 4.0]).intersects(&point(1.0, 3.0)));
    assert!(bbox(&[0.0, -90.0, 360.0, 90.0]).intersects(&point(-10.0, 0.0)));
    assert!(bbox(&[170.0, 0.0, 190.0, 1.0]).intersects(&point(-175.0, 0.5)));
}

#[test]
fn what_is_no_geometry_or_bbox_is_refused_as_invalid() {
    let refused = |geometry: Value| {
        assert_eq!(Shape::from_geojson(&geometry).expect_err(&geometry.to_string()).kind(), ErrorKind::Invalid);
    };
    let of = |name: &str, coordinates: Value| json!({"type": name, "coordinates": coordinates});
    refused(json!(null));
    refused(json!({"type": "Point"}));
    refused(of("Circle", json!([1, 2])));
    refused(of("Point", json!([1])));
    refused(of("Point", json!(["1", "2"])));
    refused(of("Point", json!([null, 2])));
    refused(of("Point", json!([1, 91])));
    refused(of("Point", json!([361, 0])));
    refused(of("Point", json!([])));
    refused(of("LineString", json!([[1, 2]])));
    refused(of("LineString", json!([1, 2])));
    refused(of("Polygon", json!([[[0, 0], [1, 1]]])));
    refused(of("Polygon", json!([[0, 0], [1, 1], [0, 1]])));
    refused(json!({"type": "Feature", "geometry": of("Point", json!([1, 2])), "properties": {}}));
    refused(json!({"type": "GeometryCollection", "geometries": []}));
    let deep = (0..40)
        .fold(of("Point", json!([1, 2])), |inner, _| json!({"type": "GeometryCollection", "geometries": [inner]}));
    refused(deep);
    for numbers in
        [&[][..], &[0.0; 5], &[0.0, 1.0, 0.0, 0.0], &[0.0, -91.0, 0.0, 0.0], &[f64::NAN; 4], &[0.0, 0.0, 400.0, 0.0]]
    {
        assert_eq!(Shape::from_bbox(numbers).unwrap_err().kind(), ErrorKind::Invalid);
    }
    let nested = format!("{}POINT(1 2){}", "GEOMETRYCOLLECTION(".repeat(100_000), ")".repeat(100_000));
    for text in ["", "POINT", "POINT (1)", "POINT (1 2", "CIRCLE (1 2)", "POINT (1 95)", "POINT EMPTY", &nested] {
        assert!(Shape::from_wkt(text).is_err());
    }
}

#[test]
fn unclosed_rings_are_closed_and_collections_flattened() {
    assert_eq!(polygon(json!([[[0, 0], [2, 0], [0, 2]]])), wkt("POLYGON ((0 0, 2 0, 0 2, 0 0))"));
    let mixed =
        wkt("GEOMETRYCOLLECTION Z (POINT Z (1 2 3), MULTIPOINT Z ((5 5 1), (6 6 1)), LINESTRING Z (8 8 1, 9 9 1))");
    assert_eq!(mixed.parts().len(), 4);
    assert!(mixed.intersects(&point(8.5, 8.5)) && !mixed.intersects(&point(8.5, 8.6)));
}

#[test]
fn invalid_polygons_are_compared_by_what_their_rings_wind_round() {
    let bow_tie = polygon(json!([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]));
    assert!(bow_tie.intersects(&point(0.2, 1.0)) && bow_tie.intersects(&point(1.8, 1.0)));
    assert!(!bow_tie.intersects(&point(1.0, 1.8)));
    let sliver = polygon(json!([[[0, 0], [1, 1], [2, 2], [0, 0]]]));
    assert!(sliver.intersects(&point(1.5, 1.5)) && !sliver.intersects(&point(1.5, 1.6)));
    let one_place = polygon(json!([[[3, 3], [3, 3], [3, 3], [3, 3]]]));
    assert!(one_place.intersects(&point(3.0, 3.0)) && one_place.intersects(&bbox(&[0.0, 0.0, 5.0, 5.0])));
    assert!(!one_place.intersects(&point(3.0, 3.1)));
}

#[test]
fn boundaries_belong_to_shapes_and_holes_do_not() {
    let ring = polygon(json!([[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]]));
    assert!(ring.intersects(&point(4.0, 4.0)) && ring.intersects(&point(1.0, 2.0)));
    assert!(!ring.intersects(&bbox(&[1.5, 1.5, 2.5, 2.5])) && ring.intersects(&bbox(&[1.5, 1.5, 3.0, 2.5])));
    assert!(ring.intersects(&bbox(&[4.0, 1.0, 5.0, 2.0])) && ring.intersects(&bbox(&[-1.0, -1.0, 5.0, 5.0])));
}

fn round_trip(geometry: &Value) -> Value {
    let bytes = wkb::encode_geojson(geometry).unwrap();
    assert_eq!(Shape::from_wkb(&bytes).ok(), Shape::from_geojson(geometry).ok());
    wkb::decode_to_geojson(&bytes).unwrap()
}

#[test]
fn every_geometry_type_survives_wkb() {
    for geometry in [
        json!({"type": "Point", "coordinates": [1.1, -2.2]}),
        json!({"type": "Point", "coordinates": [1.1, -2.2, 3.3]}),
        json!({"type": "Point", "coordinates": [1.1, -2.2, 3.3, 4.4]}),
        json!({"type": "Point", "coordinates": []}),
        json!({"type": "LineString", "coordinates": [[0.1, 0.2], [0.3, 0.4, 0.5]]}),
        json!({"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], []]}),
        json!({"type": "MultiPoint", "coordinates": [[0.1, 0.2, 9.0], [0.3, 0.4, 9.0]]}),
        json!({"type": "MultiLineString", "coordinates": [[[0.1, 0.2], [0.3, 0.4]], []]}),
        json!({"type": "MultiPolygon", "coordinates": [[[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]], []]}),
        json!({"type": "GeometryCollection", "geometries": [
            {"type": "Point", "coordinates": [1.1, -2.2]},
            {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1.0, 2.0, 3.0]}]},
        ]}),
    ] {
        assert_eq!(round_trip(&geometry), geometry);
    }
    assert_eq!(wkb::encode_geojson(&json!({"type": "Point", "coordinates": [1, 2]})).unwrap().len(), 21);
}

#[test]
fn wkb_of_other_writers_is_read() {
    let point = json!({"type": "Point", "coordinates": [1.0, 2.0, 3.0]});
    let numbers = |order: fn(f64) -> [u8; 8]| [1.0, 2.0, 3.0].into_iter().flat_map(order).collect::<Vec<u8>>();
    let little = numbers(f64::to_le_bytes);
    let ewkb = [&[1, 1, 0, 0, 0xa0, 0xe6, 0x10, 0, 0][..], &little].concat();
    let big = [&[0, 0, 0, 0x03, 0xe9][..], &numbers(f64::to_be_bytes)].concat();
    let measured = [&[1, 0xd1, 0x07, 0, 0][..], &little].concat();
    assert_eq!(wkb::decode_to_geojson(&ewkb).unwrap(), point);
    assert_eq!(wkb::decode_to_geojson(&big).unwrap(), point);
    assert_eq!(wkb::decode_to_geojson(&measured).unwrap(), json!({"type": "Point", "coordinates": [1.0, 2.0]}));
}

#[test]
fn hostile_wkb_is_corrupt() {
    let huge_count = [1, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    let deep = [1_u8, 7, 0, 0, 0, 1, 0, 0, 0].repeat(100_000);
    let wrong_member = [&[1, 4, 0, 0, 0, 1, 0, 0, 0][..], &[1, 2, 0, 0, 0, 0, 0, 0, 0], &[0; 20]].concat();
    for bytes in [&[][..], &[2], &huge_count, &deep, &wrong_member, &[1, 1, 0, 0, 0], &[1, 16, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(wkb::decode_to_geojson(bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    let mut whole = wkb::encode_geojson(&json!({"type": "Point", "coordinates": [1, 2]})).unwrap();
    whole.push(0);
    assert!(wkb::decode_to_geojson(&whole).is_err());
}

fn regions() -> RegionGrid {
    let square = |west: i32| json!([[[west, 0], [west + 10, 0], [west + 10, 10], [west, 10], [west, 0]]]);
    let feature = |properties: Value, id: Value, west: i32| {
        let geometry = json!({"type": "Polygon", "coordinates": square(west)});
        json!({"type": "Feature", "id": id, "properties": properties, "geometry": geometry})
    };
    let collection = json!({"type": "FeatureCollection", "features": [
        feature(json!({"name": "A"}), json!(1), 0),
        feature(json!({"name": "B/../x"}), json!(2), 10),
        feature(json!({"name": "A"}), json!(3), 40),
        feature(json!({"name": null}), json!(7), 60),
        feature(json!({"name": 2.5}), json!(null), 170),
        {"type": "Feature", "properties": {"name": "nowhere"}, "geometry": null},
    ]});
    RegionGrid::new(collection.to_string().as_bytes(), "name").unwrap()
}

fn region_cells(grid: &Grid, shape: &Shape) -> Vec<String> {
    match grid.cells(shape) {
        Cover::Cells(cells) => cells.into_iter().collect(),
        Cover::All | Cover::Tested(_) => vec!["*".to_owned()],
    }
}

#[test]
fn regions_are_named_by_any_scalar_and_merged_by_name() {
    let grid = Grid::GeoJson(regions());
    assert_eq!(region_cells(&grid, &point(5.0, 5.0)), ["A"]);
    assert_eq!(region_cells(&grid, &point(45.0, 5.0)), ["A"]);
    assert_eq!(region_cells(&grid, &point(10.0, 5.0)), ["A", "B/../x"]);
    assert_eq!(region_cells(&grid, &point(65.0, 5.0)), ["7"]);
    assert_eq!(region_cells(&grid, &point(-180.0, 5.0)), ["2.5"]);
    assert_eq!(region_cells(&grid, &point(-50.0, 5.0)), [NONE_CELL]);
    for text in ["{}", "[", r#"{"type":"FeatureCollection"}"#] {
        assert_eq!(RegionGrid::new(text.as_bytes(), "name").unwrap_err().kind(), ErrorKind::Invalid);
    }
    for properties in [json!({}), json!({"name": {}}), json!({"name": ""}), json!({"name": NONE_CELL})] {
        let features = json!([{"type": "Feature", "properties": properties, "geometry": null}]);
        let collection = json!({"type": "FeatureCollection", "features": features});
        assert!(RegionGrid::new(collection.to_string().as_bytes(), "name").is_err());
    }
}

#[test]
fn an_item_that_sticks_out_of_a_region_is_found_from_outside() {
    let (inside, across) = (bbox(&[1.0, 1.0, 2.0, 2.0]), bbox(&[5.0, -5.0, 6.0, 5.0]));
    let outside = bbox(&[5.0, -5.0, 6.0, -4.0]);
    let ours = Grid::GeoJson(regions());
    assert_eq!(ours.item_cells(Some(&inside)), ["A"]);
    assert_eq!(ours.item_cells(Some(&across)), ["A", NONE_CELL]);
    assert_eq!(ours.item_cells(Some(&bbox(&[-60.0, 0.0, -50.0, 1.0]))), [NONE_CELL]);
    assert!(ours.query_cells(&outside).contains(NONE_CELL));
    let theirs = Grid::GeoJson(regions().of_another_writer());
    assert_eq!(theirs.query_cells(&outside), Cover::All);
    assert!(!theirs.query_cells(&inside).contains("B/../x"));
}

#[test]
fn countries_are_read_and_found() {
    let Some(folder) = earthcatalog_tests::fixtures() else { return };
    let bytes = std::fs::read(folder.join("boundaries/ne_110m_admin_0_countries.json")).unwrap();
    let grid = RegionGrid::new(&bytes, "NAME").or_else(|_| RegionGrid::new(&bytes, "name")).unwrap();
    assert!(grid.names().len() > 150, "{}", grid.names().len());
    let grid = Grid::GeoJson(grid);
    assert_eq!(region_cells(&grid, &point(0.0, -85.0)), ["Antarctica"]);
    assert_eq!(region_cells(&grid, &point(-40.0, 75.0)), ["Greenland"]);
    assert!(region_cells(&grid, &bbox(&[5.0, 45.0, 10.0, 50.0])).contains(&"Switzerland".to_owned()));
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_bytes_are_wkb_or_corrupt(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = wkb::decode_to_geojson(&bytes);
        let _ = Shape::from_wkb(&bytes);
    }

    #[test]
    fn damaged_wkb_never_panics(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
        let geometry = json!({"type": "MultiPolygon", "coordinates": [
            [[[0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1]]], [[[0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1]]]]});
        let mut bytes = wkb::encode_geojson(&geometry).unwrap();
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = Shape::from_wkb(&bytes);
        bytes.truncate(cut);
        let _ = Shape::from_wkb(&bytes);
    }

    #[test]
    fn rings_with_any_longitudes_are_cut_into_range(
        ring in prop::collection::vec((-360.0..=360.0, -90.0..=90.0), 3..12),
        others in prop::collection::vec((-360.0..=360.0, -90.0..=90.0), 3..6),
    ) {
        let closed = |ring: &[(f64, f64)]| polygon(json!([ring.iter().chain(ring.first()).collect::<Vec<_>>()]));
        let (shape, other) = (closed(&ring), closed(&others));
        for rect in shape.rects() {
            prop_assert!(rect.min().x >= -180.0 && rect.max().x <= 180.0 && rect.min().y >= -90.0 && rect.max().y <= 90.0);
        }
        for (x, y) in ring {
            prop_assert!(shape.intersects(&point(x, y)), "vertex {x} {y} of {shape:?}");
        }
        prop_assert_eq!(shape.intersects(&other), other.intersects(&shape));
        prop_assert!(shape.intersects(&shape));
    }

    #[test]
    fn numbers_survive_wkb_bit_by_bit(x in any::<f64>(), y in any::<f64>(), z in any::<f64>()) {
        prop_assume!(x.is_finite() && y.is_finite() && z.is_finite());
        let geometry = json!({"type": "LineString", "coordinates": [[x, y, z], [y, x]]});
        prop_assert_eq!(round_trip(&geometry), geometry);
    }
}

#[test]
fn holes_over_the_antimeridian_and_round_a_pole_are_no_boundary_there() {
    let crossing = json!({"type": "Polygon", "coordinates": [
        [[160, -20], [-160, -20], [-160, 20], [160, 20], [160, -20]],
        [[170, -10], [170, 10], [-170, 10], [-170, -10], [170, -10]],
    ]});
    let round = |latitude: i32| json!([[0, latitude], [90, latitude], [180, latitude], [-90, latitude], [0, latitude]]);
    let ring = json!({"type": "Polygon", "coordinates": [round(60), round(80)]});
    let south = json!({"type": "Polygon", "coordinates": [round(-60), round(-80)]});
    // Only the hole crosses where the outer ring is drawn from -180 to 180.
    let belt = json!({"type": "Polygon", "coordinates": [
        [[-180, -30], [0, -30], [180, -30], [180, 30], [0, 30], [-180, 30], [-180, -30]],
        [[175, -5], [175, 5], [-175, 5], [-175, -5], [175, -5]],
    ]});
    for (geometry, outside, inside) in [
        (
            &crossing,
            [[175, -5, -175, 5], [179, -5, 180, 5], [-180, 0, -180, 0]],
            [[165, -5, 171, 5], [-180, 10, -179, 11]],
        ),
        (&ring, [[-10, 85, 10, 90], [170, 85, -170, 88], [0, 90, 0, 90]], [[170, 70, -170, 71], [0, 79, 1, 85]]),
        (
            &south,
            [[-10, -90, 10, -85], [170, -88, -170, -85], [-180, -85, -180, -82]],
            [[170, -71, -170, -70], [180, -61, 180, -60]],
        ),
        (&belt, [[176, -4, -176, 4], [179, -1, 180, 1], [-180, -1, -179, 1]], [[170, -1, 176, 1], [180, 5, 180, 6]]),
    ] {
        let shape = Shape::from_geojson(geometry).unwrap();
        let meets = |bbox: [i32; 4]| shape.intersects(&Shape::from_bbox(&bbox.map(f64::from)).unwrap());
        for bbox in outside {
            assert!(!meets(bbox), "{geometry} {bbox:?}");
        }
        for bbox in inside {
            assert!(meets(bbox), "{geometry} {bbox:?}");
        }
    }
}
