//! What a filter says of rows: true, false, or not known (SQL's three-valued logic), node by node over whole columns.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Memory};

use arrow_array::{BooleanArray, RecordBatch};
use serde_json::Value;

use super::arithmetic::arithmetic;
use super::arrays::{Element, relate};
use super::bind::{Filter, Used};
use super::like::Pattern;
use super::term::{Term, View, compare};
use super::{Operator, spatial, temporal};
use crate::Result;
use crate::geometry::Shape;
use crate::property::{Patches, Scalar, Values};
use crate::stac::json_column::byte_strings;
use crate::stac::schema;

/// A part of a filter. What it says of a row is a value, or not known.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Constant(Term),
    Property(usize),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Compare(Comparison, Box<[Node; 2]>),
    /// A value between two.
    Between(Box<[Node; 3]>),
    /// Among any values.
    OneOf(Box<Node>, Vec<Node>),
    /// Among texts or among numbers, sorted.
    In(Box<Node>, Vec<Scalar>),
    IsNull(Box<Node>),
    Like(Box<Node>, Pattern),
    LikeValue(Box<Node>, Box<Node>),
    Text(fn(&str) -> String, Box<Node>),
    Arithmetic(Operator, Box<[Node; 2]>),
    Spatial(Operator, Box<[Place; 2]>),
    Temporal(Operator, Box<[Span; 2]>),
    Array(Operator, Box<[Elements; 2]>),
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Shape(Arc<Shape>),
    Footprint(usize),
    Property(usize),
}

/// A span of time; an absent end is open.
#[derive(Clone, Debug)]
pub(super) enum Span {
    Instant(Node),
    Interval(Option<Node>, Option<Node>),
}

#[derive(Clone, Debug)]
pub(super) enum Elements {
    Value(Node),
    List(Vec<Elements>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn of(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Equal => Self::Equal,
            Operator::NotEqual => Self::NotEqual,
            Operator::Less => Self::Less,
            Operator::Greater => Self::Greater,
            Operator::LessOrEqual => Self::LessOrEqual,
            Operator::GreaterOrEqual => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The same of both sides exchanged.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::Greater => Self::Less,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::Greater => order.is_gt(),
            Self::LessOrEqual => order.is_le(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Node {
    /// Whether it depends on no row.
    pub(super) fn is_constant(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Property(_) => false,
            Self::Not(one) | Self::In(one, _) | Self::IsNull(one) | Self::Like(one, _) | Self::Text(_, one) => {
                one.is_constant()
            }
            Self::All(links) | Self::Any(links) => links.iter().all(Self::is_constant),
            Self::Compare(_, two) | Self::Arithmetic(_, two) => two.iter().all(Self::is_constant),
            Self::Between(three) => three.iter().all(Self::is_constant),
            Self::OneOf(value, values) => value.is_constant() && values.iter().all(Self::is_constant),
            Self::LikeValue(value, pattern) => value.is_constant() && pattern.is_constant(),
            Self::Spatial(_, places) => places.iter().all(|place| matches!(place, Place::Shape(_))),
            Self::Temporal(_, spans) => spans.iter().all(|span| match span {
                Span::Instant(node) => node.is_constant(),
                Span::Interval(from, to) => from.iter().chain(to).all(Self::is_constant),
            }),
            Self::Array(_, sides) => sides.iter().all(Elements::is_constant),
        }
    }

    /// Whether it reads geometries.
    pub(super) fn is_dear(&self) -> bool {
        match self {
            Self::Spatial(..) => true,
            Self::Not(one) => one.is_dear(),
            Self::All(links) | Self::Any(links) => links.iter().any(Self::is_dear),
            _ => false,
        }
    }
}

impl Elements {
    fn is_constant(&self) -> bool {
        match self {
            Self::Value(node) => node.is_constant(),
            Self::List(elements) => elements.iter().all(Self::is_constant),
        }
    }
}

impl Filter {
    /// What the filter says of each row that is `wanted`; null is not known, and no match.
    ///
    /// The batch has the root columns of the filter's properties under the table's names, where its file has them;
    /// `unreadable` counts footprints that cannot be read.
    ///
    /// # Errors
    /// As [`Property::values`](crate::property::Property::values).
    pub fn evaluate(&self, batch: &RecordBatch, wanted: &[bool], unreadable: &AtomicU64) -> Result<BooleanArray> {
        let rows = Rows::of(&self.properties, batch, unreadable)?;
        Ok(rows.truth(&self.root, wanted).into_iter().collect())
    }
}

/// The rows that are judged, with the values of the filter's properties.
pub(super) struct Rows<'b> {
    count: usize,
    values: Vec<Values>,
    footprints: Vec<Option<&'b [u8]>>,
    footprint: Option<usize>,
    unreadable: Option<&'b AtomicU64>,
}

/// What a node says of the rows.
enum Column<'r> {
    Constant(View<'r>),
    Borrowed(&'r Values),
    Owned(Values),
}

impl Column<'_> {
    fn at(&self, row: usize) -> Option<View<'_>> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Borrowed(values) => View::at(values, row),
            Self::Owned(values) => View::at(values, row),
        }
    }
}

