//! What the Python program was seen to get wrong, case by case: each test is named after the row of that list.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

#[path = "upstream_bugs/grid.rs"]
mod grid;
#[path = "upstream_bugs/search.rs"]
mod search;

use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_tests::folder::Folder;
use serde_json::{Value, json};

/// An item of that id, geometry and properties.
fn item(id: &str, geometry: &Value, properties: &Value) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "geometry": geometry,
        "properties": properties, "links": [], "assets": {},
    })
}

/// An item in 2021 with that geometry.
fn placed(id: &str, geometry: &Value) -> Value {
    item(id, geometry, &json!({"datetime": "2021-06-15T12:00:00Z"}))
}

/// An item at one place with those properties.
fn timed(id: &str, properties: &Value) -> Value {
    item(id, &json!({"type": "Point", "coordinates": [10.0, 50.0]}), properties)
}

fn square(west: f64, south: f64, side: f64) -> Value {
    let (east, north) = (west + side, south + side);
    polygon(&[[[west, south], [east, south], [east, north], [west, north], [west, south]]])
}

fn polygon(rings: &[[[f64; 2]; 5]]) -> Value {
    json!({"type": "Polygon", "coordinates": rings})
}

/// A catalog in H3 cells of a resolution, with these items, of which none was refused.
fn catalog(resolution: u8, items: &[Value]) -> Folder {
    let place = Folder::new(GridDefinition::H3 { resolution }, None);
    let report = place.ingest(items);
    assert_eq!((report.items_failed, report.items_processed), (0, items.len() as u64));
    place
}
