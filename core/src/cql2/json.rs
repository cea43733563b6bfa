//! CQL2 JSON (OGC 21-065r2, Annex C): read and written.

use serde_json::{Map, Value, json};

use super::{Expression, Operator, date, end_of_interval, geometry, timestamp};
use crate::property::Scalar;
use crate::query::datetime::format_instant;
use crate::{Error, Result, limits};

impl Expression {
    /// Reads CQL2 JSON.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the place in the filter, as a JSON pointer, and what is wrong there.
    pub fn from_json(json: &Value) -> Result<Self> {
        let mut reader = Reader { path: String::new(), depth: 0, nodes: 0 };
        match reader.expression(json)? {
            Self::Array(_) => Err(reader.wrong("a list is no filter")),
            expression => Ok(expression),
        }
    }

    /// As CQL2 JSON; reading it gives the same expression.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Literal(Scalar::Boolean(value)) => json!(value),
            Self::Literal(Scalar::Long(value)) => json!(value),
            Self::Literal(Scalar::Double(value)) => json!(value),
            Self::Literal(Scalar::Text(text)) => json!(text),
            Self::Literal(Scalar::Instant(instant)) => json!({ "timestamp": format_instant(*instant) }),
            Self::Literal(Scalar::Json(value)) => Value::clone(value),
            Self::Date(day) => json!({ "date": day_text(*day) }),
            Self::Open => json!(".."),
            Self::Interval(ends) => json!({ "interval": ends.iter().map(end_json).collect::<Vec<_>>() }),
            Self::Geometry(geometry) => geometry.clone(),
            Self::Bbox(numbers) => json!({ "bbox": numbers }),
            Self::Array(elements) => elements.iter().map(Self::to_json).collect(),
            Self::Property(name) => json!({ "property": name }),
            Self::Call(operator, arguments) => call(operator.name(), arguments),
            Self::Function(name, arguments) => call(name, arguments),
        }
    }
}

fn call(name: &str, arguments: &[Expression]) -> Value {
    json!({ "op": name, "args": arguments.iter().map(Expression::to_json).collect::<Vec<_>>() })
}

fn end_json(end: &Expression) -> Value {
    match end {
        Expression::Date(day) => json!(day_text(*day)),
        Expression::Literal(Scalar::Instant(instant)) => json!(format_instant(*instant)),
        other => other.to_json(),
    }
}

/// `YYYY-MM-DD`.
pub(super) fn day_text(day: i64) -> String {
    let mut text = format_instant(day);
    text.truncate(10);
    text
}

struct Reader {
    /// Where it reads, as a JSON pointer.
    path: String,
    depth: usize,
    nodes: usize,
}

impl Reader {
    fn expression(&mut self, json: &Value) -> Result<Expression> {
        self.nodes += 1;
        self.depth += 1;
        if self.depth > limits::FILTER_DEPTH || self.nodes > limits::FILTER_NODES {
            return Err(self.wrong("the filter is nested too deep or too large"));
        }
        let expression = match json {
            Value::Bool(value) => Expression::Literal(Scalar::Boolean(*value)),
            Value::Number(_) => {
                let number = Scalar::from_json(json.clone());
                Expression::Literal(number.ok_or_else(|| self.wrong("not a number"))?)
            }
            Value::String(text) => Expression::text(text),
            Value::Array(elements) => Expression::Array(self.list("", elements)?),
            Value::Object(members) => self.object(json, members)?,
            Value::Null => return Err(self.wrong("null is no value: use `isNull`")),
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn object(&mut self, json: &Value, members: &Map<String, Value>) -> Result<Expression> {
        if let Some(name) = members.get("op") {
            let name = name.as_str().ok_or_else(|| self.wrong("`op` is a text"))?;
            let Some(Value::Array(arguments)) = members.get("args") else {
                return Err(self.wrong("an operation has its `args` as an array"));
            };
            let arguments = self.list("/args", arguments)?;
            let Some(operator) = Operator::of_name(name) else {
                return Ok(Expression::Function(name.to_owned(), arguments));
            };
            let (least, most) = operator.arity();
            if !(least..=most).contains(&arguments.len()) {
                return Err(self.wrong(&format!("`{name}` takes {least} arguments, not {}", arguments.len())));
            }
            return Expression::call(operator, arguments).map_err(|reason| self.wrong(reason));
        }
        let text = |name: &str| members.get(name).map(Value::as_str);
        if let Some(name) = text("property") {
            let name = name.filter(|name| !name.is_empty()).ok_or_else(|| self.wrong("`property` is a name"))?;
            return Ok(Expression::Property(name.to_owned()));
        }
        if let Some(day) = text("date") {
            return day.and_then(date).ok_or_else(|| self.wrong("`date` is a text such as `2021-06-15`"));
        }
        if let Some(instant) = text("timestamp") {
            let refused = || self.wrong("`timestamp` is an RFC 3339 date-time such as `2021-06-15T12:00:00Z`");
            return instant.and_then(timestamp).ok_or_else(refused);
        }
        if let Some(ends) = members.get("interval") {
            return self.interval(ends);
        }
        if let Some(bbox) = members.get("bbox").filter(|_| !members.contains_key("type")) {
            let numbers =
                bbox.as_array().and_then(|numbers| numbers.iter().map(Value::as_f64).collect::<Option<Vec<_>>>());
            let numbers = numbers.filter(|numbers| [4, 6].contains(&numbers.len()));
            return numbers.map(Expression::Bbox).ok_or_else(|| self.wrong("`bbox` has 4 or 6 numbers"));
        }
        if members.contains_key("type") {
            return geometry::plain(json).map(Expression::Geometry).map_err(|error| self.wrong(error.message()));
        }
        Err(self.wrong(
            "an object with `op`, `property`, `date`, `timestamp`, `interval`, `bbox` or a geometry is expected",
        ))
    }

    fn interval(&mut self, ends: &Value) -> Result<Expression> {
        let Some([from, to]) = ends.as_array().map(Vec::as_slice) else {
            return Err(self.wrong("`interval` has two ends"));
        };
        let mut end = |json: &Value| match json {
            Value::String(text) => {
                end_of_interval(text).ok_or_else(|| self.wrong("an end of an interval is a date, a date-time or `..`"))
            }
            json => self.expression(json),
        };
        Ok(Expression::Interval(Box::new([end(from)?, end(to)?])))
    }

    fn list(&mut self, below: &str, elements: &[Value]) -> Result<Vec<Expression>> {
        let length = self.path.len();
        let mut list = Vec::with_capacity(elements.len().min(limits::FILTER_NODES));
        for (position, element) in elements.iter().enumerate() {
            self.path.push_str(below);
            self.path.push('/');
            self.path.push_str(&position.to_string());
            list.push(self.expression(element)?);
            self.path.truncate(length);
        }
        Ok(list)
    }

    fn wrong(&self, message: &str) -> Error {
        Error::invalid(message).with("filter", if self.path.is_empty() { "/" } else { &self.path })
    }
}
