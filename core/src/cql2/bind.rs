//! A filter tied to a table: names are places, constants are folded, and what makes no sense is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::evaluate::{Comparison, Elements, Node, Place, Rows, Span};
use super::fold::{accenti, casei};
use super::like::Pattern;
use super::outcomes::footprint_and_shape;
use super::term::Term;
use super::{Expression, Operator};
use crate::geometry::Shape;
use crate::iceberg::metadata::Schema;
use crate::property::{Property, Scalar};
use crate::stac::schema;
use crate::{Error, Result, limits};

/// A filter that can judge the rows of one table.
#[derive(Clone, Debug)]
pub struct Filter {
    pub(super) root: Node,
    pub(super) properties: Vec<Used>,
}

/// A property that a filter names.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) property: Property,
    /// Whether its values are compared, or whether it is a place alone.
    pub(super) valued: bool,
    /// Whether a row that was looked at has a value of it.
    pub(super) seen: Arc<AtomicBool>,
}

impl Filter {
    /// Ties a filter to a table.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for what is not true or false, for geometries that do not lie in longitude and
    /// latitude, and for operations that have no value; [`crate::ErrorKind::Unsupported`] for functions that the
    /// standard does not know.
    pub fn new(expression: &Expression, table: &Schema) -> Result<Self> {
        let mut binder = Binder { table, properties: Vec::new() };
        let root = binder.truth(expression)?;
        Ok(Self { root, properties: binder.properties })
    }

    /// The properties that are named.
    pub fn properties(&self) -> impl Iterator<Item = &Property> {
        self.properties.iter().map(|used| &used.property)
    }

    /// Shapes of which every match shares a point with each.
    pub fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.conjuncts().filter_map(|conjunct| match conjunct {
            Node::Spatial(operator, places) if *operator != Operator::SDisjoint => {
                footprint_and_shape(places).map(|(_, shape)| shape)
            }
            _ => None,
        })
    }

    /// Properties by position, each with values of which every match has one.
    pub fn required(&self) -> impl Iterator<Item = (usize, Vec<&Scalar>)> {
        self.conjuncts().filter_map(|conjunct| match conjunct {
            Node::In(value, values) => match **value {
                Node::Property(position) => Some((position, values.iter().collect())),
                _ => None,
            },
            Node::Compare(Comparison::Equal, sides) => match sides.as_ref() {
                [Node::Property(position), Node::Constant(Term::Scalar(scalar))] => Some((*position, vec![scalar])),
                _ => None,
            },
            _ => None,
        })
    }

    /// Whether nothing but footprints and times is looked at.
    #[must_use]
    pub fn only_area_or_time(&self) -> bool {
        let times = [schema::DATETIME, schema::START_DATETIME, schema::END_DATETIME];
        self.properties().all(|property| property.is_footprint() || times.iter().any(|name| property.is_property(name)))
    }

    /// What has to be true, all of it.
    fn conjuncts(&self) -> impl Iterator<Item = &Node> {
        let mut open = vec![&self.root];
        std::iter::from_fn(move || {
            loop {
                match open.pop()? {
                    Node::All(links) => open.extend(links),
                    node => return Some(node),
                }
            }
        })
    }

    /// Names of properties that no column holds and none of the rows looked at had: they counted as null.
    pub fn missing(&self) -> Vec<String> {
        let missing = self.properties.iter().filter(|used| {
            let vague = used.property.column().is_none_or(|column| !column.below.is_empty());
            vague && !used.seen.load(Ordering::Relaxed)
        });
        missing.map(|used| used.property.name()).collect()
    }
}

struct Binder<'t> {
    table: &'t Schema,
    properties: Vec<Used>,
}

