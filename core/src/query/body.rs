//! Search parameters as one JSON object, the body of a STAC item search.

use serde_json::{Map, Value};

use super::sort::keys_from_json;
use super::{Fields, Query, TemporalRule};
use crate::cql2::Expression;
use crate::{Error, Result};

/// Most items of a page (STAC API, Item Search, "limit").
const MOST_PER_PAGE: u64 = 10_000;

/// Names of longitude and latitude in degrees, the one reference system of STAC.
const CRS84: [&str; 4] = [
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "https://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "OGC:CRS84",
    "urn:ogc:def:crs:OGC:1.3:CRS84",
];

impl Query {
    /// A query from the members of a search body: `bbox`, `intersects`, `datetime`, `ids`, `collections`, `limit`
    /// (STAC API, Item Search), `sortby`, `fields`, `filter` with `filter-lang` and `filter-crs`, `query` (its
    /// extensions), and our own `maxItems` (or `max_items`) and `temporal` (`overlap` or `datetime`).
    ///
    /// A filter is CQL2 JSON or text: what it is shows, and `filter-lang` is checked against it. A member that is null
    /// is taken for absent.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] that names a member of the wrong kind, or one that is not known: a misspelled
    /// condition would otherwise find everything. [`crate::ErrorKind::Unsupported`] for filters in other languages or
    /// reference systems.
    pub fn from_json(body: &Value) -> Result<Self> {
        let empty = Map::new();
        let members = match body {
            Value::Null => &empty,
            Value::Object(members) => members,
            _ => return Err(Error::invalid("search parameters are an object")),
        };
        let mut query = Self::new();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            query = query.with_member(name, value)?;
        }
        check_filter(members)?;
        Ok(query)
    }

    fn with_member(self, name: &str, value: &Value) -> Result<Self> {
        match name {
            "bbox" => self.bbox(&numbers(name, value)?),
            "intersects" => self.intersects(value),
            "datetime" => self.datetime(text(name, value)?),
            "temporal" => match text(name, value)? {
                "overlap" => Ok(self.temporal(TemporalRule::Overlap)),
                "datetime" => Ok(self.temporal(TemporalRule::Datetime)),
                other => Err(Error::invalid(format!("`temporal` is `overlap` or `datetime`, not `{other}`"))),
            },
            "ids" => Ok(self.ids(texts(name, value)?)),
            "collections" => Ok(self.collections(texts(name, value)?)),
            "limit" => {
                let limit = whole(name, value)?;
                if !(1..=MOST_PER_PAGE).contains(&limit) {
                    return Err(Error::invalid(format!("`limit` is a page size from 1 to {MOST_PER_PAGE}")));
                }
                Ok(self.page_size(usize::try_from(limit).unwrap_or(usize::MAX)))
            }
            "maxItems" | "max_items" => Ok(self.max_items(whole(name, value)?)),
            "sortby" => Ok(Self { sortby: keys_from_json(value)?, ..self }),
            "fields" => Ok(self.fields(Fields::from_json(value)?)),
            "filter" => {
                let filter = match value {
                    Value::String(text) => Expression::from_text(text),
                    json => Expression::from_json(json),
                };
                Ok(self.filter(filter?))
            }
            "query" => Ok(match super::extension::filter(value)? {
                Some(filter) => self.filter(filter),
                None => self,
            }),
            "filter-lang" | "filterLang" | "filter-crs" | "filterCrs" => Ok(self),
            _ => Err(Error::invalid(format!(
                "unknown search parameter `{name}`: there are bbox, intersects, datetime, temporal, ids, collections, \
                 filter, query, sortby, fields, limit and maxItems"
            ))),
        }
    }
}

/// Checks what is said of the filter beside it.
fn check_filter(members: &Map<String, Value>) -> Result<()> {
    let said = |names: [&'static str; 2]| {
        let found =
            names.into_iter().find_map(|name| Some((name, members.get(name).filter(|value| !value.is_null())?)));
        found.map(|(name, value)| Ok((text(name, value)?, name))).transpose()
    };
    let is_text = members.get("filter").map(Value::is_string);
    if let Some((language, name)) = said(["filter-lang", "filterLang"])? {
        let fits = match language {
            "cql2-text" => is_text,
            "cql2-json" => is_text.map(|is_text| !is_text),
            other => {
                return Err(Error::unsupported(format!("a filter in `{other}`: cql2-text and cql2-json are read")));
            }
        };
        if fits == Some(false) {
            return Err(Error::invalid(format!("`filter` is not in `{language}`, which `{name}` says it is")));
        }
    }
    if let Some((system, _)) = said(["filter-crs", "filterCrs"])?
        && !CRS84.contains(&system)
    {
        return Err(Error::unsupported(format!("geometries of a filter in `{system}`: only CRS84 is read")));
    }
    Ok(())
}

fn wrong(name: &str, wanted: &str) -> Error {
    Error::invalid(format!("`{name}` must be {wanted}"))
}

