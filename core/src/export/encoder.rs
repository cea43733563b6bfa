//! What each format makes of items as they come: what stands before, each item, what stands after.

use std::num::NonZeroU64;

use arrow_array::RecordBatch;
use serde_json::Value;

use super::arrow::ArrowRows;
use super::collection::{self, GEOJSON_TAIL, HEAD, feature, item_collection_tail};
use super::csv::Csv;
use super::geoparquet::GeoParquet;
use super::{Format, MemorySpool, Spool};
use crate::catalog::Catalog;
use crate::query::Fields;
use crate::stac::schema;
use crate::{Error, Result};

/// The asset whose href is meant where none is named.
const DEFAULT_ASSET: &str = "data";

/// What an export may be told.
#[derive(Debug, Default)]
pub struct ExportOptions {
    /// The asset whose href [`Format::Url`] and [`Format::Csv`] write; for the first, `data` unless it is named.
    pub asset: Option<String>,
    /// Where items wait if a format needs all of them first; memory unless it is named.
    pub spool: Option<Box<dyn Spool>>,
    /// Most items of one document of [`Format::Json`] and [`Format::Geojson`]; further ones come in documents of their
    /// own.
    pub page_items: Option<NonZeroU64>,
}

/// Turns items into the bytes of a format. Bytes are taken as often as is convenient: none is held back but by formats
/// that need all items first.
#[derive(Debug)]
pub struct Encoder {
    form: Form,
    asset: Option<String>,
    page_items: Option<NonZeroU64>,
    bytes: Vec<u8>,
    items: u64,
    /// Those in the document that is being written.
    in_document: u64,
    without_asset: u64,
}

#[derive(Debug)]
enum Form {
    Ndjson,
    Geojson,
    Json {
        root: String,
    },
    Csv(Csv),
    Url,
    Arrow(Box<ArrowRows>),
    Geoparquet(Box<GeoParquet>),
    /// The end is written.
    Ended,
}

impl Encoder {
    /// An encoder of items of `catalog`, of those members that are wanted.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] for Arrow, if the table has a column of a type that it has no place for.
    pub fn new(format: Format, catalog: &Catalog, fields: Option<&Fields>, options: ExportOptions) -> Result<Self> {
        let asset = options.asset.or_else(|| (format == Format::Url).then(|| DEFAULT_ASSET.to_owned()));
        let spool = options.spool.unwrap_or_else(|| Box::<MemorySpool>::default());
        let form = match format {
            Format::Ndjson => Form::Ndjson,
            Format::Geojson => Form::Geojson,
            Format::Json => Form::Json { root: catalog.base().as_str().to_owned() },
            Format::Csv => Form::Csv(Csv::of(catalog, fields, asset.is_some())),
            Format::Url => Form::Url,
            Format::Arrow => Form::Arrow(Box::new(ArrowRows::stream(catalog, fields)?)),
            Format::ArrowFile => Form::Arrow(Box::new(ArrowRows::file(catalog, fields)?)),
            Format::Geoparquet => Form::Geoparquet(Box::new(GeoParquet::new(spool))),
        };
        Ok(Self { page_items: options.page_items, ..Self::of(form, asset) })
    }

    fn of(form: Form, asset: Option<String>) -> Self {
        let bytes = match &form {
            Form::Geojson | Form::Json { .. } => HEAD.to_vec(),
            Form::Csv(csv) => csv.head(),
            _ => Vec::new(),
        };
        Self { form, asset, page_items: None, bytes, items: 0, in_document: 0, without_asset: 0 }
    }

    /// Whether it takes rows rather than items.
    #[must_use]
    pub fn takes_rows(&self) -> bool {
        matches!(self.form, Form::Arrow(_))
    }

    /// Whether it takes the address of an asset from each item.
    #[must_use]
    pub fn wants_assets(&self) -> bool {
        self.asset.is_some() && matches!(self.form, Form::Csv(_) | Form::Url)
    }

    /// Takes an item.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] after the end, or where rows are taken; for GeoParquet those of the spool.
    pub fn push(&mut self, item: &Value) -> Result<()> {
        let href = match self.form {
            Form::Csv(_) | Form::Url => self.href(item),
            _ => None,
        };
        if self.page_items.is_some_and(|most| self.in_document == most.get()) {
            self.turn_page();
        }
        let is_first = self.in_document == 0;
        match &mut self.form {
            Form::Ndjson => push_line(&mut self.bytes, &item.to_string()),
            Form::Geojson => collection::push(&mut self.bytes, is_first, &feature(item)),
            Form::Json { .. } => collection::push(&mut self.bytes, is_first, item),
            Form::Csv(csv) => csv.push(&mut self.bytes, item, href.as_deref()),
            Form::Url => href.iter().for_each(|href| push_line(&mut self.bytes, &one_line(href))),
            Form::Geoparquet(file) => file.push(item)?,
            Form::Arrow(_) => return Err(Error::internal("an item where rows are taken")),
            Form::Ended => return Err(Error::internal("an item after the end")),
        }
        self.items += 1;
        self.in_document += 1;
        Ok(())
    }

