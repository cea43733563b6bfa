//! CQL2 text, written so that reading it gives the same expression.

use std::fmt::{self, Write as _};

use super::json::day_text;
use super::text::{is_keyword, is_name};
use super::{Expression, Operator, geometry};
use crate::property::Scalar;
use crate::query::datetime::format_instant;

impl fmt::Display for Expression {
    /// As CQL2 text. What is nested stands in parentheses, so no order of operators needs to be known to read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        write(self, &mut out)?;
        f.write_str(&out)
    }
}

fn write(expression: &Expression, out: &mut String) -> fmt::Result {
    match expression {
        Expression::Literal(literal) => write_literal(literal, out),
        Expression::Date(day) => write!(out, "DATE('{}')", day_text(*day)),
        Expression::Open => write!(out, "'..'"),
        Expression::Interval(ends) => {
            let [from, to] = ends.as_ref();
            out.push_str("INTERVAL(");
            write_end(from, out)?;
            out.push_str(", ");
            write_end(to, out)?;
            out.push(')');
            Ok(())
        }
        Expression::Geometry(value) => geometry::write(value, out),
        Expression::Bbox(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:?}")).collect();
            write!(out, "BBOX({})", numbers.join(", "))
        }
        Expression::Array(elements) => write_list(elements, out),
        Expression::Property(name) if is_name(name) && !is_keyword(name) => {
            out.push_str(name);
            Ok(())
        }
        Expression::Property(name) => write!(out, "\"{}\"", name.replace('"', "\"\"")),
        Expression::Call(operator, arguments) => write_call(*operator, arguments, out),
        Expression::Function(name, arguments) => {
            out.push_str(name);
            write_list(arguments, out)
        }
    }
}

fn write_literal(literal: &Scalar, out: &mut String) -> fmt::Result {
    match literal {
        Scalar::Boolean(true) => write!(out, "TRUE"),
        Scalar::Boolean(false) => write!(out, "FALSE"),
        Scalar::Long(number) => write!(out, "{number}"),
        Scalar::Double(number) => write!(out, "{number:?}"),
        Scalar::Instant(instant) => write!(out, "TIMESTAMP('{}')", format_instant(*instant)),
        Scalar::Text(text) => write!(out, "'{}'", text.replace('\'', "''")),
        Scalar::Json(value) => write!(out, "{value}"),
    }
}

fn write_end(end: &Expression, out: &mut String) -> fmt::Result {
    match end {
        Expression::Date(day) => write!(out, "'{}'", day_text(*day)),
        Expression::Literal(Scalar::Instant(instant)) => write!(out, "'{}'", format_instant(*instant)),
        other => write(other, out),
    }
}

fn write_list(elements: &[Expression], out: &mut String) -> fmt::Result {
    out.push('(');
    for (position, element) in elements.iter().enumerate() {
        out.push_str(if position > 0 { ", " } else { "" });
        write(element, out)?;
    }
    out.push(')');
    Ok(())
}

fn write_call(operator: Operator, arguments: &[Expression], out: &mut String) -> fmt::Result {
    match (operator, arguments) {
        (Operator::And | Operator::Or, _) => {
            let word = if operator == Operator::And { " AND " } else { " OR " };
            for (position, argument) in arguments.iter().enumerate() {
                out.push_str(if position > 0 { word } else { "" });
                write_operand(argument, out)?;
            }
            Ok(())
        }
        (Operator::Not, [argument]) => {
            out.push_str("NOT ");
            write_operand(argument, out)
        }
        (Operator::Like | Operator::In, [value, other]) => {
            write_operand(value, out)?;
            out.push_str(if operator == Operator::In { " IN " } else { " LIKE " });
            write_operand(other, out)
        }
        (Operator::Between, [value, least, most]) => {
            write_operand(value, out)?;
            out.push_str(" BETWEEN ");
            write_operand(least, out)?;
            out.push_str(" AND ");
            write_operand(most, out)
        }
        (Operator::IsNull, [value]) => {
            write_operand(value, out)?;
            out.push_str(" IS NULL");
            Ok(())
        }
        (operator, [left, right]) if operator.is_comparison() || operator.is_arithmetic() => {
            write_operand(left, out)?;
            write!(out, " {} ", operator.name())?;
            write_operand(right, out)
        }
        (operator, arguments) => {
            out.push_str(&operator.name().to_ascii_uppercase());
            write_list(arguments, out)
        }
    }
}

/// In parentheses if it is more than a value or a call.
fn write_operand(operand: &Expression, out: &mut String) -> fmt::Result {
    let infix = match operand {
        Expression::Call(Operator::Casei | Operator::Accenti, _) => false,
        Expression::Call(operator, _) => !operator.is_spatial() && !operator.is_temporal() && !operator.is_array(),
        _ => false,
    };
    if !infix {
        return write(operand, out);
    }
    out.push('(');
    write(operand, out)?;
    out.push(')');
    Ok(())
}
