//! An Iceberg REST catalog as files: each answer under the path that clients ask for (Iceberg REST Catalog API, v1).

use earthcatalog_core::location::percent_encoded;
use serde_json::{Value, json};

use super::{Document, Published};
use crate::explorer;

/// Where the answers lie below a catalog's base.
pub(super) const FOLDER: &str = "iceberg/v1/";
/// What can be asked. Clients that mind it do not try the rest, such as HEAD of a namespace.
const ENDPOINTS: [&str; 4] = [
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
];

/// The answers. In a store, one may lie at `namespaces` and another below it; in folders (`folders`) the first is the
/// index of the folder, which web servers give for its name.
pub(super) fn documents(published: &Published, folders: bool) -> Vec<Document> {
    let Published { namespace, table, .. } = published;
    let space = format!("namespaces/{}", percent_encoded(namespace));
    let levels: Vec<&str> = namespace.split('.').collect();
    let at = |path: &str, is_folder: bool, value: Value| {
        let index = if folders && is_folder { format!("/{}", explorer::PAGE) } else { String::new() };
        Document::json(format!("{FOLDER}{path}{index}"), &value)
    };
    vec![
        // The table first: what lists it comes when it is there.
        at(&format!("{space}/tables/{}", percent_encoded(table)), false, loaded(published)),
        at(
            &format!("{space}/tables"),
            true,
            json!({ "identifiers": [{ "namespace": levels, "name": table }], "next-page-token": null }),
        ),
        at(&space, true, json!({ "namespace": levels, "properties": {} })),
        at("namespaces", true, json!({ "namespaces": [levels], "next-page-token": null })),
        at("config", false, json!({ "defaults": {}, "overrides": {}, "endpoints": ENDPOINTS })),
    ]
}

/// `LoadTableResult` of the API.
fn loaded(published: &Published) -> Value {
    json!({
        "metadata-location": published.metadata_location,
        "metadata": published.metadata,
        "config": {},
    })
}
