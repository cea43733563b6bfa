//! Items in one JSON document: `FeatureCollection` and `ItemCollection`.

use serde_json::{Map, Value, json};

use crate::stac::schema;

/// What stands before the first item.
pub(super) const HEAD: &[u8] = b"{\"type\":\"FeatureCollection\",\"features\":[";

/// Appends one of the items, after those before it.
pub(super) fn push(bytes: &mut Vec<u8>, is_first: bool, item: &Value) {
    bytes.extend_from_slice(if is_first { b"\n" } else { b",\n" });
    bytes.extend_from_slice(item.to_string().as_bytes());
}

/// An item as a Feature that every reader of GeoJSON takes (RFC 7946 §3.2): `type`, `geometry` and `properties` are
/// there whatever was asked for, and `bbox` is numbers or absent.
pub(super) fn feature(item: &Value) -> Value {
    let members = item.as_object();
    let mut feature = Map::with_capacity(members.map_or(3, Map::len) + 3);
    feature.insert(schema::TYPE.to_owned(), json!("Feature"));
    for (name, value) in members.into_iter().flatten() {
        if name != schema::BBOX || value.is_array() {
            feature.insert(name.clone(), value.clone());
        }
    }
    feature.insert(schema::TYPE.to_owned(), json!("Feature"));
    feature.entry(schema::GEOMETRY).or_insert(Value::Null);
    feature.entry("properties").or_insert(Value::Null);
    Value::Object(feature)
}

/// What stands after the last Feature.
pub(super) const GEOJSON_TAIL: &[u8] = b"\n]}\n";

/// What stands after the last item (STAC API, `ItemCollection` fragment): links, and how many items there are.
/// `matched` is how many there would be without a limit, where that is known.
pub(super) fn item_collection_tail(root: &str, returned: u64, matched: Option<u64>) -> String {
    let mut tail = Map::new();
    tail.insert("links".into(), json!([{ "rel": "root", "href": root, "type": "application/json" }]));
    if let Some(matched) = matched {
        tail.insert("numberMatched".into(), matched.into());
    }
    tail.insert("numberReturned".into(), returned.into());
    let text = Value::Object(tail).to_string();
    format!("\n],{}\n", text.strip_prefix('{').unwrap_or(&text))
}
