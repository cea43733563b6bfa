//! Words, signs, numbers and quoted texts, at the place where a parser is.

use super::{Parser, continues_name};
use crate::Result;
use crate::property::Scalar;

impl<'t> Parser<'t> {
    pub(super) fn number(&mut self) -> Result<Scalar> {
        let unsigned = self.rest().strip_prefix(['-', '+']).unwrap_or(self.rest());
        let sign = self.rest().len() - unsigned.len();
        let trimmed = unsigned.trim_start();
        let digits = |text: &str| text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let mut length = digits(trimmed);
        let mut whole = true;
        let mut digits_seen = length;
        if let Some(fraction) = trimmed.get(length..).and_then(|rest| rest.strip_prefix('.')) {
            digits_seen += digits(fraction);
            length += 1 + digits(fraction);
            whole = false;
        }
        if let Some(exponent) = trimmed.get(length..).and_then(|rest| rest.strip_prefix(['e', 'E'])) {
            let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if digits(unsigned) > 0 {
                length += 1 + (exponent.len() - unsigned.len()) + digits(unsigned);
                whole = false;
            }
        }
        let negative = if self.rest().starts_with('-') { "-" } else { "" };
        let text = format!("{negative}{}", trimmed.get(..length).unwrap_or_default());
        let number = match text.parse::<i64>() {
            Ok(long) if whole => Some(Scalar::Long(long)),
            _ => text.parse().ok().filter(|double: &f64| double.is_finite()).map(Scalar::Double),
        };
        match number.filter(|_| digits_seen > 0) {
            Some(number) => {
                self.at += sign + (unsigned.len() - trimmed.len()) + length;
                Ok(number)
            }
            None => Err(self.unexpected("a number")),
        }
    }

    /// A text in quotes; a quote in it is written twice.
    pub(super) fn quoted(&mut self, quote: char) -> Result<String> {
        let start = self.at;
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\'
                && quote == '\''
                && self.backslashes_quote
                && letters.next_if(|(_, next)| *next == quote).is_some()
            {
                text.push(quote);
            } else if letter != quote {
                text.push(letter);
            } else if letters.next_if(|(_, next)| *next == quote).is_some() {
                text.push(quote);
            } else {
                self.at += at + 1;
                if quote == '"' && text.is_empty() {
                    self.at = start;
                    return Err(self.wrong("a name is empty"));
                }
                return Ok(text);
            }
        }
        self.at = start;
        Err(self.wrong("a quote is not closed"))
    }

    pub(super) fn name(&mut self) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|letter| !continues_name(letter)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn sign(&mut self, sign: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    pub(super) fn peek_word(&mut self, word: &str) -> bool {
        let start = self.at;
        let found = self.word(word);
        self.at = start;
        found
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        self.skip_space();
        let start = self.at;
        let found = self.name().eq_ignore_ascii_case(word);
        if !found {
            self.at = start;
        }
        found
    }
}
