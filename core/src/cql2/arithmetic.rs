//! Arithmetic on numbers: whole where both are and 64 bits hold the result, doubles otherwise.

use super::Operator;
use super::term::View;
use crate::property::Scalar;

/// The value of `left operator right`; none for what are no numbers, for division by zero, and beyond doubles.
pub(super) fn arithmetic(operator: Operator, left: View<'_>, right: View<'_>) -> Option<Scalar> {
    if let (View::Long(left), View::Long(right)) = (left, right)
        && let Some(whole) = whole(operator, left, right)
    {
        return Some(Scalar::Long(whole));
    }
    let (left, right) = (double(left)?, double(right)?);
    if right == 0.0 && matches!(operator, Operator::Divide | Operator::IntegerDivide | Operator::Modulo) {
        return None;
    }
    let double = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::IntegerDivide => (left / right).trunc(),
        Operator::Modulo => left % right,
        Operator::Power => left.powf(right),
        _ => return None,
    };
    double.is_finite().then_some(Scalar::Double(double))
}

fn whole(operator: Operator, left: i64, right: i64) -> Option<i64> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::IntegerDivide => left.checked_div(right),
        Operator::Modulo => left.checked_rem(right),
        Operator::Power => left.checked_pow(u32::try_from(right).ok()?),
        _ => None,
    }
}

fn double(value: View<'_>) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "what whole numbers cannot say is said in doubles")]
        View::Long(whole) => Some(whole as f64),
        View::Double(double) => Some(double),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_whole_while_they_can() {
        let of = |operator, left, right| arithmetic(operator, View::Long(left), View::Long(right));
        assert_eq!(of(Operator::Divide, 7, 2), Some(Scalar::Double(3.5)));
        assert_eq!(of(Operator::IntegerDivide, -7, 2), Some(Scalar::Long(-3)));
        assert_eq!(of(Operator::Modulo, -7, 2), Some(Scalar::Long(-1)));
        assert_eq!(of(Operator::Power, 2, 10), Some(Scalar::Long(1024)));
        assert_eq!(of(Operator::Power, 2, -1), Some(Scalar::Double(0.5)));
        assert_eq!(of(Operator::Add, i64::MAX, 1), Some(Scalar::Double(9_223_372_036_854_775_808.0)));
        for operator in [Operator::Divide, Operator::IntegerDivide, Operator::Modulo] {
            assert_eq!(of(operator, 1, 0), None);
        }
        assert_eq!(of(Operator::IntegerDivide, i64::MIN, -1), Some(Scalar::Double(9_223_372_036_854_775_808.0)));
        assert_eq!(arithmetic(Operator::Power, View::Double(1e300), View::Long(2)), None);
        assert_eq!(arithmetic(Operator::Add, View::Text("1"), View::Long(2)), None);
    }
}