impl<'b> Rows<'b> {
    /// One row of nothing, for constants.
    pub(super) fn none() -> Self {
        Self { count: 1, values: Vec::new(), footprints: Vec::new(), footprint: None, unreadable: None }
    }

    fn of(properties: &[Used], batch: &'b RecordBatch, unreadable: &'b AtomicU64) -> Result<Self> {
        let patches = Patches::of(batch)?;
        let count = batch.num_rows();
        let mut values = Vec::with_capacity(properties.len());
        let mut rows =
            Self { count, values: Vec::new(), footprints: Vec::new(), footprint: None, unreadable: Some(unreadable) };
        for (position, used) in properties.iter().enumerate() {
            let footprint = batch.column_by_name(schema::GEOMETRY).filter(|_| used.property.is_footprint());
            if let Some(column) = footprint.filter(|column| byte_strings(column).is_ok()) {
                rows.footprint = Some(position);
                rows.footprints = byte_strings(column)?;
            }
            // A footprint as a value is GeoJSON, which is dear and rarely meant.
            let read = used.valued || rows.footprint != Some(position);
            values.push(if read { used.property.values_with(batch, &patches)? } else { Values::nulls(count) });
            let any = |values: &Values| (0..values.len()).any(|row| !values.is_null(row));
            if values.last().is_some_and(any) {
                used.seen.store(true, Memory::Relaxed);
            }
        }
        Ok(Self { values, ..rows })
    }

    /// What a node says of one row.
    pub(super) fn value(&self, node: &Node, row: usize) -> Option<Term> {
        self.column(node).at(row).map(View::term)
    }

    fn column<'r>(&'r self, node: &'r Node) -> Column<'r> {
        match node {
            Node::Constant(term) => Column::Constant(term.view()),
            Node::Property(position) => match self.values.get(*position) {
                Some(values) => Column::Borrowed(values),
                None => Column::Owned(Values::nulls(self.count)),
            },
            Node::Text(function, node) => {
                let texts = self.column(node);
                let text = |row| match texts.at(row) {
                    Some(View::Text(text)) => Some(function(text)),
                    _ => None,
                };
                Column::Owned(Values::Texts((0..self.count).map(text).collect()))
            }
            Node::Arithmetic(operator, sides) => {
                let [left, right] = sides.each_ref().map(|side| self.column(side));
                let number = |row| arithmetic(*operator, left.at(row)?, right.at(row)?);
                Column::Owned(Values::Mixed((0..self.count).map(number).collect()))
            }
            predicate => {
                let truth = self.truth(predicate, &vec![true; self.count]);
                Column::Owned(Values::Booleans(truth.into_iter().collect()))
            }
        }
    }

