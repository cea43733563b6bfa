//! Which members of items come back (STAC API, Fields Extension).

use serde_json::{Map, Value};

use crate::stac::schema;
use crate::{Error, Result};

/// The members of an item that are not properties.
const TOP_LEVEL: [&str; 10] = [
    schema::TYPE,
    schema::STAC_VERSION,
    schema::STAC_EXTENSIONS,
    schema::ID,
    schema::GEOMETRY,
    schema::BBOX,
    "properties",
    schema::LINKS,
    schema::ASSETS,
    schema::COLLECTION,
];
/// What an item cannot be told from others without: there beside what is included, unless it is excluded.
const ALWAYS: [&str; 2] = [schema::ID, schema::COLLECTION];
/// The members that make an item valid: what is included where nothing is named at all.
const BASELINE: [&str; 9] = [
    schema::TYPE,
    schema::STAC_VERSION,
    schema::STAC_EXTENSIONS,
    schema::GEOMETRY,
    schema::BBOX,
    schema::LINKS,
    schema::ASSETS,
    schema::COLLECTION,
    "properties.datetime",
];

/// The members to return: those included, or all; and of these all that are not excluded.
///
/// A name is a path of members joined by dots: `assets.data.href`, `properties.eo:cloud_cover`. A property may be
/// named without `properties.`. In an array each element is meant. `id` and `collection` come too unless excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Sorted paths; none for every member.
    include: Vec<String>,
    /// Sorted paths.
    exclude: Vec<String>,
}

/// What becomes of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It stays as it is.
    Whole,
    /// Some of what is in it stays.
    Part,
    /// It goes.
    None,
}

impl Fields {
    /// The members that these names mean. Without any, those that make an item valid, and no property but `datetime`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for an empty name.
    pub fn new<T: AsRef<str>>(
        include: impl IntoIterator<Item = T>,
        exclude: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let (mut include, exclude) = (paths(include)?, paths(exclude)?);
        if include.is_empty() && exclude.is_empty() {
            include = BASELINE.map(str::to_owned).into();
        }
        if !include.is_empty() {
            include.extend(ALWAYS.map(str::to_owned));
            include.sort();
        }
        Ok(Self { include, exclude })
    }

    /// Reads names as a GET request has them: `id,+properties,-geometry`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn parse<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self> {
        let (mut include, mut exclude) = (Vec::new(), Vec::new());
        for name in names {
            let name = name.as_ref().trim();
            match name.strip_prefix('-') {
                Some(name) => exclude.push(name.to_owned()),
                None => include.push(name.strip_prefix('+').unwrap_or(name).to_owned()),
            }
        }
        Self::new(include, exclude)
    }

    /// Reads `fields` of a search body: `{"include": […], "exclude": […]}`, or a list as [`parse`](Self::parse) takes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for anything else.
    pub fn from_json(value: &Value) -> Result<Self> {
        let wrong = || Error::invalid("`fields` is a list of names, or has lists of them in `include` and `exclude`");
        let names = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
        };
        match value {
            Value::String(text) => Self::parse(text.split(',').filter(|name| !name.is_empty())),
            Value::Array(_) => Self::parse(names(value).ok_or_else(wrong)?),
            Value::Object(members) if members.keys().all(|key| key == "include" || key == "exclude") => {
                let side = |key| match members.get(key) {
                    None | Some(Value::Null) => Ok(Vec::new()),
                    Some(list) => names(list).ok_or_else(wrong),
                };
                Self::new(side("include")?, side("exclude")?)
            }
            _ => Err(wrong()),
        }
    }

    /// Whether a column of the table can hold something that is returned.
    #[must_use]
    pub fn want_column(&self, column: &str) -> bool {
        match schema::property_column(column) {
            Some(property) => self.want(&format!("properties.{property}")),
            // It can hold any member.
            None => column == schema::JSON_PATCH || self.want(column),
        }
    }

    /// Whether something at or below this path of an item is returned.
    #[must_use]
    pub fn want(&self, path: &str) -> bool {
        self.fate(path) != Fate::None
    }

    /// Takes out of an item what is not to be returned.
    #[must_use]
    pub fn pick(&self, item: Value) -> Value {
        match item {
            Value::Object(members) => Value::Object(self.members(members, "")),
            other => other,
        }
    }

    fn members(&self, members: Map<String, Value>, path: &str) -> Map<String, Value> {
        let kept = members.into_iter().filter_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.value(value, &path).map(|value| (key, value))
        });
        kept.collect()
    }

    fn value(&self, value: Value, path: &str) -> Option<Value> {
        match (self.fate(path), value) {
            (Fate::None, _) => None,
            (Fate::Whole, value) => Some(value),
            (Fate::Part, Value::Object(members)) => {
                let kept = self.members(members, path);
                (!kept.is_empty() || self.includes(path)).then_some(Value::Object(kept))
            }
            (Fate::Part, Value::Array(values)) => {
                let kept = values.into_iter().filter_map(|value| self.value(value, path));
                Some(Value::Array(kept.collect()))
            }
            // Nothing lies below a scalar.
            (Fate::Part, scalar) => self.includes(path).then_some(scalar),
        }
    }

    fn fate(&self, path: &str) -> Fate {
        if self.exclude.iter().any(|excluded| at_or_below(path, excluded)) {
            return Fate::None;
        }
        let (included, leads_to_included) =
            (self.includes(path), self.include.iter().any(|included| at_or_below(included, path)));
        let leads_to_excluded = self.exclude.iter().any(|excluded| at_or_below(excluded, path));
        match (included, leads_to_included) {
            (true, _) if !leads_to_excluded => Fate::Whole,
            (true, _) | (false, true) => Fate::Part,
            (false, false) => Fate::None,
        }
    }

    fn includes(&self, path: &str) -> bool {
        self.include.is_empty() || self.include.iter().any(|included| at_or_below(path, included))
    }
}