    /// Begins another document, where items stand in one.
    fn turn_page(&mut self) {
        if matches!(self.form, Form::Geojson | Form::Json { .. }) {
            self.end_document(None);
            self.bytes.extend_from_slice(HEAD);
            self.in_document = 0;
        }
    }

    /// Writes what follows the last item of a document; `matched` is how many there are in all, where that is known.
    fn end_document(&mut self, matched: Option<u64>) {
        match &self.form {
            Form::Geojson => self.bytes.extend_from_slice(GEOJSON_TAIL),
            Form::Json { root } => {
                self.bytes.extend_from_slice(item_collection_tail(root, self.in_document, matched).as_bytes());
            }
            _ => {}
        }
    }

    /// Takes rows.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] for rows that do not fit the table, [`crate::ErrorKind::Internal`] where items
    /// are taken.
    pub fn push_rows(&mut self, rows: &RecordBatch) -> Result<()> {
        let Form::Arrow(arrow) = &mut self.form else {
            return Err(Error::internal("rows where items are taken"));
        };
        arrow.push(rows)?;
        self.items += rows.num_rows() as u64;
        Ok(())
    }

    /// How many items were taken.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How many bytes can be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        if let Form::Arrow(arrow) = &self.form { arrow.len() } else { self.bytes.len() }
    }

    /// Whether there is nothing to take for now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes written since they were last taken.
    pub fn take(&mut self) -> Vec<u8> {
        if let Form::Arrow(arrow) = &mut self.form {
            return arrow.take();
        }
        std::mem::take(&mut self.bytes)
    }

    /// Goes on with what follows the last item: a piece, perhaps empty, or `None` when all is written. `complete` says
    /// that no limit ended the items before the last that matches.
    ///
    /// # Errors
    /// Those of writing; for GeoParquet those of the spool, and [`crate::ErrorKind::Invalid`] that names an item whose
    /// geometry is none.
    pub fn finish(&mut self, complete: bool) -> Result<Option<Vec<u8>>> {
        if let Form::Geoparquet(file) = &mut self.form {
            return file.finish();
        }
        self.end_document(complete.then_some(self.items));
        let mut bytes = self.take();
        match std::mem::replace(&mut self.form, Form::Ended) {
            Form::Ended => return Ok(None),
            Form::Arrow(mut arrow) => {
                arrow.finish()?;
                bytes.extend_from_slice(&arrow.take());
            }
            _ => {}
        }
        Ok(Some(bytes))
    }

    /// What the reader of the bytes cannot see: what of the items is not in them.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(asset) = self.asset.as_ref().filter(|_| self.without_asset > 0) {
            remarks.push(format!("{} of {} items have no asset `{asset}`", self.without_asset, self.items));
        }
        if let Form::Geoparquet(file) = &self.form {
            remarks.extend(file.remarks());
        }
        remarks
    }

    /// The asset's href; counts the items without one.
    fn href(&mut self, item: &Value) -> Option<String> {
        let asset = self.asset.as_ref()?;
        let href = item.get(schema::ASSETS).and_then(|assets| assets.get(asset)).and_then(|asset| asset.get("href"));
        let href = href.and_then(Value::as_str).map(str::to_owned);
        self.without_asset += u64::from(href.is_none());
        href
    }
}

fn push_line(bytes: &mut Vec<u8>, line: &str) {
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
}

