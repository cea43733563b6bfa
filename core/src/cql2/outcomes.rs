//! What a filter can say of rows that are known by bounds alone: the set of its possible outcomes.
//!
//! Each part of the filter is judged by what is known of its columns; doubt adds outcomes and never takes one away. So
//! `NOT` is exact, and rows can be left out if true is not among the outcomes of the whole.

use std::cmp::Ordering;

use geo::Rect;

use super::Operator;
use super::bind::Filter;
use super::evaluate::{Comparison, Node, Place, Span};
use super::like::Pattern;
use super::temporal::{self, End};
use super::term::{Term, View, compare};
use crate::geometry::Shape;
use crate::plan::bounds::touch;
use crate::property::Scalar;

/// What is known of the values of a property in a set of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Known {
    /// Nothing.
    #[default]
    Anything,
    /// Every row is null.
    Null,
    /// All values that are not null are of the kind of the bounds and lie between them, as far as there are any.
    Between {
        /// No value is less.
        lower: Option<Scalar>,
        /// No value is greater.
        upper: Option<Scalar>,
        /// Whether there may be nulls.
        nulls: bool,
    },
}

/// What is known of the properties that a filter names, in the order of [`Filter::properties`], and a box around every
/// geometry, if there is one for certain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The properties.
    pub properties: Vec<Known>,
    /// The box.
    pub area: Option<Rect<f64>>,
}

/// Some of true, false and not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcomes(u8);

const TRUE: Outcomes = Outcomes(1);
const FALSE: Outcomes = Outcomes(2);
const UNKNOWN: Outcomes = Outcomes(4);
const ANY: Outcomes = Outcomes(7);
const NONE: Outcomes = Outcomes(0);

impl Outcomes {
    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn and_if(self, possible: bool, other: Self) -> Self {
        if possible { self.or(other) } else { self }
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn negated(self) -> Self {
        NONE.and_if(self.has(TRUE), FALSE).and_if(self.has(FALSE), TRUE).and_if(self.has(UNKNOWN), UNKNOWN)
    }

    /// What a conjunction of two can say.
    fn with(self, other: Self) -> Self {
        let open = |one: Self| one.has(TRUE) || one.has(UNKNOWN);
        NONE.and_if(self.has(TRUE) && other.has(TRUE), TRUE)
            .and_if(self.has(FALSE) || other.has(FALSE), FALSE)
            .and_if((self.has(UNKNOWN) && open(other)) || (other.has(UNKNOWN) && open(self)), UNKNOWN)
    }
}

impl Filter {
    /// Whether the filter might be true of a row of which `facts` hold.
    #[must_use]
    pub fn might_match(&self, facts: &Facts) -> bool {
        outcomes(&self.root, facts).has(TRUE)
    }
}

/// The values of a node: known to be one, or as a property is known.
enum Range<'f> {
    Anything,
    Null,
    Between { lower: Option<View<'f>>, upper: Option<View<'f>>, nulls: bool, constant: bool },
}

fn range<'f>(node: &'f Node, facts: &'f Facts) -> Range<'f> {
    match node {
        Node::Constant(term) => {
            Range::Between { lower: Some(term.view()), upper: Some(term.view()), nulls: false, constant: true }
        }
        Node::Property(position) => match facts.properties.get(*position) {
            None | Some(Known::Anything) => Range::Anything,
            Some(Known::Null) => Range::Null,
            Some(Known::Between { lower, upper, nulls }) => Range::Between {
                lower: lower.as_ref().map(View::of),
                upper: upper.as_ref().map(View::of),
                nulls: *nulls,
                constant: false,
            },
        },
        _ => Range::Anything,
    }
}

fn outcomes(node: &Node, facts: &Facts) -> Outcomes {
    match node {
        Node::Constant(Term::Scalar(Scalar::Boolean(value))) => {
            if *value {
                TRUE
            } else {
                FALSE
            }
        }
        Node::Property(_) => {
            let truth = Term::Scalar(Scalar::Boolean(true));
            compared(Comparison::Equal, &range(node, facts), &range(&Node::Constant(truth), facts))
        }
        Node::Not(negated) => outcomes(negated, facts).negated(),
        Node::All(links) => links.iter().fold(TRUE, |all, link| all.with(outcomes(link, facts))),
        Node::Any(links) => links.iter().fold(TRUE, |none, link| none.with(outcomes(link, facts).negated())).negated(),
        Node::Compare(comparison, sides) => {
            let [left, right] = sides.each_ref().map(|side| range(side, facts));
            compared(*comparison, &left, &right)
        }
        Node::Between(sides) => {
            let [value, least, most] = sides.each_ref().map(|side| range(side, facts));
            let above = compared(Comparison::GreaterOrEqual, &value, &least);
            above.with(compared(Comparison::LessOrEqual, &value, &most))
        }
        Node::OneOf(value, values) => {
            let value = range(value, facts);
            let unequal = |one: &Node| compared(Comparison::Equal, &value, &range(one, facts)).negated();
            values.iter().fold(TRUE, |none, one| none.with(unequal(one))).negated()
        }
        Node::In(value, values) => one_of(&range(value, facts), values),
        Node::IsNull(value) => match range(value, facts) {
            Range::Null => TRUE,
            Range::Between { nulls: false, .. } => FALSE,
            _ => TRUE.or(FALSE),
        },
        Node::Like(value, pattern) => like(&range(value, facts), pattern),
        Node::Spatial(operator, places) => spatial(*operator, places, facts),
        Node::Temporal(operator, spans) => in_time(*operator, spans, facts),
        _ => ANY,
    }
}

