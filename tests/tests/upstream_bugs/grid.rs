//! Section B: cells that items did not get.

use std::collections::BTreeSet;

use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Grid, H3Grid, NONE_CELL};
use earthcatalog_core::query::Query;
use earthcatalog_tests::folder::Folder;
use earthcatalog_tests::shapes::{Rings, python_h3_keys, samples};
use h3o::{LatLng, Resolution};
use serde_json::{Value, json};

use super::{catalog, placed, square};

fn ours(geometry: &Value, resolution: u8) -> BTreeSet<String> {
    let shape = Shape::from_geojson(geometry).unwrap();
    Grid::H3(H3Grid::new(resolution).unwrap()).item_cells(Some(&shape)).into_iter().collect()
}

fn theirs(geometry: &Value, resolution: u8) -> BTreeSet<String> {
    let rings: Rings = serde_json::from_value(geometry["coordinates"].clone()).unwrap();
    let resolution = Resolution::try_from(resolution).unwrap();
    python_h3_keys(&rings, resolution).into_iter().map(|cell| cell.to_string()).collect()
}

/// The cells of many points of the geometry.
fn touched(geometry: &Value, resolution: u8) -> BTreeSet<String> {
    let shape = Shape::from_geojson(geometry).unwrap();
    let resolution = Resolution::try_from(resolution).unwrap();
    let places = shape.parts().iter().flat_map(|part| samples(part, 200));
    places.map(|place| LatLng::new(place.y, place.x).unwrap().to_cell(resolution).to_string()).collect()
}

#[test]
fn b1_cells_between_two_steps_of_a_walk_are_not_missed() {
    let mut missed = 0;
    for number in 0..40 {
        let west = f64::from(number) * 7.3 - 150.0;
        let sliver = json!([[[west, 40.0], [west + 0.29, 40.13], [west + 0.28, 40.14], [west, 40.0]]]);
        let geometry = json!({"type": "Polygon", "coordinates": sliver});
        let (ours, touched) = (ours(&geometry, 5), touched(&geometry, 5));
        assert!(touched.is_subset(&ours), "{geometry}");
        missed += touched.difference(&theirs(&geometry, 5)).count();
    }
    assert!(missed > 0, "nothing here that a walk would miss");
}

#[test]
fn b2_cells_along_holes_are_not_missed() {
    let ring = |margin: f64| {
        let (least, most) = (10.0 + margin, 20.0 - margin);
        [[least, least], [most, least], [most, most], [least, most], [least, least]]
    };
    let geometry = json!({"type": "Polygon", "coordinates": [ring(0.0), ring(1.3)]});
    let (ours, touched) = (ours(&geometry, 3), touched(&geometry, 3));
    assert!(touched.is_subset(&ours));
    assert!(!touched.is_subset(&theirs(&geometry, 3)), "nothing here that a walk would miss");
}

#[test]
fn b3_every_kind_of_footprint_is_stored_and_none_dropped() {
    let square = square(0.0, 0.0, 1.0)["coordinates"].clone();
    let geometries = [
        json!({"type": "MultiPolygon", "coordinates": [square, [[[30, 30], [31, 30], [31, 31], [30, 30]]]]}),
        json!({"type": "LineString", "coordinates": [[0, 0], [30, 30]]}),
        json!({"type": "Polygon", "coordinates": [[[0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 0, 5]]]}),
        json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}]}),
        json!(null),
    ];
    let items: Vec<Value> =
        geometries.iter().enumerate().map(|(number, geometry)| placed(&format!("item-{number}"), geometry)).collect();
    let place = catalog(1, &items);
    assert_eq!(place.ids(Query::new()).len(), geometries.len());
    assert_eq!(place.ids(Query::new().bbox(&[-1.0, -1.0, 0.5, 0.5]).unwrap()).len(), 4);
    assert_eq!(place.ids(Query::new().bbox(&[30.4, 30.1, 30.5, 30.2]).unwrap()), ["item-0"]);
}

