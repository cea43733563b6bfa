//! Items as CSV: columns of every catalog, then one for each property that this one has a column for.
//!
//! RFC 4180, in UTF-8: lines end with CRLF, and a cell with a comma, a quote or a line end is quoted. The columns are
//! known before the first row, from the catalog's own, so that rows can be written as they come and every file of one
//! catalog has the same: a property that is nowhere scalar has none, and stands in no other.

use serde_json::Value;

use crate::catalog::Catalog;
use crate::query::Fields;
use crate::stac::schema;

/// Instants that have a column in every file, before those of other properties.
const INSTANTS: [&str; 3] = [schema::DATETIME, schema::START_DATETIME, schema::END_DATETIME];
/// The columns of the bbox.
const SIDES: [&str; 4] = ["west", "south", "east", "north"];
/// The column of the asset's address.
const HREF: &str = "href";
/// What a spreadsheet takes for the start of a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Csv(Vec<Column>);

#[derive(Debug)]
enum Column {
    Member(&'static str),
    Property(String),
    /// A side of the bbox, by its place among [`SIDES`].
    Side(usize),
    Href,
}

impl Csv {
    /// The columns for items of a catalog, of those members that are wanted; with that of an asset's address, if it is
    /// asked for.
    pub(super) fn of(catalog: &Catalog, fields: Option<&Fields>, with_href: bool) -> Self {
        let columns = catalog.metadata().schema().fields.iter();
        Self::new(columns.filter_map(|column| schema::property_column(&column.name)), fields, with_href)
    }

    pub(super) fn new<'p>(
        properties: impl IntoIterator<Item = &'p str>,
        fields: Option<&Fields>,
        with_href: bool,
    ) -> Self {
        let property = |name: &str| Column::Property(name.to_owned());
        let fixed = [schema::ID, schema::COLLECTION].map(Column::Member).into_iter().chain(INSTANTS.map(property));
        let sides = (0..SIDES.len()).map(Column::Side);
        let others = properties.into_iter().filter(|name| !INSTANTS.contains(name)).map(property);
        let columns = fixed.chain(sides).chain(with_href.then_some(Column::Href)).chain(others);
        Self(columns.filter(|column| fields.is_none_or(|fields| column.is_wanted(fields))).collect())
    }

    /// The first line. A property whose name is taken by another column is called `properties.…`.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_row(&mut bytes, self.0.iter().map(Column::name));
        bytes
    }

    /// Appends the row of an item.
    pub(super) fn push(&self, bytes: &mut Vec<u8>, item: &Value, href: Option<&str>) {
        push_row(bytes, self.0.iter().map(|column| column.cell(item, href)));
    }
}

impl Column {
    fn is_wanted(&self, fields: &Fields) -> bool {
        match self {
            Self::Member(name) => fields.want(name),
            Self::Property(name) => fields.want(&format!("properties.{name}")),
            Self::Side(_) => fields.want(schema::BBOX),
            Self::Href => true,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Member(name) => (*name).to_owned(),
            Self::Property(name) if SIDES.contains(&name.as_str()) || name == HREF => format!("properties.{name}"),
            Self::Property(name) => name.clone(),
            Self::Side(side) => SIDES.get(*side).copied().unwrap_or_default().to_owned(),
            Self::Href => HREF.to_owned(),
        }
    }

    fn cell(&self, item: &Value, href: Option<&str>) -> String {
        match self {
            Self::Member(name) => cell(item.get(name)),
            Self::Property(name) => cell(item.get("properties").and_then(|properties| properties.get(name))),
            Self::Side(side) => cell(side_of(item, *side)),
            Self::Href => href.map(text_cell).unwrap_or_default(),
        }
    }
}

/// A side of the bbox as the item writes it, which has heights or has none.
fn side_of(item: &Value, side: usize) -> Option<&Value> {
    let numbers = item.get(schema::BBOX)?.as_array()?;
    match numbers.len() {
        4 => numbers.get(side),
        6 => numbers.get(side + side / 2),
        _ => None,
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