/// Whether bounds of one kind say something in the order of the other: texts are in order as texts, not as times.
fn ordered_alike(left: View<'_>, right: View<'_>) -> bool {
    matches!(left, View::Text(_)) == matches!(right, View::Text(_))
}

/// How a value can stand to another, by their bounds: less, equal, greater.
fn orders(left: &Range<'_>, right: &Range<'_>) -> [bool; 3] {
    let (
        Range::Between { lower, upper, constant, .. },
        Range::Between { lower: other_lower, upper: other_upper, constant: other_constant, .. },
    ) = (left, right)
    else {
        return [true; 3];
    };
    let order = |one: &Option<View<'_>>, other: &Option<View<'_>>| {
        let (one, other) = (*one.as_ref()?, *other.as_ref()?);
        let comparable = ordered_alike(one, other)
            || (matches!(one, View::Text(_)) && *constant)
            || (matches!(other, View::Text(_)) && *other_constant);
        compare(one, other).filter(|_| comparable)
    };
    let (low, high) = (order(lower, other_upper), order(upper, other_lower));
    let less = !matches!(low, Some(Ordering::Greater | Ordering::Equal));
    let equal = low != Some(Ordering::Greater) && high != Some(Ordering::Less);
    let greater = !matches!(high, Some(Ordering::Less | Ordering::Equal));
    [less, equal, greater]
}

fn compared(comparison: Comparison, left: &Range<'_>, right: &Range<'_>) -> Outcomes {
    let unsure = match (left, right) {
        (Range::Null, _) | (_, Range::Null) => return UNKNOWN,
        (Range::Anything, _) | (_, Range::Anything) => return ANY,
        (Range::Between { nulls, .. }, Range::Between { nulls: others, .. }) => *nulls || *others,
    };
    let bounded =
        |range: &Range<'_>| matches!(range, Range::Between { lower, upper, .. } if lower.is_some() || upper.is_some());
    let possible = orders(left, right).into_iter().zip([Ordering::Less, Ordering::Equal, Ordering::Greater]);
    let outcomes =
        possible.filter(|(possible, _)| *possible).map(|(_, order)| if comparison.holds(order) { TRUE } else { FALSE });
    // Without a bound the kind is not known either, and values of different kinds do not compare.
    let unsure = unsure || !bounded(left) || !bounded(right) || kinds_differ(left, right);
    outcomes.fold(NONE, Outcomes::or).and_if(unsure, UNKNOWN)
}

fn kinds_differ(left: &Range<'_>, right: &Range<'_>) -> bool {
    let (left, right) = (a_bound(left), a_bound(right));
    left.zip(right).is_none_or(|(left, right)| !ordered_alike(left, right) || compare(left, right).is_none())
}

fn a_bound<'f>(range: &Range<'f>) -> Option<View<'f>> {
    match range {
        Range::Between { lower, upper, .. } => lower.or(*upper),
        _ => None,
    }
}

fn one_of(value: &Range<'_>, values: &[Scalar]) -> Outcomes {
    let Range::Between { lower, upper, nulls, .. } = value else {
        return compared(Comparison::Equal, value, &Range::Anything);
    };
    let alike = |bound: &View<'_>| values.first().is_some_and(|one| ordered_alike(*bound, View::of(one)));
    let (lower, upper) = (lower.filter(alike), upper.filter(alike));
    if lower.is_none() && upper.is_none() {
        return ANY;
    }
    let order = |one: &Scalar, bound: View<'_>| compare(View::of(one), bound);
    if [lower, upper].into_iter().flatten().any(|bound| values.iter().any(|one| order(one, bound).is_none())) {
        return ANY;
    }
    // The values are sorted: those before `from` are less than the bounds allow, those from `to` on greater.
    let from = lower.map_or(0, |bound| values.partition_point(|one| order(one, bound) == Some(Ordering::Less)));
    let to =
        upper.map_or(values.len(), |bound| values.partition_point(|one| order(one, bound) != Some(Ordering::Greater)));
    let single = lower.zip(upper).is_some_and(|(lower, upper)| compare(lower, upper) == Some(Ordering::Equal));
    let certain = single && from < to;
    NONE.and_if(from < to, TRUE).and_if(!certain, FALSE).and_if(*nulls, UNKNOWN)
}