#[test]
fn b4_a_ring_over_the_antimeridian_gets_its_own_cells_alone() {
    let ring = json!([[[179.9, 60.0], [-179.9, 60.0], [-179.9, 60.2], [179.9, 60.2], [179.9, 60.0]]]);
    let geometry = json!({"type": "Polygon", "coordinates": ring});
    for (resolution, most) in [(1, 3), (3, 4)] {
        let (ours, touched) = (ours(&geometry, resolution), touched(&geometry, resolution));
        assert!(touched.is_subset(&ours) && ours.len() <= most, "{ours:?}");
        assert!(theirs(&geometry, resolution).len() > 10);
    }
}

#[test]
fn b5_a_ring_round_a_pole_gets_the_pole_and_nothing_else() {
    let ring: Vec<[f64; 2]> = [-180, -135, -90, -45, 0, 45, 90, 135, -180].map(|x| [f64::from(x), 88.0]).to_vec();
    let geometry = json!({"type": "Polygon", "coordinates": [ring]});
    let (ours, touched) = (ours(&geometry, 4), touched(&geometry, 4));
    let pole = LatLng::new(90.0, 0.0).unwrap().to_cell(Resolution::Four).to_string();
    assert!(touched.is_subset(&ours) && ours.contains(&pole));
    assert!(ours.difference(&touched).count() * 10 < ours.len(), "{} of {}", touched.len(), ours.len());
}

#[test]
fn b6_items_outside_all_regions_are_found_and_names_of_regions_are_harmless() {
    let region = |name: &Value, west: f64| json!({"type": "Feature", "properties": {"name": name}, "geometry": square(west, 0.0, 5.0)});
    let long = "x".repeat(300);
    let names = [json!("A/../x"), json!("O'Brien \"q\""), json!("Côte d’Ivoire"), json!(long), json!(7), json!(true)];
    let mut features: Vec<Value> =
        names.iter().zip([0.0, 10.0, 20.0, 30.0, 40.0, 50.0]).map(|(name, west)| region(name, west)).collect();
    // One name twice is one region.
    features.push(region(&json!(7), 60.0));
    let regions = json!({"type": "FeatureCollection", "features": features});
    let definition = GridDefinition::GeoJson { boundaries_path: "/where/it/was/made".into(), id_field: "name".into() };
    let place = Folder::new(definition, Some(&regions));
    let items: Vec<Value> = (0_u32..8)
        .map(|number| placed(&format!("item-{number}"), &square(f64::from(number) * 10.0 + 1.0, 1.0, 1.0)))
        .collect();
    assert_eq!(place.ingest(&items).items_failed, 0);
    for (number, item) in (0_u32..).zip(&items) {
        let west = f64::from(number) * 10.0 + 1.2;
        let found = place.ids(Query::new().bbox(&[west, 1.2, west + 0.1, 1.3]).unwrap());
        assert_eq!(found, [item["id"].as_str().unwrap()]);
    }
    let cells = place.catalog().grid().item_cells(Some(&Shape::from_geojson(&items[7]["geometry"]).unwrap()));
    assert_eq!(cells, [NONE_CELL]);
    // The regions lie in the catalog, not where the writer had them.
    let GridDefinition::GeoJson { boundaries_path, .. } = place.catalog().grid_definition().clone() else { return };
    assert!(boundaries_path.starts_with(&place.path("catalog")), "{boundaries_path}");
    let escaped = std::path::Path::new(&place.path("catalog")).join("warehouse/x");
    assert!(!escaped.exists());
}

#[test]
fn b7_resolution_0_is_0_and_what_init_made_is_what_searches_read() {
    let place = catalog(0, &[placed("a", &square(10.0, 50.0, 1.0))]);
    assert_eq!(place.catalog().grid_definition(), &GridDefinition::H3 { resolution: 0 });
    assert_eq!(place.ids(Query::new().bbox(&[10.2, 50.2, 10.3, 50.3]).unwrap()), ["a"]);
    let cells = ours(&square(10.0, 50.0, 1.0), 0);
    assert!(cells.iter().all(|cell| cell.starts_with("80")), "{cells:?}");
}