impl Binder<'_> {
    /// What is true, false or not known.
    fn truth(&mut self, expression: &Expression) -> Result<Node> {
        match expression {
            Expression::Literal(Scalar::Boolean(_)) | Expression::Property(_) => self.value(expression),
            Expression::Call(operator, _) if !operator.is_arithmetic() && !is_text_function(*operator) => {
                self.value(expression)
            }
            Expression::Function(name, _) => Err(unknown(name)),
            other => Err(misplaced(other, "a filter is true or false, and this is not")),
        }
    }

    fn value(&mut self, expression: &Expression) -> Result<Node> {
        match expression {
            Expression::Literal(scalar) => Ok(Node::Constant(Term::Scalar(scalar.clone()))),
            Expression::Date(day) => Ok(Node::Constant(Term::Day(*day))),
            Expression::Property(name) => self.property(name, true).map(Node::Property),
            Expression::Function(name, _) => Err(unknown(name)),
            Expression::Call(operator, arguments) => {
                let node = self.call(*operator, arguments)?;
                folded(node, expression)
            }
            Expression::Interval(_) => Err(misplaced(expression, "an interval stands only in `T_…` functions")),
            Expression::Geometry(_) | Expression::Bbox(_) => {
                Err(misplaced(expression, "a geometry stands only in `S_…` functions"))
            }
            Expression::Array(_) => Err(misplaced(expression, "a list stands only after `IN` and in `A_…` functions")),
            Expression::Open => Err(misplaced(expression, "`..` stands only in intervals")),
        }
    }

    fn property(&mut self, name: &str, valued: bool) -> Result<usize> {
        let property = Property::resolve(name, self.table)?;
        if let Some(known) = self.properties.iter().position(|used| used.property == property) {
            if let Some(used) = self.properties.get_mut(known) {
                used.valued |= valued;
            }
            return Ok(known);
        }
        if self.properties.len() >= limits::FILTER_PROPERTIES {
            let most = limits::FILTER_PROPERTIES;
            return Err(Error::invalid(format!("a filter names at most {most} different properties")));
        }
        self.properties.push(Used { property, valued, seen: Arc::default() });
        Ok(self.properties.len() - 1)
    }

    fn call(&mut self, operator: Operator, arguments: &[Expression]) -> Result<Node> {
        match (operator, arguments) {
            (Operator::And | Operator::Or, links) if !links.is_empty() => {
                let mut links = links.iter().map(|link| self.truth(link)).collect::<Result<Vec<_>>>()?;
                // What is dear is looked at last, and only in the rows that the others leave open.
                links.sort_by_key(Node::is_dear);
                Ok(if operator == Operator::And { Node::All(links) } else { Node::Any(links) })
            }
            (Operator::Not, [negated]) => Ok(Node::Not(Box::new(self.truth(negated)?))),
            (Operator::IsNull, [value]) => match value {
                Expression::Property(name) => {
                    let footprint = Property::resolve(name, self.table)?.is_footprint();
                    Ok(Node::IsNull(Box::new(Node::Property(self.property(name, !footprint)?))))
                }
                value => Ok(Node::IsNull(Box::new(self.value(value)?))),
            },
            (Operator::Between, [value, least, most]) => {
                let sides = [self.value(value)?, self.value(least)?, self.value(most)?];
                Ok(Node::Between(Box::new(sides)))
            }
            (Operator::In, [value, Expression::Array(values)]) => self.one_of(value, values),
            (Operator::Like, [value, pattern]) => {
                let value = Box::new(self.value(value)?);
                Ok(match self.value(pattern)? {
                    Node::Constant(Term::Scalar(Scalar::Text(text))) => Node::Like(value, Pattern::new(&text)),
                    Node::Constant(_) => return Err(misplaced(pattern, "a pattern is a text")),
                    pattern => Node::LikeValue(value, Box::new(pattern)),
                })
            }
            (Operator::Casei, [text]) => Ok(Node::Text(casei, Box::new(self.value(text)?))),
            (Operator::Accenti, [text]) => Ok(Node::Text(accenti, Box::new(self.value(text)?))),
            (operator, [left, right]) if operator.is_spatial() => {
                Ok(Node::Spatial(operator, Box::new([self.place(left)?, self.place(right)?])))
            }
            (operator, [left, right]) if operator.is_temporal() => {
                Ok(Node::Temporal(operator, Box::new([self.span(left)?, self.span(right)?])))
            }
            (operator, [left, right]) if operator.is_array() => {
                Ok(Node::Array(operator, Box::new([self.elements(left)?, self.elements(right)?])))
            }
            (operator, [left, right]) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                Ok(match Comparison::of(operator) {
                    Some(comparison) => compare(comparison, left, right),
                    None => Node::Arithmetic(operator, Box::new([left, right])),
                })
            }
            (operator, _) => Err(Error::invalid(format!("`{}` has too few or too many arguments", operator.name()))),
        }
    }

    fn one_of(&mut self, value: &Expression, values: &[Expression]) -> Result<Node> {
        let value = self.value(value)?;
        let values = values.iter().map(|element| self.value(element)).collect::<Result<Vec<_>>>()?;
        let constants: Option<Vec<Scalar>> = values
            .iter()
            .map(|value| match value {
                Node::Constant(Term::Scalar(scalar @ (Scalar::Text(_) | Scalar::Long(_) | Scalar::Double(_)))) => {
                    Some(scalar.clone())
                }
                _ => None,
            })
            .collect();
        let texts = constants.iter().flatten().filter(|value| matches!(value, Scalar::Text(_))).count();
        match constants {
            Some(mut constants) if texts == 0 || texts == constants.len() => {
                constants.sort();
                Ok(Node::In(Box::new(value), constants))
            }
            _ => Ok(Node::OneOf(Box::new(value), values)),
        }
    }

    fn place(&mut self, expression: &Expression) -> Result<Place> {
        let shape = match expression {
            Expression::Property(name) => {
                let footprint = Property::resolve(name, self.table)?.is_footprint();
                return self.property(name, !footprint).map(if footprint { Place::Footprint } else { Place::Property });
            }
            Expression::Geometry(geometry) => Shape::from_geojson(geometry),
            Expression::Bbox(numbers) => Shape::from_bbox(numbers),
            Expression::Function(name, _) => return Err(unknown(name)),
            _ => return Err(misplaced(expression, "`S_…` functions compare geometries")),
        };
        let shape = shape.map_err(|error| Error::invalid("a geometry of the filter is not valid").caused_by(error))?;
        Ok(Place::Shape(Arc::new(shape)))
    }

    fn span(&mut self, expression: &Expression) -> Result<Span> {
        let mut end = |end: &Expression| match end {
            Expression::Open => Ok(None),
            end => self.time(end).map(Some),
        };
        match expression {
            Expression::Interval(ends) => {
                let [from, to] = ends.as_ref();
                Ok(Span::Interval(end(from)?, end(to)?))
            }
            instant => Ok(Span::Instant(self.time(instant)?)),
        }
    }

    fn time(&mut self, expression: &Expression) -> Result<Node> {
        let node = self.value(expression)?;
        match &node {
            Node::Constant(term) if term.view().moment().is_none() => {
                Err(misplaced(expression, "`T_…` functions compare dates, date-times and intervals"))
            }
            _ => Ok(node),
        }
    }

    fn elements(&mut self, expression: &Expression) -> Result<Elements> {
        match expression {
            Expression::Array(elements) => {
                Ok(Elements::List(elements.iter().map(|element| self.elements(element)).collect::<Result<_>>()?))
            }
            value => self.value(value).map(Elements::Value),
        }
    }
}

fn is_text_function(operator: Operator) -> bool {
    matches!(operator, Operator::Casei | Operator::Accenti)
}

fn compare(comparison: Comparison, left: Node, right: Node) -> Node {
    // The constant stands on the right, where planning looks for it.
    match (left, right) {
        (left @ Node::Constant(_), right) if !matches!(right, Node::Constant(_)) => {
            Node::Compare(comparison.turned(), Box::new([right, left]))
        }
        (left, right) => Node::Compare(comparison, Box::new([left, right])),
    }
}

/// A constant in place of what depends on no row.
fn folded(node: Node, expression: &Expression) -> Result<Node> {
    if !node.is_constant() {
        return Ok(node);
    }
    let value = Rows::none().value(&node, 0);
    value.map(Node::Constant).ok_or_else(|| misplaced(expression, "this has no value"))
}

fn unknown(name: &str) -> Error {
    Error::unsupported(format!("there is no function `{name}` to filter by"))
}

fn misplaced(expression: &Expression, reason: &str) -> Error {
    let text: String = expression.to_string().chars().take(80).collect();
    Error::invalid(format!("{reason}: `{text}`"))
}