fn like(value: &Range<'_>, pattern: &Pattern) -> Outcomes {
    let (lower, upper, nulls) = match value {
        Range::Null => return UNKNOWN,
        Range::Between { lower: Some(View::Text(lower)), upper: Some(View::Text(upper)), nulls, .. } => {
            (lower, upper, *nulls)
        }
        _ => return ANY,
    };
    let (prefix, all) = pattern.prefix();
    let begins = |text: &str| text.as_bytes().starts_with(prefix.as_bytes());
    let possible = upper.as_bytes() >= prefix.as_bytes() && (lower.as_bytes() <= prefix.as_bytes() || begins(lower));
    let certain = all && begins(lower) && begins(upper);
    NONE.and_if(possible, TRUE).and_if(!certain, FALSE).and_if(nulls, UNKNOWN)
}

fn spatial(operator: Operator, places: &[Place; 2], facts: &Facts) -> Outcomes {
    let Some((footprint, shape)) = footprint_and_shape(places) else { return ANY };
    if facts.properties.get(footprint) == Some(&Known::Null) {
        return UNKNOWN;
    }
    let apart = facts.area.is_some_and(|area| !shape.rects().iter().any(|rect| touch(rect, &area)));
    match (apart, operator) {
        (false, _) => ANY,
        // What is apart cannot relate otherwise; a footprint may be null or broken.
        (true, Operator::SDisjoint) => TRUE.or(UNKNOWN),
        (true, _) => FALSE.or(UNKNOWN),
    }
}

/// The footprint's property and the constant of a spatial predicate, on whichever sides they are.
pub(super) fn footprint_and_shape(places: &[Place; 2]) -> Option<(usize, &Shape)> {
    match places {
        [Place::Footprint(position), Place::Shape(shape)] | [Place::Shape(shape), Place::Footprint(position)] => {
            Some((*position, shape))
        }
        _ => None,
    }
}

/// The instants that an end of a span can be.
struct EndRange {
    lower: Option<i64>,
    upper: Option<i64>,
    unsure: bool,
}

fn end_range(span: &Span, end: End, facts: &Facts) -> Option<EndRange> {
    let node = match (span, end) {
        (Span::Instant(node), _) => Some(node),
        (Span::Interval(from, _), End::Start) => from.as_ref(),
        (Span::Interval(_, to), End::Last) => to.as_ref(),
    };
    let open = if end == End::Start { i64::MIN } else { i64::MAX };
    let Some(node) = node else { return Some(EndRange { lower: Some(open), upper: Some(open), unsure: false }) };
    let side = |view: View<'_>| view.moment().map(|(first, last)| if end == End::Start { first } else { last });
    match range(node, facts) {
        Range::Between { lower: Some(lower), upper, constant: true, .. } => {
            Some(EndRange { lower: side(lower), upper: side(upper?), unsure: false })
        }
        Range::Between { lower, upper, nulls, .. } => {
            let instant = |bound: Option<View<'_>>| match bound {
                Some(View::Instant(at)) => Some(at),
                _ => None,
            };
            let unsure = nulls || instant(lower).or(instant(upper)).is_none();
            Some(EndRange { lower: instant(lower), upper: instant(upper), unsure })
        }
        Range::Anything => Some(EndRange { lower: None, upper: None, unsure: true }),
        Range::Null => None,
    }
}

fn in_time(operator: Operator, spans: &[Span; 2], facts: &Facts) -> Outcomes {
    let [left, right] = spans;
    let (rules, negated) = temporal::rules(operator);
    let mut all = TRUE;
    let mut unsure = false;
    for span in spans {
        for end in [End::Start, End::Last] {
            let Some(range) = end_range(span, end, facts) else { return UNKNOWN };
            unsure |= range.unsure;
        }
        // One that ends before it begins is no interval.
        unsure |= matches!(span, Span::Interval(Some(_), Some(_)));
    }
    for (one, comparison, other) in rules {
        let (Some(one), Some(other)) = (end_range(left, *one, facts), end_range(right, *other, facts)) else {
            return UNKNOWN;
        };
        let view = |instant: Option<i64>| instant.map(View::Instant);
        let between = |end: &EndRange| Range::Between {
            lower: view(end.lower),
            upper: view(end.upper),
            nulls: false,
            constant: false,
        };
        let possible = orders(&between(&one), &between(&other)).into_iter();
        let possible = possible.zip([Ordering::Less, Ordering::Equal, Ordering::Greater]);
        let outcomes = possible
            .filter(|(possible, _)| *possible)
            .map(|(_, order)| if comparison.holds(order) { TRUE } else { FALSE });
        all = all.with(outcomes.fold(NONE, Outcomes::or));
    }
    let all = if negated { all.negated() } else { all };
    all.and_if(unsure, UNKNOWN)
}
