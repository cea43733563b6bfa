//! CQL2 text (OGC 21-065r2, Annex B), read by descent.

mod words;

use serde_json::{Value, json};

use super::geometry::{COLLECTION, KINDS};
use super::{Expression, Operator, date, end_of_interval, timestamp};
use crate::property::Scalar;
use crate::{Error, Result, limits};

/// Words that are no names of properties unless they are quoted.
const KEYWORDS: [&str; 11] = ["AND", "OR", "NOT", "LIKE", "BETWEEN", "IN", "IS", "NULL", "DIV", "TRUE", "FALSE"];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// Whether a name needs no quotes.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(starts_name) && name.chars().all(continues_name)
}

fn starts_name(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_' || letter == ':'
}

/// Combining marks and ties are among what may follow (OGC 21-065r2, "identifierPart").
fn continues_name(letter: char) -> bool {
    starts_name(letter)
        || letter.is_alphanumeric()
        || matches!(letter, '.' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

impl Expression {
    /// Reads CQL2 text. A quote within a text is doubled; where that makes no sense, it may follow a backslash (OGC 21-065r2,
    /// "escapeQuote", has both, although a text may also end with a backslash).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the position of the letter from which on it makes no sense, counted from 1.
    pub fn from_text(text: &str) -> Result<Self> {
        let parser = Parser { text, at: 0, depth: 0, nodes: 0, backslashes_quote: false };
        if text.len() > limits::FILTER_BYTES {
            return Err(parser.wrong("the filter is too long"));
        }
        let escaped = Parser { backslashes_quote: true, ..parser };
        parser.filter().or_else(|error| {
            let other = text.contains("\\'").then(|| escaped.filter().ok()).flatten();
            other.ok_or(error)
        })
    }
}

impl Expression {
    /// Checks what arguments an operator can have at all.
    pub(super) fn call(operator: Operator, arguments: Vec<Self>) -> Result<Self, &'static str> {
        let list = |argument: &Self| matches!(argument, Self::Array(_));
        let fits = match (operator, arguments.as_slice()) {
            (Operator::In, [value, values]) => !list(value) && list(values),
            (operator, arguments) => operator.is_array() || !arguments.iter().any(list),
        };
        if fits {
            Ok(Self::Call(operator, arguments))
        } else {
            Err("a list stands only after `IN` and in `A_…` functions")
        }
    }
}

#[derive(Clone, Copy)]
struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    nodes: usize,
    /// Whether a quote after a backslash does not end a text.
    backslashes_quote: bool,
}

