//! OGC CQL2 (21-065r2): filters as text and as JSON, and what they say of the rows of a table.
//!
//! ```
//! # fn main() -> earthcatalog_core::Result<()> {
//! use earthcatalog_core::cql2::Expression;
//!
//! let text = Expression::from_text("eo:cloud_cover < 10 AND platform LIKE 'sentinel-2%'")?;
//! let json = serde_json::json!({ "op": "and", "args": [
//!     { "op": "<", "args": [{ "property": "eo:cloud_cover" }, 10] },
//!     { "op": "like", "args": [{ "property": "platform" }, "sentinel-2%"] },
//! ]});
//! assert_eq!(text, Expression::from_json(&json)?);
//! assert_eq!(text.to_json(), json);
//! # Ok(())
//! # }
//! ```

mod arithmetic;
mod arrays;
mod bind;
mod evaluate;
mod fold;
mod geometry;
mod json;
mod like;
mod outcomes;
mod spatial;
mod temporal;
mod term;
mod text;
mod write;

pub use bind::Filter;
pub use outcomes::{Facts, Known};

use serde_json::Value;

use crate::Error;
use crate::property::Scalar;
use crate::query::datetime::parse_instant;

/// A CQL2 expression as it was written, not yet tied to a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expression {
    /// A truth value, number, text, or `TIMESTAMP`.
    Literal(Scalar),
    /// `DATE`: a day, by its first instant in µs since 1970.
    Date(i64),
    /// `..`: the open end of an interval.
    Open,
    /// `INTERVAL`: from and to.
    Interval(Box<[Expression; 2]>),
    /// A geometry: GeoJSON with `type` and `coordinates` (or `geometries`) alone.
    Geometry(Value),
    /// `BBOX`: 4 or 6 numbers.
    Bbox(Vec<f64>),
    /// Values in parentheses.
    Array(Vec<Expression>),
    /// A property by its name.
    Property(String),
    /// An operator or function of the standard.
    Call(Operator, Vec<Expression>),
    /// A function that the standard does not know, by its name.
    Function(String, Vec<Expression>),
}