    /// What a node says of the rows that are wanted; of others anything.
    fn truth(&self, node: &Node, wanted: &[bool]) -> Vec<Option<bool>> {
        match node {
            Node::Not(negated) => {
                self.truth(negated, wanted).into_iter().map(|known| known.map(|value| !value)).collect()
            }
            Node::All(links) => self.linked(links, wanted, false),
            Node::Any(links) => self.linked(links, wanted, true),
            Node::Compare(comparison, sides) => {
                let [left, right] = sides.each_ref().map(|side| self.column(side));
                self.each(|row| Some(comparison.holds(compare(left.at(row)?, right.at(row)?)?)))
            }
            Node::Between(sides) => {
                let [value, least, most] = sides.each_ref().map(|side| self.column(side));
                self.each(|row| {
                    let above = || Some(compare(value.at(row)?, least.at(row)?)?.is_ge());
                    let below = || Some(compare(value.at(row)?, most.at(row)?)?.is_le());
                    decided([above(), below()].into_iter(), false)
                })
            }
            Node::OneOf(value, values) => {
                let column = self.column(value);
                let values: Vec<Column<'_>> = values.iter().map(|one| self.column(one)).collect();
                self.each(|row| {
                    let equal = |one: &Column<'_>| Some(compare(column.at(row)?, one.at(row)?)?.is_eq());
                    decided(values.iter().map(equal), true)
                })
            }
            Node::In(value, values) => {
                let column = self.column(value);
                self.each(|row| one_of(column.at(row)?, values))
            }
            Node::IsNull(value) => self.nulls(value),
            Node::Like(value, pattern) => {
                let column = self.column(value);
                self.each(|row| if let View::Text(text) = column.at(row)? { Some(pattern.matches(text)) } else { None })
            }
            Node::LikeValue(value, pattern) => {
                let (column, patterns) = (self.column(value), self.column(pattern));
                self.each(|row| match (column.at(row)?, patterns.at(row)?) {
                    (View::Text(text), View::Text(pattern)) => Some(Pattern::new(pattern).matches(text)),
                    _ => None,
                })
            }
            Node::Spatial(operator, places) => {
                let [left, right] = places.as_ref();
                let row = |(row, wanted): (usize, &bool)| {
                    let shapes = wanted.then(|| Some((self.shape(left, row)?, self.shape(right, row)?)))?;
                    shapes.and_then(|(left, right)| spatial::relates(*operator, &left, &right))
                };
                wanted.iter().enumerate().map(row).collect()
            }
            Node::Temporal(operator, spans) => {
                let [left, right] = spans.each_ref().map(|span| self.span(span));
                self.each(|row| Some(temporal::relates(*operator, left(row)?, right(row)?)))
            }
            Node::Array(operator, sides) => {
                let [left, right] = sides.each_ref().map(|side| self.elements(side));
                self.each(|row| relate(*operator, &left(row)?, &right(row)?))
            }
            value => {
                let column = self.column(value);
                self.each(|row| if let View::Boolean(value) = column.at(row)? { Some(value) } else { None })
            }
        }
    }

    fn nulls(&self, node: &Node) -> Vec<Option<bool>> {
        if let Node::Property(position) = node
            && Some(*position) == self.footprint
        {
            return self.each(|row| Some(self.footprints.get(row).copied().flatten().is_none()));
        }
        let column = self.column(node);
        self.each(|row| Some(column.at(row).is_none()))
    }

    fn each(&self, row: impl Fn(usize) -> Option<bool>) -> Vec<Option<bool>> {
        (0..self.count).map(row).collect()
    }

    /// Conjunction, decided by a false one, or disjunction, decided by a true one.
    fn linked(&self, links: &[Node], wanted: &[bool], decisive: bool) -> Vec<Option<bool>> {
        let mut all = vec![Some(!decisive); self.count];
        let mut open = wanted.to_vec();
        for link in links {
            let next = self.truth(link, &open);
            for ((known, open), next) in all.iter_mut().zip(&mut open).zip(next) {
                *known = match (*known, next) {
                    (Some(known), _) if known == decisive => Some(decisive),
                    (_, Some(next)) if next == decisive => Some(decisive),
                    (Some(_), Some(_)) => Some(!decisive),
                    _ => None,
                };
                *open = *open && *known != Some(decisive);
            }
        }
        all
    }

