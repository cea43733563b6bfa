//! The older way to filter: the Query Extension of the STAC API, as CQL2.

use serde_json::Value;

use crate::cql2::{Expression, Operator};
use crate::{Error, Result};

/// `{"eo:cloud_cover": {"lt": 10}}` as an expression; `None` where nothing is asked.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] that names what is not known or of the wrong kind.
pub(super) fn filter(query: &Value) -> Result<Option<Expression>> {
    let Value::Object(properties) = query else {
        return Err(Error::invalid("`query` must be an object of properties with their conditions"));
    };
    let mut all = Vec::new();
    for (name, conditions) in properties {
        let Value::Object(conditions) = conditions else {
            return Err(Error::invalid(format!("the condition of `{name}` must be an object such as {{\"eq\": 1}}")));
        };
        for (operator, value) in conditions {
            all.push(condition(name, operator, value)?);
        }
    }
    Ok(if all.len() > 1 { Some(Expression::Call(Operator::And, all)) } else { all.pop() })
}

fn condition(name: &str, operator: &str, value: &Value) -> Result<Expression> {
    let text = |before: &str, after: &str| {
        let text = value.as_str().ok_or_else(|| Error::invalid(format!("`{operator}` of `{name}` must be a text")))?;
        let mut pattern = before.to_owned();
        for letter in text.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push_str(after);
        Ok((Operator::Like, Expression::text(&pattern)))
    };
    let scalar = |comparison| Ok((comparison, Expression::from_json(value)?));
    let (comparison, value) = match operator {
        "eq" => scalar(Operator::Equal),
        "neq" => scalar(Operator::NotEqual),
        "lt" => scalar(Operator::Less),
        "lte" => scalar(Operator::LessOrEqual),
        "gt" => scalar(Operator::Greater),
        "gte" => scalar(Operator::GreaterOrEqual),
        "startsWith" => text("", "%"),
        "endsWith" => text("%", ""),
        "contains" => text("%", "%"),
        "in" => {
            let values = value.as_array().ok_or_else(|| Error::invalid(format!("`in` of `{name}` must be a list")))?;
            Ok((Operator::In, Expression::Array(values.iter().map(Expression::from_json).collect::<Result<_>>()?)))
        }
        other => Err(Error::invalid(format!(
            "`{other}` of `{name}` is no condition: there are eq, neq, lt, lte, gt, gte, startsWith, endsWith, \
             contains and in"
        ))),
    }?;
    Ok(Expression::Call(comparison, vec![Expression::Property(name.to_owned()), value]))
}
