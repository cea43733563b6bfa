//! How two spans of time relate: the functions `T_…` (OGC 21-065r2, 7.5).

use super::Operator;
use super::evaluate::Comparison::{self, Equal, Greater, GreaterOrEqual, Less, LessOrEqual};

/// The end of a span, of the first or of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Start,
    Last,
}

use End::{Last, Start};

/// One comparison of an end of the first span with an end of the second.
pub(super) type Rule = (End, Comparison, End);

/// What has to hold of two spans, all of it; and whether the function is true where it does not.
pub(super) fn rules(operator: Operator) -> (&'static [Rule], bool) {
    let rules: &[Rule] = match operator {
        Operator::TAfter => &[(Start, Greater, Last)],
        Operator::TBefore => &[(Last, Less, Start)],
        Operator::TContains => &[(Start, Less, Start), (Last, Greater, Last)],
        Operator::TDuring => &[(Start, Greater, Start), (Last, Less, Last)],
        Operator::TEquals => &[(Start, Equal, Start), (Last, Equal, Last)],
        Operator::TFinishedBy => &[(Start, Less, Start), (Last, Equal, Last)],
        Operator::TFinishes => &[(Start, Greater, Start), (Last, Equal, Last)],
        Operator::TMeets => &[(Last, Equal, Start)],
        Operator::TMetBy => &[(Start, Equal, Last)],
        Operator::TOverlappedBy => &[(Start, Greater, Start), (Start, Less, Last), (Last, Greater, Last)],
        Operator::TOverlaps => &[(Start, Less, Start), (Last, Greater, Start), (Last, Less, Last)],
        Operator::TStartedBy => &[(Start, Equal, Start), (Last, Greater, Last)],
        Operator::TStarts => &[(Start, Equal, Start), (Last, Less, Last)],
        // TIntersects, and TDisjoint, which is its negation.
        _ => &[(Start, LessOrEqual, Last), (Last, GreaterOrEqual, Start)],
    };
    (rules, operator == Operator::TDisjoint)
}

/// Whether two spans, each from its first to its last instant, stand to each other as `operator` says.
pub(super) fn relates(operator: Operator, left: (i64, i64), right: (i64, i64)) -> bool {
    let (rules, negated) = rules(operator);
    let end = |span: (i64, i64), end| if end == Start { span.0 } else { span.1 };
    let all = rules.iter().all(|(one, comparison, other)| comparison.holds(end(left, *one).cmp(&end(right, *other))));
    all != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_relate_as_allens_algebra_says() {
        use Operator::*;
        let b = (10, 20);
        let cases: [((i64, i64), &[Operator]); 14] = [
            ((1, 5), &[TBefore, TDisjoint]),
            ((1, 10), &[TMeets, TIntersects]),
            ((5, 15), &[TOverlaps, TIntersects]),
            ((10, 15), &[TStarts, TIntersects]),
            ((12, 15), &[TDuring, TIntersects]),
            ((15, 20), &[TFinishes, TIntersects]),
            ((10, 20), &[TEquals, TIntersects]),
            ((10, 25), &[TStartedBy, TIntersects]),
            ((5, 25), &[TContains, TIntersects]),
            ((5, 20), &[TFinishedBy, TIntersects]),
            ((15, 25), &[TOverlappedBy, TIntersects]),
            ((20, 25), &[TMetBy, TIntersects]),
            ((25, 30), &[TAfter, TDisjoint]),
            ((i64::MIN, i64::MAX), &[TContains, TIntersects]),
        ];
        let all = [
            TAfter,
            TBefore,
            TContains,
            TDisjoint,
            TDuring,
            TEquals,
            TFinishedBy,
            TFinishes,
            TIntersects,
            TMeets,
            TMetBy,
            TOverlappedBy,
            TOverlaps,
            TStartedBy,
            TStarts,
        ];
        for (a, holding) in cases {
            for operator in all {
                assert_eq!(relates(operator, a, b), holding.contains(&operator), "{operator:?} {a:?}");
            }
        }
    }
}