macro_rules! operators {
    ($($(#[doc = $doc:literal])+ $name:ident $json:literal $least:literal $most:expr;)+) => {
        /// An operator or function of the standard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Operator { $($(#[doc = $doc])+ $name,)+ }

        const OPERATORS: &[(Operator, &str, usize, usize)] = &[$((Operator::$name, $json, $least, $most),)+];
    };
}

operators! {
    /// Conjunction.
    And "and" 2 usize::MAX;
    /// Disjunction.
    Or "or" 2 usize::MAX;
    /// Negation.
    Not "not" 1 1;
    /// Equal.
    Equal "=" 2 2;
    /// Not equal.
    NotEqual "<>" 2 2;
    /// Less.
    Less "<" 2 2;
    /// Greater.
    Greater ">" 2 2;
    /// Less or equal.
    LessOrEqual "<=" 2 2;
    /// Greater or equal.
    GreaterOrEqual ">=" 2 2;
    /// A text like a pattern.
    Like "like" 2 2;
    /// A value between two, ends included.
    Between "between" 3 3;
    /// A value in a list.
    In "in" 2 2;
    /// No value.
    IsNull "isNull" 1 1;
    /// A text without regard to case.
    Casei "casei" 1 1;
    /// A text without accents.
    Accenti "accenti" 1 1;
    /// Sum.
    Add "+" 2 2;
    /// Difference.
    Subtract "-" 2 2;
    /// Product.
    Multiply "*" 2 2;
    /// Quotient.
    Divide "/" 2 2;
    /// Remainder.
    Modulo "%" 2 2;
    /// Whole quotient.
    IntegerDivide "div" 2 2;
    /// Power.
    Power "^" 2 2;
    /// They share a point.
    SIntersects "s_intersects" 2 2;
    /// They share none.
    SDisjoint "s_disjoint" 2 2;
    /// They are the same points.
    SEquals "s_equals" 2 2;
    /// They share points of boundaries alone.
    STouches "s_touches" 2 2;
    /// The first lies in the second.
    SWithin "s_within" 2 2;
    /// The second lies in the first.
    SContains "s_contains" 2 2;
    /// They share inner points, of a lower dimension.
    SCrosses "s_crosses" 2 2;
    /// They share inner points, of their dimension, and neither holds the other.
    SOverlaps "s_overlaps" 2 2;
    /// The first begins after the second ends.
    TAfter "t_after" 2 2;
    /// The first ends before the second begins.
    TBefore "t_before" 2 2;
    /// The first begins before and ends after the second.
    TContains "t_contains" 2 2;
    /// They share no instant.
    TDisjoint "t_disjoint" 2 2;
    /// The first begins after and ends before the second.
    TDuring "t_during" 2 2;
    /// Both ends are equal.
    TEquals "t_equals" 2 2;
    /// The first begins before the second, and they end together.
    TFinishedBy "t_finishedBy" 2 2;
    /// The first begins after the second, and they end together.
    TFinishes "t_finishes" 2 2;
    /// They share an instant.
    TIntersects "t_intersects" 2 2;
    /// The first ends where the second begins.
    TMeets "t_meets" 2 2;
    /// The first begins where the second ends.
    TMetBy "t_metBy" 2 2;
    /// The first begins in and ends after the second.
    TOverlappedBy "t_overlappedBy" 2 2;
    /// The first begins before and ends in the second.
    TOverlaps "t_overlaps" 2 2;
    /// They begin together, and the first ends after the second.
    TStartedBy "t_startedBy" 2 2;
    /// They begin together, and the first ends before the second.
    TStarts "t_starts" 2 2;
    /// The second array holds all of the first.
    AContainedBy "a_containedBy" 2 2;
    /// The first array holds all of the second.
    AContains "a_contains" 2 2;
    /// The arrays are equal.
    AEquals "a_equals" 2 2;
    /// The arrays share an element.
    AOverlaps "a_overlaps" 2 2;
}

impl Operator {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        OPERATORS.iter().find(|(operator, ..)| *operator == self).map_or("", |(_, name, ..)| name)
    }

    /// How many arguments it takes, at least and at most.
    #[must_use]
    pub fn arity(self) -> (usize, usize) {
        OPERATORS.iter().find(|(operator, ..)| *operator == self).map_or((0, 0), |(.., least, most)| (*least, *most))
    }

    /// The operator of a name in JSON; names of functions in any case, as in text.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        OPERATORS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name)).map(|(operator, ..)| *operator)
    }

    fn is_spatial(self) -> bool {
        self.name().starts_with("s_")
    }

    fn is_temporal(self) -> bool {
        self.name().starts_with("t_")
    }

    fn is_array(self) -> bool {
        self.name().starts_with("a_")
    }

    fn is_arithmetic(self) -> bool {
        use Operator::{Add, Divide, IntegerDivide, Modulo, Multiply, Power, Subtract};
        matches!(self, Add | Subtract | Multiply | Divide | Modulo | IntegerDivide | Power)
    }

    fn is_comparison(self) -> bool {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | Greater | LessOrEqual | GreaterOrEqual)
    }
}

impl Expression {
    /// A filter in either form: JSON if it begins with a brace.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] that says what is wrong and, for text, where.
    pub fn parse(text: &str) -> crate::Result<Self> {
        if !text.trim_start().starts_with('{') {
            return Self::from_text(text);
        }
        let json =
            serde_json::from_str(text).map_err(|error| Error::invalid("the filter is not JSON").caused_by(error))?;
        Self::from_json(&json)
    }

    /// Shorthand for a text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Literal(Scalar::Text(text.into()))
    }
}

/// The instant of `TIMESTAMP`.
fn timestamp(text: &str) -> Option<Expression> {
    parse_instant(text).ok().map(|instant| Expression::Literal(Scalar::Instant(instant)))
}

/// The day of `DATE`.
fn date(text: &str) -> Option<Expression> {
    let day = text.len() == 10;
    day.then(|| parse_instant(&format!("{text}T00:00:00Z")).ok())?.map(Expression::Date)
}

/// An end of an interval that is given as text.
fn end_of_interval(text: &str) -> Option<Expression> {
    if text == ".." {
        return Some(Expression::Open);
    }
    date(text).or_else(|| timestamp(text))
}

#[cfg(test)]
mod cql2_tests;
