//! Patterns of `LIKE`: `%` is any text, `_` any one character, `\` takes the next character as it is.

/// A pattern, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Letter(char),
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        let mut tokens = Vec::with_capacity(pattern.len());
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            tokens.push(match letter {
                '%' if tokens.last() == Some(&Token::Any) => continue,
                '%' => Token::Any,
                '_' => Token::One,
                '\\' => Token::Letter(letters.next().unwrap_or('\\')),
                letter => Token::Letter(letter),
            });
        }
        Self(tokens)
    }

    /// In time proportional to the product of both lengths at worst: only the last `%` is ever gone back to.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut rest, mut at) = (text.chars(), 0);
        let mut retry: Option<(std::str::Chars<'_>, usize)> = None;
        loop {
            match self.0.get(at) {
                Some(Token::Any) => {
                    at += 1;
                    retry = Some((rest.clone(), at));
                    continue;
                }
                None if rest.as_str().is_empty() => return true,
                token => {
                    let letter = rest.next();
                    let fits = match token {
                        Some(Token::One) => letter.is_some(),
                        Some(Token::Letter(wanted)) => letter == Some(*wanted),
                        _ => false,
                    };
                    if fits {
                        at += 1;
                        continue;
                    }
                }
            }
            let Some((mut from, after)) = retry.take() else { return false };
            if from.next().is_none() {
                return false;
            }
            rest = from.clone();
            at = after;
            retry = Some((from, after));
        }
    }

    /// What every text that matches begins with, and whether every text that begins so matches.
    pub(super) fn prefix(&self) -> (String, bool) {
        let mut prefix = String::new();
        for (position, token) in self.0.iter().enumerate() {
            match token {
                Token::Letter(letter) => prefix.push(*letter),
                Token::Any => return (prefix, position + 1 == self.0.len()),
                Token::One => return (prefix, false),
            }
        }
        (prefix, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_escapes() {
        for (pattern, text, matches) in [
            ("B_r%", "Berlin", true),
            ("B_r%", "Br", false),
            ("", "", true),
            ("%", "", true),
            ("_", "é", true),
            ("_", "", false),
            ("a%b%c", "a-b-b-c", true),
            ("a%b%c", "a-b-b-", false),
            ("%ab", "aab", true),
            ("50\\%", "50%", true),
            ("50\\%", "500", false),
            ("a\\_b", "axb", false),
            ("x\\", "x\\", true),
            ("%%x%%", "aaxaa", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!Pattern::new(&"%a".repeat(1000)).matches(&"a".repeat(999)));
        assert!(!Pattern::new(&format!("{}b", "%a".repeat(500))).matches(&"a".repeat(5000)));
    }

    #[test]
    fn a_prefix_is_what_stands_before_the_first_wildcard() {
        assert_eq!(Pattern::new("S2\\_%").prefix(), ("S2_".to_owned(), true));
        assert_eq!(Pattern::new("S2_%").prefix(), ("S2".to_owned(), false));
        assert_eq!(Pattern::new("S2%x").prefix(), ("S2".to_owned(), false));
        assert_eq!(Pattern::new("S2").prefix(), ("S2".to_owned(), false));
    }
}
