//! What all items of an export have: from it follow the columns of their file.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::rows::{BoxKind, Columns};
use super::seen::{Budget, Kind, Seen};
use crate::query::datetime::instant_of_item;
use crate::stac::schema;

/// Most places of values below the members of items. Each leaf is a column chunk in every row group.
const PLACES: usize = 8000;
/// Most of them in links, which are alike.
const LINK_PLACES: usize = 200;
/// Most properties, and most assets: what comes after is left out, or makes the assets JSON text.
const NAMES: usize = 1000;
/// Most names that are told of what is left out.
const TOLD: usize = 20;
/// The properties that are instants (STAC Common Metadata, Timestamps extension).
const INSTANTS: [&str; 8] = [
    schema::DATETIME,
    schema::START_DATETIME,
    schema::END_DATETIME,
    "created",
    "updated",
    "expires",
    "published",
    "unpublished",
];
/// The members of an item that become columns as they are.
const MEMBERS: [&str; 7] = [
    schema::TYPE,
    schema::STAC_VERSION,
    schema::STAC_EXTENSIONS,
    schema::ID,
    schema::LINKS,
    schema::ASSETS,
    schema::COLLECTION,
];

/// What was seen of items.
#[derive(Debug)]
pub(super) struct Survey {
    members: [(&'static str, Seen); 7],
    properties: Seen,
    /// Properties that should be instants and are not in some item.
    not_instants: HashSet<&'static str>,
    boxes: Boxes,
    budget: Budget,
    link_budget: Budget,
    left_out: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Boxes {
    flat: bool,
    solid: bool,
    other: bool,
}

impl Default for Survey {
    fn default() -> Self {
        // What the specification requires has its type also where no item has it.
        let seed = |name| match name {
            schema::STAC_EXTENSIONS => Seen::list_of(Seen::text()),
            schema::LINKS => Seen::list_of(Seen::object([("href", Seen::text()), ("rel", Seen::text())])),
            schema::ID => Seen::text(),
            _ => Seen::default(),
        };
        Self {
            members: MEMBERS.map(|name| (name, seed(name))),
            properties: Seen::object([(schema::DATETIME, Seen::default())]),
            not_instants: HashSet::new(),
            boxes: Boxes::default(),
            budget: Budget(PLACES),
            link_budget: Budget(LINK_PLACES),
            left_out: BTreeMap::new(),
        }
    }
}

impl Survey {
    /// Looks at an item.
    pub(super) fn observe(&mut self, item: &Value) {
        for (name, value) in item.as_object().into_iter().flatten() {
            match name.as_str() {
                schema::GEOMETRY => {}
                schema::BBOX => self.boxes.observe(value),
                "properties" if value.is_object() => self.observe_properties(value),
                name => match self.members.iter_mut().find(|(member, _)| *member == name) {
                    Some((schema::LINKS, seen)) => seen.observe(value, &mut self.link_budget),
                    // Each asset is a column of its own, however much was seen in others.
                    Some((schema::ASSETS, seen)) => seen.observe_members(value, NAMES, &mut self.budget),
                    Some((_, seen)) => seen.observe(value, &mut self.budget),
                    None if value.is_null() => {}
                    None => self.leave_out(format!("member `{name}`")),
                },
            }
        }
    }

    fn observe_properties(&mut self, properties: &Value) {
        for (name, value) in properties.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            // "Properties that are named such that they collide with a top-level key" have no place (Guidelines).
            let seen = if is_taken(name) { None } else { self.properties.member(name, NAMES) };
            let Some(seen) = seen else {
                self.leave_out(format!("property `{name}`"));
                continue;
            };
            seen.observe_member(name, value, &mut self.budget);
            if let Some(instant) = INSTANTS.iter().find(|instant| *instant == name)
                && value.as_str().is_none_or(|text| instant_of_item(text).is_err())
            {
                self.not_instants.insert(instant);
            }
        }
    }

    fn leave_out(&mut self, what: String) {
        if self.left_out.len() < TOLD || self.left_out.contains_key(&what) {
            *self.left_out.entry(what).or_default() += 1;
        }
    }

    /// The columns that hold all items.
    pub(super) fn columns(&self) -> Columns {
        let member = |(name, seen): &(&'static str, Seen)| match (*name, seen.kind(name)) {
            (schema::TYPE | schema::STAC_VERSION | schema::COLLECTION, Kind::Null) => (*name, Kind::Text),
            // Readers look for a struct, which must have a member.
            (schema::ASSETS, Kind::Null) => (*name, placeholder()),
            (schema::ASSETS, Kind::Json) if seen.is_without_members() => (*name, placeholder()),
            (_, kind) => (*name, kind),
        };
        let property = |(name, seen): (&str, &Seen)| match seen.kind(name) {
            Kind::Null if name == schema::DATETIME => Some((name.to_owned(), Kind::Instant)),
            Kind::Null => None,
            Kind::Text if INSTANTS.contains(&name) && !self.not_instants.contains(name) => {
                Some((name.to_owned(), Kind::Instant))
            }
            kind => Some((name.to_owned(), kind)),
        };
        Columns {
            members: self.members.iter().map(member).collect(),
            bbox: self.boxes.kind(),
            properties: self.properties.members().filter_map(property).collect(),
        }
    }

    /// What of the items has no place in the columns.
    pub(super) fn left_out(&self) -> impl Iterator<Item = String> {
        self.left_out.iter().map(|(what, items)| format!("{what} of {items} items"))
    }
}

/// Whether a column of this name is not the property's.
fn is_taken(name: &str) -> bool {
    MEMBERS.contains(&name) || [schema::GEOMETRY, schema::BBOX, "properties"].contains(&name)
}

/// A struct of assets for items that have none.
fn placeholder() -> Kind {
    Kind::Struct(vec![("data".to_owned(), Kind::Struct(vec![("href".to_owned(), Kind::Text)]))])
}

impl Boxes {
    fn observe(&mut self, value: &Value) {
        match value.as_array().map(|sides| (sides.len(), sides.iter().all(Value::is_number))) {
            Some((4, true)) => self.flat = true,
            Some((6, true)) => self.solid = true,
            _ => self.other |= !value.is_null(),
        }
    }

    fn kind(&self) -> BoxKind {
        match (self.other, self.solid) {
            (true, _) => BoxKind::Json,
            (false, true) => BoxKind::Solid,
            (false, false) => BoxKind::Flat,
        }
    }
}
