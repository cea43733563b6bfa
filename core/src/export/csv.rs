//! Items as CSV: fixed columns, then one for each property of the catalog.
//!
//! RFC 4180, in UTF-8: lines end with CRLF, and a cell with a comma, a quote or a line end is quoted. The columns are
//! known before the first row, from the catalog's own, so that rows can be written as they come and every file of one
//! catalog has the same: a property that is nowhere scalar has none, and stands in no other.

use serde_json::Value;

use crate::catalog::Catalog;
use crate::stac::schema;

/// The columns of every file, before those of properties.
const FIXED: [&str; 9] =
    ["id", "collection", "datetime", "start_datetime", "end_datetime", "west", "south", "east", "north"];
/// The column of the asset's address.
const HREF: &str = "href";
/// What a spreadsheet takes for the start of a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Csv {
    /// The properties that have a column, beside the fixed ones.
    properties: Vec<String>,
    with_href: bool,
}

impl Csv {
    /// The columns for items of a catalog; with that of an asset's address, if it is asked for.
    pub(super) fn of(catalog: &Catalog, with_href: bool) -> Self {
        let fields = catalog.metadata().schema().fields.iter();
        let properties = fields.filter_map(|field| schema::property_column(&field.name));
        Self::new(properties.map(str::to_owned).collect(), with_href)
    }

    pub(super) fn new(mut properties: Vec<String>, with_href: bool) -> Self {
        properties.retain(|name| !FIXED.contains(&name.as_str()) || is_place(name));
        Self { properties, with_href }
    }

    /// The first line. A property whose name is taken by a fixed column is called `properties.…`.
    pub(super) fn head(&self) -> Vec<u8> {
        let href = self.with_href.then_some(HREF);
        let mut bytes = Vec::new();
        let names = FIXED.into_iter().chain(href).map(str::to_owned);
        let properties = self.properties.iter().map(|name| match name.as_str() {
            HREF => format!("properties.{name}"),
            _ if is_place(name) => format!("properties.{name}"),
            _ => name.clone(),
        });
        push_row(&mut bytes, names.chain(properties));
        bytes
    }

    /// Appends the row of an item.
    pub(super) fn push(&self, bytes: &mut Vec<u8>, item: &Value, href: Option<&str>) {
        let property = |name: &str| cell(item.get("properties").and_then(|properties| properties.get(name)));
        let member = |name: &str| cell(item.get(name));
        let fixed = [member(schema::ID), member(schema::COLLECTION)]
            .into_iter()
            .chain([schema::DATETIME, schema::START_DATETIME, schema::END_DATETIME].map(property))
            .chain(bounds(item));
        let href = self.with_href.then(|| href.map(text_cell).unwrap_or_default());
        let row = fixed.chain(href).chain(self.properties.iter().map(|name| property(name)));
        push_row(bytes, row);
    }
}

/// Whether a property of this name would share that of a column for a side of the bbox.
fn is_place(name: &str) -> bool {
    ["west", "south", "east", "north"].contains(&name)
}

/// West, south, east and north as the item writes them; empty without a bbox.
fn bounds(item: &Value) -> [String; 4] {
    let numbers = item.get(schema::BBOX).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match numbers {
        [west, south, east, north] | [west, south, _, east, north, _] => {
            [west, south, east, north].map(|number| cell(Some(number)))
        }
        _ => Default::default(),
    }
}

/// A value as a cell: text as it is, nothing for null, JSON for arrays and objects.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text_cell(text),
        Some(other) => other.to_string(),
    }
}

/// Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers are never touched.
fn text_cell(text: &str) -> String {
    if text.starts_with(FORMULA_STARTS) && text.parse::<f64>().is_err() {
        return format!("'{text}");
    }
    text.to_owned()
}

fn push_row(bytes: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            bytes.push(b',');
        }
        if cell.contains(['"', ',', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ') {
            bytes.push(b'"');
            bytes.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            bytes.push(b'"');
        } else {
            bytes.extend_from_slice(cell.as_bytes());
        }
    }
    bytes.extend_from_slice(b"\r\n");
}
