//! The catalog as a STAC Collection, with the Table and Iceberg extensions.

use earthcatalog_core::iceberg::metadata::TableMetadata;
use earthcatalog_core::iceberg::value::Value as Bound;
use earthcatalog_core::plan::PlanColumns;
use earthcatalog_core::stac::schema;
use serde_json::{Value, json};
use std::cmp::Ordering;

use super::{ICEBERG, Published};
use crate::explorer;
use crate::gc::key_below;

const TABLE_EXTENSION: &str = "https://stac-extensions.github.io/table/v1.2.0/schema.json";
const ICEBERG_EXTENSION: &str = "https://schemas.portolan-sdi.org/incubating/iceberg/v1.1.0/schema.json";

/// `collection.json`. Links and assets are relative, so that it is right wherever the base is copied to.
pub(super) fn collection(published: &Published, with_explorer: bool) -> Value {
    let catalog = &published.catalog;
    let info = catalog.info();
    let columns: Vec<Value> =
        info.columns.iter().map(|column| json!({ "name": column.name, "type": column.r#type })).collect();
    let page = if with_explorer { "Explorer" } else { "How to read it" };
    let mut collection = json!({
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [TABLE_EXTENSION, ICEBERG_EXTENSION],
        "id": published.name(),
        "title": published.name(),
        "description": published.description(),
        // Nobody said: STAC has this word for it.
        "license": "other",
        "extent": {
            "spatial": { "bbox": [bbox(published)] },
            "temporal": { "interval": [interval(published)] },
        },
        "links": [
            { "rel": "root", "href": "./collection.json", "type": "application/json" },
            { "rel": "iceberg-rest", "href": "./iceberg/v1/config", "type": "application/json",
              "title": "Iceberg REST catalog" },
            { "rel": "alternate", "href": format!("./{}", explorer::PAGE), "type": "text/html", "title": page },
        ],
        "assets": {
            "catalog": { "href": "./earthcatalog.db", "type": "application/vnd.sqlite3", "roles": ["metadata"],
                         "title": "What earthcatalog opens" },
        },
        "table:columns": columns,
        "table:primary_geometry": schema::GEOMETRY,
        "table:row_count": published.total.row_count,
        "iceberg:catalog_type": "static",
        "iceberg:catalog_uri": published.base.join(ICEBERG).to_string(),
        "iceberg:authorization_type": "none",
        "iceberg:table_id": info.table,
        "iceberg:metadata_location": published.metadata_location,
        "iceberg:format_version": info.format_version,
        "iceberg:partition_spec": partition_spec(catalog.metadata()),
    });
    if let Some(snapshot) = info.snapshot {
        collection["iceberg:current_snapshot_id"] = snapshot.snapshot_id.into();
    }
    if let Some(key) = key_below(&published.base, &published.metadata_place()) {
        collection["assets"]["iceberg"] = json!({
            "href": format!("./{key}"), "type": "application/vnd.apache.iceberg+json", "roles": ["metadata"],
            "title": "Iceberg table metadata",
        });
    }
    collection
}

fn partition_spec(metadata: &TableMetadata) -> Value {
    let fields = metadata.spec(metadata.default_spec_id).map(|spec| spec.fields.as_slice()).unwrap_or_default();
    let field = |field: &earthcatalog_core::iceberg::metadata::PartitionField| {
        json!({ "name": field.name, "transform": field.transform.to_string(),
                "source-id": field.source_id, "field-id": field.field_id })
    };
    fields.iter().map(field).collect()
}

/// West, south, east and north of everything, from the manifests; the globe where one of them does not say.
fn bbox(published: &Published) -> [f64; 4] {
    const GLOBE: [f64; 4] = [-180.0, -90.0, 180.0, 90.0];
    let Some(sides) = PlanColumns::of(published.catalog.metadata().schema()).footprint else { return GLOBE };
    let mut found = GLOBE;
    for (at, (column, end)) in sides.into_iter().zip([End::Lower, End::Lower, End::Upper, End::Upper]).enumerate() {
        match outermost(published, column, end) {
            Known::Is(bound) => found[at] = bound.as_f64().unwrap_or(GLOBE[at]).clamp(GLOBE[at % 2], GLOBE[at % 2 + 2]),
            Known::Nothing | Known::Unknown => return GLOBE,
        }
    }
    found
}

/// First and last instant, from the manifests; null where one of them does not say.
fn interval(published: &Published) -> [Option<String>; 2] {
    let columns = PlanColumns::of(published.catalog.metadata().schema());
    let of = |wanted: [Option<i32>; 2], end: End| {
        let mut found: Option<Bound> = None;
        for column in wanted.into_iter().flatten() {
            match outermost(published, column, end) {
                Known::Is(bound) => found = Some(found.map_or(bound.clone(), |found| end.of(found, bound.clone()))),
                Known::Nothing => {}
                Known::Unknown => return None,
            }
        }
        found.map(|bound| bound.to_string())
    };
    [
        of([columns.datetime, columns.start_datetime], End::Lower),
        of([columns.datetime, columns.end_datetime], End::Upper),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Lower,
    Upper,
}

impl End {
    /// The one of two bounds that lies further out.
    fn of(self, one: Bound, other: Bound) -> Bound {
        let outer = if self == Self::Lower { Ordering::Less } else { Ordering::Greater };
        if other.compare(&one) == Some(outer) { other } else { one }
    }
}

/// What the manifests say of a bound.
enum Known {
    Is(Bound),
    /// No row has a value.
    Nothing,
    /// Some file may hold any value.
    Unknown,
}

fn outermost(published: &Published, column: i32, end: End) -> Known {
    let mut found: Option<Bound> = None;
    for file in &published.files {
        let Some(metrics) = file.data_file.metrics.get(&column) else { return Known::Unknown };
        let bound = if end == End::Lower { &metrics.lower } else { &metrics.upper };
        match bound {
            Some(bound) => found = Some(found.map_or(bound.clone(), |found| end.of(found, bound.clone()))),
            None if metrics.null_count.is_some_and(|nulls| nulls >= file.data_file.record_count) => {}
            None => return Known::Unknown,
        }
    }
    found.map_or(Known::Nothing, Known::Is)
}