fn text<'v>(name: &str, value: &'v Value) -> Result<&'v str> {
    value.as_str().ok_or_else(|| wrong(name, "a text"))
}

fn texts<'v>(name: &str, value: &'v Value) -> Result<Vec<&'v str>> {
    let texts = value.as_array().and_then(|values| values.iter().map(Value::as_str).collect());
    texts.ok_or_else(|| wrong(name, "a list of texts"))
}

fn numbers(name: &str, value: &Value) -> Result<Vec<f64>> {
    let numbers = value.as_array().and_then(|values| values.iter().map(Value::as_f64).collect());
    numbers.ok_or_else(|| wrong(name, "a list of 4 or 6 numbers"))
}

/// A whole number that is not negative, in any spelling: JavaScript's are floats.
fn whole(name: &str, value: &Value) -> Result<u64> {
    let whole = crate::stac::patch::whole_number(value.as_f64().unwrap_or(f64::NAN));
    let whole = value.as_u64().or_else(|| whole.and_then(|whole| u64::try_from(whole).ok()));
    whole.ok_or_else(|| wrong(name, "a whole number, 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use serde_json::json;

    #[test]
    fn a_body_says_what_the_builder_says() {
        let body = json!({
            "bbox": [-60, 60, -20.5, 84], "datetime": "2020/..", "temporal": "datetime", "ids": ["a", "b"],
            "collections": ["c"], "limit": 5.0, "maxItems": 7, "intersects": null,
        });
        let built = Query::new().bbox(&[-60.0, 60.0, -20.5, 84.0]).unwrap().datetime("2020/..").unwrap();
        let built = built.temporal(TemporalRule::Datetime).ids(["a", "b"]).collections(["c"]).page_size(5).max_items(7);
        assert_eq!(Query::from_json(&body).unwrap(), built);
        assert_eq!(Query::from_json(&Value::Null).unwrap(), Query::new());
        assert_eq!(Query::from_json(&json!({ "max_items": 1 })).unwrap(), Query::new().max_items(1));
    }

    #[test]
    fn members_of_the_wrong_kind_are_refused_by_name() {
        let bodies = [
            (json!({ "bbox": "1,2,3,4" }), "`bbox`"),
            (json!({ "bbox": [1, 2, "3", 4] }), "`bbox`"),
            (json!({ "datetime": 2020 }), "`datetime`"),
            (json!({ "ids": "a" }), "`ids`"),
            (json!({ "ids": [1] }), "`ids`"),
            (json!({ "limit": 0 }), "`limit`"),
            (json!({ "limit": 1.5 }), "`limit`"),
            (json!({ "maxItems": -1 }), "`maxItems`"),
            (json!({ "temporal": "both" }), "`temporal`"),
            (json!({ "box": [1, 2, 3, 4] }), "`box`"),
            (json!({ "filter": "a = " }), "the end"),
            (json!({ "filter": 5, "filter-lang": "cql2-text" }), "`filter-lang`"),
            (json!({ "filter": "a = 1", "filterLang": "cql2-json" }), "`filterLang`"),
            (json!({ "query": { "a": { "near": 1 } } }), "`near`"),
            (json!({ "query": { "a": { "in": 1 } } }), "`in`"),
            (json!({ "query": { "a": { "startsWith": 1 } } }), "`startsWith`"),
            (json!({ "query": { "a": 1 } }), "`a`"),
            (json!({ "query": [] }), "`query`"),
            (json!([]), "an object"),
        ];
        for (body, named) in bodies {
            let error = Query::from_json(&body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{body}");
            assert!(error.message().contains(named), "{error}");
        }
    }

    #[test]
    fn a_filter_comes_in_either_form_and_with_the_query_extension() {
        let of = |body: Value| Query::from_json(&body).unwrap().filter;
        let json = json!({ "op": "<", "args": [{ "property": "eo:cloud_cover" }, 10] });
        let text =
            of(json!({ "filter": "eo:cloud_cover < 10", "filter-lang": "cql2-text", "filter-crs": "OGC:CRS84" }));
        assert_eq!(text, of(json!({ "filter": json, "filter-lang": "cql2-json" })));
        assert_eq!(text, of(json!({ "query": { "eo:cloud_cover": { "lt": 10 } } })));
        assert_eq!(of(json!({ "query": {} })), None);
        let both = of(json!({ "filter": json, "query": { "a": { "startsWith": "50%", "in": [1, 2], "neq": true } } }));
        let said = r"eo:cloud_cover < 10 AND (a LIKE '50\%%' AND a IN (1, 2) AND a <> TRUE)";
        assert_eq!(both.as_deref(), Some(&Expression::from_text(&said.replace(r"\\", r"\")).unwrap()));
        for (body, kind) in [
            (json!({ "filter": "a = 1", "filter-lang": "ecql" }), ErrorKind::Unsupported),
            (json!({ "filter": "a = 1", "filter-crs": "EPSG:3857" }), ErrorKind::Unsupported),
        ] {
            assert_eq!(Query::from_json(&body).unwrap_err().kind(), kind, "{body}");
        }
    }
}