/// Whether `path` is `top` or a member of what is there.
fn at_or_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Sorted paths from the top of the item. A name that is no top-level member is that of a property.
fn paths<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for name in names {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::invalid("a name in `fields` is empty"));
        }
        paths.push(name.to_owned());
        if !TOP_LEVEL.iter().any(|member| at_or_below(name, member)) {
            // Items may have foreign members at the top as well (RFC 7946 §6.1).
            paths.push(format!("properties.{name}"));
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item() -> Value {
        json!({
            "type": "Feature", "stac_version": "1.1.0", "id": "a", "collection": "c", "geometry": null,
            "properties": { "datetime": null, "eo:cloud_cover": 3, "nested": { "a": 1, "b": 2 }, "a.b": 5 },
            "links": [{ "href": "x", "rel": "self" }],
            "assets": { "data": { "href": "h", "roles": ["data"] }, "thumbnail": { "href": "t" } },
            "foreign": 7,
        })
    }

    fn picked(names: &str) -> Value {
        Fields::parse(names.split(',')).unwrap().pick(item())
    }

    #[test]
    fn what_is_included_comes_with_what_tells_items_apart() {
        assert_eq!(
            picked("properties.eo:cloud_cover"),
            json!({ "id": "a", "collection": "c", "properties": { "eo:cloud_cover": 3 } })
        );
        assert_eq!(picked("eo:cloud_cover"), picked("properties.eo:cloud_cover"));
        assert_eq!(picked("+id,-collection"), json!({ "id": "a" }));
        assert_eq!(
            picked("assets.data.href,links.rel"),
            json!({ "id": "a", "collection": "c", "assets": { "data": { "href": "h" } }, "links": [{ "rel": "self" }] })
        );
        assert_eq!(picked("foreign"), json!({ "id": "a", "collection": "c", "foreign": 7 }));
        assert_eq!(picked("properties.none.at.all"), json!({ "id": "a", "collection": "c" }));
    }

    #[test]
    fn what_is_excluded_is_not_there_whatever_includes_it() {
        let mut rest = item();
        rest.as_object_mut().unwrap().remove("geometry");
        rest["properties"].as_object_mut().unwrap().remove("datetime");
        assert_eq!(picked("-geometry,-properties.datetime"), rest);
        assert_eq!(
            picked("properties,-properties.nested.a,-datetime,-a.b"),
            json!({ "id": "a", "collection": "c", "properties": { "eo:cloud_cover": 3, "nested": { "b": 2 } } })
        );
        assert_eq!(picked("id,-id"), json!({ "collection": "c" }));
    }

    #[test]
    fn a_dot_in_a_name_is_a_dot_or_a_step() {
        assert_eq!(
            picked("properties.a.b,properties.nested.b"),
            json!({ "id": "a", "collection": "c", "properties": { "nested": { "b": 2 }, "a.b": 5 } })
        );
    }

    #[test]
    fn without_any_name_a_valid_item_is_left() {
        let baseline = Fields::from_json(&json!({})).unwrap().pick(item());
        assert_eq!(baseline["properties"], json!({ "datetime": null }));
        assert_eq!(baseline["assets"], item()["assets"]);
        assert_eq!(baseline.get("foreign"), None);
        assert_eq!(Fields::from_json(&json!({ "include": null, "exclude": [] })).unwrap().pick(item()), baseline);
    }

    #[test]
    fn columns_are_wanted_for_what_they_can_hold() {
        let fields = Fields::parse(["assets.data", "properties.datetime", "-assets.data.roles"]).unwrap();
        let wanted = ["id", "collection", "assets", "datetime", "json_patch"];
        for column in wanted {
            assert!(fields.want_column(column), "{column}");
        }
        for column in ["links", "geometry", "platform", "geometry_bbox", "grid_partition"] {
            assert!(!fields.want_column(column), "{column}");
        }
        assert!(!Fields::parse(["-assets"]).unwrap().want_column("assets"));
        assert!(Fields::parse(["-assets"]).unwrap().want_column("links"));
    }

    #[test]
    fn a_body_names_fields_in_three_ways() {
        let wanted = Fields::parse(["id", "-geometry"]).unwrap();
        for body in
            [json!("id,-geometry"), json!(["+id", "-geometry"]), json!({ "include": ["id"], "exclude": ["geometry"] })]
        {
            assert_eq!(Fields::from_json(&body).unwrap(), wanted, "{body}");
        }
        for wrong in [json!(1), json!({ "includes": ["id"] }), json!({ "include": "id" }), json!([1]), json!([""])] {
            assert!(Fields::from_json(&wrong).is_err(), "{wrong}");
        }
    }
}