impl Parser<'_> {
    fn filter(mut self) -> Result<Expression> {
        let expression = self.disjunction()?;
        self.skip_space();
        if self.rest().is_empty() { Ok(expression) } else { Err(self.unexpected("an operator or the end")) }
    }

    fn disjunction(&mut self) -> Result<Expression> {
        self.deeper()?;
        let all = self.chain("OR", Operator::Or, |parser| parser.chain("AND", Operator::And, Self::negation));
        self.depth -= 1;
        all
    }

    fn chain(
        &mut self,
        word: &str,
        operator: Operator,
        mut link: impl FnMut(&mut Self) -> Result<Expression>,
    ) -> Result<Expression> {
        let first = link(self)?;
        if !self.peek_word(word) {
            return Ok(first);
        }
        let mut links = vec![first];
        while self.word(word) {
            links.push(link(self)?);
        }
        self.make(operator, links)
    }

    fn negation(&mut self) -> Result<Expression> {
        if !self.word("NOT") {
            return self.predicate();
        }
        self.deeper()?;
        let negated = self.negation()?;
        self.depth -= 1;
        self.make(Operator::Not, vec![negated])
    }

    fn predicate(&mut self) -> Result<Expression> {
        let left = self.sum()?;
        let comparison = ["<>", "<=", ">=", "=", "<", ">"].into_iter().find(|sign| self.sign(sign));
        if let Some(operator) = comparison.and_then(Operator::of_name) {
            let right = self.sum()?;
            return self.make(operator, vec![left, right]);
        }
        if self.word("IS") {
            let negated = self.word("NOT");
            if !self.word("NULL") {
                return Err(self.unexpected("`NULL`"));
            }
            let null = self.make(Operator::IsNull, vec![left])?;
            return if negated { self.make(Operator::Not, vec![null]) } else { Ok(null) };
        }
        let start = self.at;
        let negated = self.word("NOT");
        let predicate = if self.word("LIKE") {
            let pattern = self.sum()?;
            self.make(Operator::Like, vec![left, pattern])?
        } else if self.word("BETWEEN") {
            let least = self.sum()?;
            if !self.word("AND") {
                return Err(self.unexpected("`AND` of `BETWEEN`"));
            }
            let most = self.sum()?;
            self.make(Operator::Between, vec![left, least, most])?
        } else if self.word("IN") {
            self.expect("(")?;
            let values = Expression::Array(self.list()?);
            self.make(Operator::In, vec![left, values])?
        } else if negated {
            self.at = start;
            return Err(self.unexpected("an operator"));
        } else {
            return Ok(left);
        };
        if negated { self.make(Operator::Not, vec![predicate]) } else { Ok(predicate) }
    }

    fn sum(&mut self) -> Result<Expression> {
        self.operators(
            |parser| {
                if parser.sign("+") { Some(Operator::Add) } else { parser.sign("-").then_some(Operator::Subtract) }
            },
            Self::product,
        )
    }

    fn product(&mut self) -> Result<Expression> {
        let operator = |parser: &mut Self| match () {
            () if parser.sign("*") => Some(Operator::Multiply),
            () if parser.sign("/") => Some(Operator::Divide),
            () if parser.sign("%") => Some(Operator::Modulo),
            () => parser.word("DIV").then_some(Operator::IntegerDivide),
        };
        self.operators(operator, Self::power)
    }

    /// Operands with operators of one rank between them, from left to right.
    fn operators(
        &mut self,
        operator: impl Fn(&mut Self) -> Option<Operator>,
        operand: impl Fn(&mut Self) -> Result<Expression>,
    ) -> Result<Expression> {
        let mut left = operand(self)?;
        let mut links = 0;
        while let Some(operator) = operator(self) {
            // Each link lies one deeper than the one before.
            links += 1;
            self.deeper()?;
            let right = operand(self)?;
            left = self.make(operator, vec![left, right])?;
        }
        self.depth -= links;
        Ok(left)
    }

    fn power(&mut self) -> Result<Expression> {
        let base = self.signed()?;
        if !self.sign("^") {
            return Ok(base);
        }
        let exponent = self.signed()?;
        self.make(Operator::Power, vec![base, exponent])
    }

    fn signed(&mut self) -> Result<Expression> {
        self.skip_space();
        let negative = self.rest().strip_prefix('-');
        let number = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
        match negative {
            Some(rest) if !number(rest.trim_start()) => {
                self.at += 1;
                let operand = self.operand(false)?;
                self.make(Operator::Multiply, vec![Expression::Literal(Scalar::Long(-1)), operand])
            }
            _ => self.operand(false),
        }
    }

    /// A value, a call, or what stands in parentheses; where a list may stand, parentheses around one value make one.
    fn operand(&mut self, list_of_one: bool) -> Result<Expression> {
        self.skip_space();
        self.count()?;
        match self.rest().chars().next() {
            Some('(') if list_of_one && !self.operator_follows_parentheses() => {
                self.at += 1;
                Ok(Expression::Array(self.list()?))
            }
            Some('(') => {
                self.at += 1;
                let first = self.disjunction()?;
                if self.sign(")") {
                    return Ok(first);
                }
                self.expect(",")?;
                let mut elements = vec![first];
                elements.extend(self.list()?);
                Ok(Expression::Array(elements))
            }
            Some('\'') => Ok(Expression::text(&self.quoted('\'')?)),
            Some('"') => self.quoted('"').map(Expression::Property),
            Some(letter) if letter.is_ascii_digit() || matches!(letter, '.' | '-' | '+') => {
                self.number().map(Expression::Literal)
            }
            Some(letter) if starts_name(letter) => self.named(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn named(&mut self) -> Result<Expression> {
        let start = self.at;
        let name = self.name();
        let truth = [("TRUE", true), ("FALSE", false)].into_iter().find(|(word, _)| name.eq_ignore_ascii_case(word));
        if let Some((_, value)) = truth {
            return Ok(Expression::Literal(Scalar::Boolean(value)));
        }
        let kind = KINDS.iter().map(|(kind, _)| *kind).chain([COLLECTION]).find(|kind| kind.eq_ignore_ascii_case(name));
        if let Some(kind) = kind {
            let named = self.at;
            let _ = ["ZM", "Z", "M"].into_iter().any(|dimensions| self.word(dimensions));
            if self.sign("(") {
                return self.geometry(kind).map(Expression::Geometry);
            }
            self.at = named;
        }
        if is_keyword(name) {
            self.at = start;
            return Err(self.unexpected("a value"));
        }
        if !self.sign("(") {
            return Ok(Expression::Property(name.to_owned()));
        }
        match name.to_ascii_uppercase().as_str() {
            "DATE" => self.instance(date, "a date such as '2021-06-15'"),
            "TIMESTAMP" => self.instance(timestamp, "a date-time such as '2021-06-15T12:00:00Z'"),
            "INTERVAL" => self.interval(),
            "BBOX" => self.bbox(),
            _ => self.call(name, start),
        }
    }

    fn call(&mut self, name: &str, start: usize) -> Result<Expression> {
        self.deeper()?;
        let operator = Operator::of_name(name).filter(|_| name.len() > 3);
        let takes_lists = operator.is_none_or(Operator::is_array);
        let mut arguments = Vec::new();
        while !self.sign(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(if takes_lists { self.element()? } else { self.disjunction()? });
        }
        self.depth -= 1;
        let Some(operator) = operator else {
            return Ok(Expression::Function(name.to_owned(), arguments));
        };
        let (least, most) = operator.arity();
        if !(least..=most).contains(&arguments.len()) {
            self.at = start;
            return Err(self.wrong(&format!("`{name}` takes {least} arguments, not {}", arguments.len())));
        }
        self.make(operator, arguments)
    }

    /// The rest of a list after its opening parenthesis.
    fn list(&mut self) -> Result<Vec<Expression>> {
        self.deeper()?;
        let mut elements = Vec::new();
        while !self.sign(")") {
            if !elements.is_empty() {
                self.expect(",")?;
            }
            elements.push(self.element()?);
        }
        self.depth -= 1;
        Ok(elements)
    }

    /// A value of a list, which may be a list.
    fn element(&mut self) -> Result<Expression> {
        self.skip_space();
        if self.rest().starts_with('(') && !self.operator_follows_parentheses() {
            return self.operand(true);
        }
        self.disjunction()
    }

    /// Whether the parentheses that open here are an operand rather than a list.
    fn operator_follows_parentheses(&self) -> bool {
        let (mut depth, mut quote) = (0_usize, None);
        for (at, letter) in self.rest().char_indices() {
            match (quote, letter) {
                (Some(open), letter) if letter == open => quote = None,
                (None, '\'' | '"') => quote = Some(letter),
                (None, '(') => depth += 1,
                (None, ')') if depth == 1 => {
                    let after = self.rest().get(at + 1..).unwrap_or_default().trim_start();
                    return !after.starts_with([',', ')']) && !after.is_empty();
                }
                (None, ')') => depth -= 1,
                _ => {}
            }
        }
        false
    }

    fn instance(&mut self, read: fn(&str) -> Option<Expression>, wanted: &str) -> Result<Expression> {
        self.skip_space();
        let start = self.at;
        let text = if self.rest().starts_with('\'') { self.quoted('\'')? } else { String::new() };
        let Some(instance) = read(&text) else {
            self.at = start;
            return Err(self.unexpected(wanted));
        };
        self.expect(")")?;
        Ok(instance)
    }

    fn interval(&mut self) -> Result<Expression> {
        let from = self.end_of_interval()?;
        self.expect(",")?;
        let to = self.end_of_interval()?;
        self.expect(")")?;
        Ok(Expression::Interval(Box::new([from, to])))
    }

    fn end_of_interval(&mut self) -> Result<Expression> {
        self.skip_space();
        let start = self.at;
        if !self.rest().starts_with('\'') {
            return self.disjunction();
        }
        let text = self.quoted('\'')?;
        end_of_interval(&text).ok_or_else(|| {
            self.at = start;
            self.unexpected("a date, a date-time or '..'")
        })
    }

    fn bbox(&mut self) -> Result<Expression> {
        let start = self.at;
        let mut numbers = vec![self.double()?];
        while self.sign(",") {
            numbers.push(self.double()?);
            if numbers.len() > 6 {
                break;
            }
        }
        self.expect(")")?;
        if [4, 6].contains(&numbers.len()) {
            return Ok(Expression::Bbox(numbers));
        }
        self.at = start;
        Err(self.wrong("a bbox has 4 or 6 numbers"))
    }

    /// The rest of a geometry after its first parenthesis.
    fn geometry(&mut self, kind: &str) -> Result<Value> {
        if kind == COLLECTION {
            self.deeper()?;
            let mut members = Vec::new();
            loop {
                match self.operand(false)? {
                    Expression::Geometry(member) => members.push(member),
                    _ => return Err(self.unexpected("a geometry")),
                }
                if !self.sign(",") {
                    break;
                }
            }
            self.expect(")")?;
            self.depth -= 1;
            return Ok(json!({ "type": kind, "geometries": members }));
        }
        let levels = KINDS.iter().find(|(name, _)| *name == kind).map_or(0, |(_, levels)| *levels);
        let coordinates = match levels {
            0 => self.position()?,
            levels => self.coordinates(levels, kind == "MultiPoint")?,
        };
        if levels == 0 {
            self.expect(")")?;
        }
        Ok(json!({ "type": kind, "coordinates": coordinates }))
    }

    /// What lies between parentheses, the first of which is read.
    fn coordinates(&mut self, levels: u8, points: bool) -> Result<Value> {
        let mut elements = Vec::new();
        loop {
            if levels > 1 {
                self.expect("(")?;
                elements.push(self.coordinates(levels - 1, false)?);
            } else if points && self.sign("(") {
                elements.push(self.position()?);
                self.expect(")")?;
            } else {
                elements.push(self.position()?);
            }
            if !self.sign(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(Value::Array(elements))
    }

    fn position(&mut self) -> Result<Value> {
        let mut numbers = vec![self.double()?, self.double()?];
        self.skip_space();
        while numbers.len() < 4 && !self.rest().starts_with([',', ')']) {
            numbers.push(self.double()?);
            self.skip_space();
        }
        Ok(numbers.into())
    }

    fn double(&mut self) -> Result<f64> {
        self.skip_space();
        match self.number()? {
            #[expect(clippy::cast_precision_loss, reason = "coordinates are doubles")]
            Scalar::Long(whole) => Ok(whole as f64),
            Scalar::Double(double) => Ok(double),
            _ => Err(self.unexpected("a number")),
        }
    }

    fn make(&self, operator: Operator, arguments: Vec<Expression>) -> Result<Expression> {
        Expression::call(operator, arguments).map_err(|reason| self.wrong(reason))
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        self.count()
    }

    fn count(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.depth > limits::FILTER_DEPTH || self.nodes > 2 * limits::FILTER_NODES {
            return Err(self.wrong("the filter is nested too deep or too large"));
        }
        Ok(())
    }

    fn unexpected(&mut self, wanted: &str) -> Error {
        self.skip_space();
        let found: String = self.rest().chars().take(20).collect();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
        self.wrong(&format!("the filter has {found} where {wanted} is expected"))
    }

    fn wrong(&self, message: &str) -> Error {
        let position = self.text.get(..self.at).unwrap_or_default().chars().count() + 1;
        Error::invalid(message).with("position", position)
    }
}
