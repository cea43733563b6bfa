//! The names of a table's columns, out of its `CREATE TABLE` text.

use crate::{Error, Result};

/// The columns in the order of a row's values.
pub(super) fn column_names(sql: &str) -> Result<Vec<String>> {
    let tokens = tokens(sql)?;
    let open = tokens.iter().position(|token| *token == Token::Mark('('));
    let open = open.ok_or_else(|| Error::unsupported("SQLite table made without a list of columns"))?;
    let (mut depth, mut names, mut fresh) = (1_usize, Vec::new(), true);
    let mut rest = tokens.iter().skip(open + 1);
    for token in rest.by_ref() {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth -= 1,
            Token::Mark(',') if depth == 1 => {
                fresh = true;
                continue;
            }
            // Constraints of the table come after its columns.
            Token::Word(word) if fresh && is_constraint(word) => {}
            Token::Word(name) | Token::Quoted(name) if fresh => names.push(name.clone()),
            Token::Word(word) if depth == 1 && word.eq_ignore_ascii_case("generated") => {
                return Err(Error::unsupported("SQLite table with generated columns"));
            }
            _ => {}
        }
        fresh = false;
        if depth == 0 {
            break;
        }
    }
    if rest.any(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("rowid"))) {
        return Err(Error::unsupported("SQLite table without row ids"));
    }
    Ok(names)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Mark(char),
}

fn is_constraint(word: &str) -> bool {
    ["constraint", "primary", "unique", "check", "foreign"].iter().any(|key| word.eq_ignore_ascii_case(key))
}

fn tokens(sql: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            _ if first.is_whitespace() => after,
            '-' if after.starts_with('-') => after.split_once('\n').map_or("", |(_, rest)| rest),
            '/' if after.starts_with('*') => after.split_once("*/").map_or("", |(_, rest)| rest),
            '"' | '`' | '\'' => quoted(after, first, &mut tokens)?,
            '[' => quoted(after, ']', &mut tokens)?,
            _ if is_word(first) => {
                let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                tokens.push(Token::Word(word.to_owned()));
                after
            }
            mark => {
                tokens.push(Token::Mark(mark));
                after
            }
        };
    }
    Ok(tokens)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$' || !letter.is_ascii()
}

/// Reads up to the closing quote; a doubled quote stands for one.
fn quoted<'s>(text: &'s str, close: char, tokens: &mut Vec<Token>) -> Result<&'s str> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once(close).ok_or_else(|| Error::corrupt("SQLite schema with an open quote"))?;
        name.push_str(part);
        let Some(again) = after.strip_prefix(close).filter(|_| close != ']') else {
            tokens.push(Token::Quoted(name));
            return Ok(after);
        };
        name.push(close);
        rest = again;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_of_every_way_to_write_them() {
        let sql = "CREATE TABLE \"odd (name\" (\n\ta VARCHAR(255, 2) NOT NULL DEFAULT 'x,(', -- c, d\n [b c] /* , e */,\
            \"check\" TEXT CHECK (length(\"check\") > 0), `d``d`, 'e' , primary_key TEXT, \n\tPRIMARY KEY (a, [b c]), \
            UNIQUE(`d``d`), CONSTRAINT k FOREIGN KEY (a) REFERENCES t(x))";
        assert_eq!(column_names(sql).unwrap(), ["a", "b c", "check", "d`d", "e", "primary_key"]);
    }

    #[test]
    fn tables_that_store_rows_otherwise_are_refused() {
        for sql in [
            "CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE t(a, b GENERATED ALWAYS AS (a))",
            "CREATE TABLE t AS SELECT 1",
        ] {
            assert_eq!(column_names(sql).unwrap_err().kind(), crate::ErrorKind::Unsupported, "{sql}");
        }
        assert!(column_names("CREATE TABLE t(\"a").is_err());
    }
}