    fn shape(&self, place: &Place, row: usize) -> Option<Arc<Shape>> {
        let position = match place {
            Place::Shape(shape) => return Some(Arc::clone(shape)),
            Place::Footprint(position) | Place::Property(position) => *position,
        };
        if Some(position) == self.footprint {
            let shape = Shape::from_wkb(self.footprints.get(row).copied().flatten()?);
            if let (Err(_), Some(unreadable)) = (&shape, self.unreadable) {
                unreadable.fetch_add(1, Memory::Relaxed);
            }
            return shape.ok().map(Arc::new);
        }
        // Any other property is a place if it is a GeoJSON geometry or a bbox.
        let View::Json(value) = View::at(self.values.get(position)?, row)? else { return None };
        let shape = match value {
            Value::Array(numbers) => {
                Shape::from_bbox(&numbers.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>()?)
            }
            value => Shape::from_geojson(value),
        };
        shape.ok().map(Arc::new)
    }

    /// The first and last instant of a span in each row; not known for one that ends before it begins.
    fn span<'r>(&'r self, span: &'r Span) -> impl Fn(usize) -> Option<(i64, i64)> + 'r {
        let (from, to) = match span {
            Span::Instant(instant) => (Some(instant), Some(instant)),
            Span::Interval(from, to) => (from.as_ref(), to.as_ref()),
        };
        let (from, to) = (from.map(|from| self.column(from)), to.map(|to| self.column(to)));
        move |row| {
            let first = from.as_ref().map_or(Some(i64::MIN), |from| Some(from.at(row)?.moment()?.0))?;
            let last = to.as_ref().map_or(Some(i64::MAX), |to| Some(to.at(row)?.moment()?.1))?;
            (first <= last).then_some((first, last))
        }
    }

    fn elements<'r>(&'r self, elements: &'r Elements) -> Box<dyn Fn(usize) -> Option<Vec<Element>> + 'r> {
        match elements {
            Elements::Value(node) => {
                let column = self.column(node);
                Box::new(move |row| match column.at(row)? {
                    View::Json(Value::Array(elements)) => Some(elements.iter().map(Element::of_json).collect()),
                    _ => None,
                })
            }
            Elements::List(elements) => {
                let elements: Vec<_> = elements.iter().map(|element| self.element(element)).collect();
                Box::new(move |row| elements.iter().map(|element| element(row)).collect())
            }
        }
    }

    fn element<'r>(&'r self, element: &'r Elements) -> Box<dyn Fn(usize) -> Option<Element> + 'r> {
        match element {
            Elements::Value(node) => {
                let column = self.column(node);
                Box::new(move |row| {
                    Some(match column.at(row)? {
                        View::Json(value) => Element::of_json(value),
                        value => Element::Term(value.term()),
                    })
                })
            }
            list @ Elements::List(_) => {
                let list = self.elements(list);
                Box::new(move |row| list(row).map(Element::List))
            }
        }
    }
}

/// A conjunction, which a false one decides, or a disjunction, which a true one decides.
fn decided(links: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut known = true;
    for link in links {
        if link == Some(decisive) {
            return link;
        }
        known &= link.is_some();
    }
    known.then_some(!decisive)
}

fn one_of(value: View<'_>, values: &[Scalar]) -> Option<bool> {
    match (value, values.first()) {
        (View::Text(_), Some(Scalar::Text(_)))
        | (View::Long(_) | View::Double(_), Some(Scalar::Long(_) | Scalar::Double(_))) => {
            let at = values.binary_search_by(|one| compare(View::of(one), value).unwrap_or(Ordering::Less));
            Some(at.is_ok())
        }
        _ => decided(values.iter().map(|one| Some(compare(value, View::of(one))?.is_eq())), true),
    }
}
