//! Items in the formats of `search`, one by one as they come.

use earthcatalog_core::{Error, Result};
use serde_json::Value;

use crate::cli::Format;

/// Turns items into text: what stands before, each item, what stands after.
pub(super) struct Printer {
    format: Format,
    asset: Option<String>,
    printed: u64,
    without_asset: u64,
}

/// The asset that `url` prints unless `--asset` says otherwise.
const DEFAULT_ASSET: &str = "data";
const CSV_COLUMNS: [&str; 9] =
    ["id", "collection", "datetime", "start_datetime", "end_datetime", "west", "south", "east", "north"];

impl Printer {
    /// A printer; `asset` matters to csv and url alone.
    pub(super) fn new(format: Format, asset: Option<String>) -> Self {
        let asset = asset.or_else(|| (format == Format::Url).then(|| DEFAULT_ASSET.to_owned()));
        Self { format, asset, printed: 0, without_asset: 0 }
    }

    /// What stands before the first item.
    pub(super) fn head(&self) -> Result<String> {
        match self.format {
            Format::Ndjson | Format::Url => Ok(String::new()),
            Format::Geojson | Format::Json => Ok("{\"type\":\"FeatureCollection\",\"features\":[".to_owned()),
            Format::Csv => {
                let asset = self.asset.as_ref().map(|_| "href");
                csv_row(CSV_COLUMNS.into_iter().chain(asset).map(str::to_owned))
            }
        }
    }

    /// One item.
    pub(super) fn item(&mut self, item: &Value) -> Result<String> {
        let text = match self.format {
            Format::Ndjson => format!("{item}\n"),
            Format::Geojson | Format::Json if self.printed == 0 => format!("\n{item}"),
            Format::Geojson | Format::Json => format!(",\n{item}"),
            Format::Csv => self.row(item)?,
            Format::Url => match self.href(item) {
                Some(href) => format!("{href}\n"),
                None => String::new(),
            },
        };
        self.printed += 1;
        Ok(text)
    }

    /// What stands after the last item.
    pub(super) fn tail(&self) -> String {
        match self.format {
            Format::Ndjson | Format::Csv | Format::Url => String::new(),
            Format::Geojson => "\n]}\n".to_owned(),
            Format::Json => format!("\n],\"links\":[],\"numberReturned\":{}}}\n", self.printed),
        }
    }

    /// What the reader of stdout cannot see: items without the asset.
    pub(super) fn remark(&self) -> Option<String> {
        let asset = self.asset.as_ref().filter(|_| self.without_asset > 0)?;
        Some(format!("{} of {} items have no asset `{asset}`", self.without_asset, self.printed))
    }

    fn row(&mut self, item: &Value) -> Result<String> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let property = |name: &str| text(item.get("properties").and_then(|properties| properties.get(name)));
        let times = ["datetime", "start_datetime", "end_datetime"].map(property);
        let mut row = vec![text(item.get("id")), text(item.get("collection"))];
        row.extend(times);
        row.extend(bbox_of(item));
        if self.asset.is_some() {
            row.push(self.href(item).unwrap_or_default());
        }
        csv_row(row.into_iter())
    }

    /// The asset's href; counts the items without one.
    fn href(&mut self, item: &Value) -> Option<String> {
        let asset = self.asset.as_ref()?;
        let href = item.get("assets").and_then(|assets| assets.get(asset)).and_then(|asset| asset.get("href"));
        let href = href.and_then(Value::as_str).map(str::to_owned);
        self.without_asset += u64::from(href.is_none());
        href
    }
}

/// West, south, east and north as the item writes them; empty without a bbox.
fn bbox_of(item: &Value) -> [String; 4] {
    let numbers = item.get("bbox").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match numbers {
        [west, south, east, north] | [west, south, _, east, north, _] => {
            [west, south, east, north].map(ToString::to_string)
        }
        _ => Default::default(),
    }
}

fn csv_row(cells: impl Iterator<Item = String>) -> Result<String> {
    let failed = |_| Error::internal("a row cannot be written as CSV");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| Error::internal("a row cannot be written as CSV").caused_by(error))?;
    let bytes = writer.into_inner().map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| Error::internal("a row is not text").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(id: &str) -> Value {
        json!({
            "type": "Feature", "id": id, "collection": "c", "bbox": [1, 2, 0, 3.5, 4, 9],
            "properties": { "datetime": null, "start_datetime": "2020-01-01T00:00:00Z" },
            "assets": { "data": { "href": format!("https://h/{id}.nc") } },
        })
    }

    fn print(format: Format, asset: Option<&str>, items: &[Value]) -> String {
        let mut printer = Printer::new(format, asset.map(str::to_owned));
        let mut text = printer.head().unwrap();
        for item in items {
            text += &printer.item(item).unwrap();
        }
        text + &printer.tail()
    }

    #[test]
    fn a_collection_is_one_json_document_with_any_number_of_items() {
        for format in [Format::Geojson, Format::Json] {
            for number in 0..3 {
                let items = vec![item("a"); number];
                let collection: Value = serde_json::from_str(&print(format, None, &items)).unwrap();
                assert_eq!(collection["features"], json!(items));
            }
        }
    }

    #[test]
    fn csv_has_fixed_columns_and_quotes_what_needs_it() {
        let text = print(Format::Csv, Some("data"), &[item("a,\"b\"")]);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("id,collection,datetime,start_datetime,end_datetime,west,south,east,north,href"));
        let row = "\"a,\"\"b\"\"\",c,,2020-01-01T00:00:00Z,,1,2,3.5,4,\"https://h/a,\"\"b\"\".nc\"";
        assert_eq!(lines.next(), Some(row));
    }

    #[test]
    fn items_without_the_asset_are_counted() {
        let mut printer = Printer::new(Format::Url, None);
        let bare = json!({ "id": "x", "assets": {} });
        assert_eq!(printer.item(&item("a")).unwrap(), "https://h/a.nc\n");
        assert_eq!(printer.item(&bare).unwrap(), "");
        assert_eq!(printer.remark().as_deref(), Some("1 of 2 items have no asset `data`"));
    }
}