/// An address on one line: a line end within it as a URL has it.
fn one_line(href: &str) -> String {
    href.replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(id: &str) -> Value {
        json!({
            "type": "Feature", "id": id, "collection": "c", "bbox": [1, 2, 0, 3.5, 4, 9], "geometry": null,
            "properties": { "datetime": null, "start_datetime": "2020-01-01T00:00:00Z", "depth": -4.5, "tags": ["x"] },
            "assets": { "data": { "href": format!("https://h/{id}.nc") } },
        })
    }

    fn encode(form: Form, asset: Option<&str>, items: &[Value]) -> (String, Vec<String>) {
        let mut encoder = Encoder::of(form, asset.map(str::to_owned));
        for item in items {
            encoder.push(item).unwrap();
        }
        let mut bytes = encoder.take();
        while let Some(piece) = encoder.finish(true).unwrap() {
            bytes.extend(piece);
        }
        assert!(encoder.push(&json!({})).is_err(), "nothing comes after the end");
        (String::from_utf8(bytes).unwrap(), encoder.remarks())
    }

    fn csv(properties: &[&str], with_href: bool) -> Form {
        Form::Csv(Csv::new(properties.iter().copied(), None, with_href))
    }

    #[test]
    fn a_collection_is_one_json_document_with_any_number_of_items() {
        for number in 0..3 {
            let items = vec![item("a"); number];
            let (text, _) = encode(Form::Geojson, None, &items);
            let collection: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(collection, json!({ "type": "FeatureCollection", "features": items }));
            let (text, _) = encode(Form::Json { root: "https://h/c".to_owned() }, None, &items);
            let collection: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(collection["features"], json!(items));
            assert_eq!(collection["numberReturned"], number);
            assert_eq!(collection["numberMatched"], number);
            assert_eq!(collection["links"][0]["rel"], "root");
        }
    }

    #[test]
    fn the_bytes_of_an_item_collection_are_these() {
        let (text, _) =
            encode(Form::Json { root: "c".to_owned() }, None, &[json!({ "id": "a" }), json!({ "id": "b" })]);
        assert_eq!(
            text,
            "{\"type\":\"FeatureCollection\",\"features\":[\n{\"id\":\"a\"},\n{\"id\":\"b\"}\n],\
             \"links\":[{\"rel\":\"root\",\"href\":\"c\",\"type\":\"application/json\"}],\
             \"numberMatched\":2,\"numberReturned\":2}\n"
        );
    }

    #[test]
    fn a_search_that_was_cut_off_does_not_say_how_many_match() {
        let mut encoder = Encoder::of(Form::Json { root: "c".to_owned() }, None);
        encoder.push(&item("a")).unwrap();
        let mut bytes = encoder.take();
        bytes.extend(encoder.finish(false).unwrap().unwrap());
        let collection: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&collection["numberReturned"], &collection["numberMatched"]), (&json!(1), &Value::Null));
    }

    #[test]
    fn a_feature_has_what_geojson_asks_for_whatever_members_the_item_has() {
        let (text, _) = encode(Form::Geojson, None, &[json!({ "id": "a", "bbox": null })]);
        let feature = json!({ "type": "Feature", "id": "a", "geometry": null, "properties": null });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["features"], json!([feature]));
    }

    #[test]
    fn pages_are_documents_of_their_own() {
        for number in [0, 1, 2, 3, 4] {
            let mut encoder = Encoder::of(Form::Json { root: "c".to_owned() }, None);
            encoder.page_items = NonZeroU64::new(2);
            for _ in 0..number {
                encoder.push(&item("a")).unwrap();
            }
            let mut bytes = encoder.take();
            bytes.extend(encoder.finish(true).unwrap().unwrap());
            let pages: Vec<Value> =
                serde_json::Deserializer::from_slice(&bytes).into_iter().collect::<Result<_, _>>().unwrap();
            let returned: Vec<u64> = pages.iter().map(|page| page["numberReturned"].as_u64().unwrap()).collect();
            let expected: &[u64] = [&[0][..], &[1], &[2], &[2, 1], &[2, 2]][number];
            assert_eq!(returned, expected);
            assert_eq!(pages.last().unwrap()["numberMatched"], number);
            assert!(
                pages.iter().all(|page| page["features"].as_array().unwrap().len() as u64 == page["numberReturned"])
            );
        }
    }

    #[test]
    fn csv_has_the_columns_of_the_wanted_members() {
        let fields = Fields::parse(["id", "bbox", "properties.depth"]).unwrap();
        let csv = Form::Csv(Csv::new(["depth", "tags"], Some(&fields), true));
        let (text, _) = encode(csv, Some("data"), &[item("a")]);
        assert_eq!(text, "id,collection,west,south,east,north,href,depth\r\na,c,1,2,3.5,4,https://h/a.nc,-4.5\r\n");
    }

    #[test]
    fn lines_hold_one_item_each() {
        let (text, _) = encode(Form::Ndjson, None, &[json!({ "id": "a\nb" }), json!({ "id": "c" })]);
        assert_eq!(text, "{\"id\":\"a\\nb\"}\n{\"id\":\"c\"}\n");
    }

    #[test]
    fn csv_has_fixed_columns_then_properties_and_quotes_what_needs_it() {
        let (text, _) =
            encode(csv(&["depth", "tags", "href", "west", "datetime"], true), Some("data"), &[item("a,\"b\"")]);
        assert_eq!(
            text,
            "id,collection,datetime,start_datetime,end_datetime,west,south,east,north,href,depth,tags,properties.href,\
             properties.west\r\n\
             \"a,\"\"b\"\"\",c,,2020-01-01T00:00:00Z,,1,2,3.5,4,\"https://h/a,\"\"b\"\".nc\",-4.5,\"[\"\"x\"\"]\",,\r\n"
        );
    }

    #[test]
    fn no_cell_of_csv_is_a_formula_and_no_number_is_touched() {
        let mut one =
            json!({ "id": "=1+1", "collection": "@c", "properties": { "a": "-5", "b": "-x", "c": -5, "d": "\tx" } });
        one["properties"]["e"] = json!("two\nlines");
        let (text, _) = encode(csv(&["a", "b", "c", "d", "e"], false), None, &[one]);
        let row = text.split_once("\r\n").unwrap().1;
        assert_eq!(row, "'=1+1,'@c,,,,,,,,-5,'-x,-5,'\tx,\"two\nlines\"\r\n");
    }

    #[test]
    fn items_without_the_asset_are_counted() {
        let bare = json!({ "id": "x", "assets": {} });
        let broken = json!({ "assets": { "data": { "href": "a\nb" } } });
        let (text, remarks) = encode(Form::Url, Some("data"), &[item("a"), bare, json!({}), broken]);
        assert_eq!(text, "https://h/a.nc\na%0Ab\n");
        assert_eq!(remarks, ["2 of 4 items have no asset `data`"]);
    }
}
