//! Rust source as tokens, so that checks look at code and never at comments or the insides of strings.
//!
//! It knows just enough of the language for this workspace: words, numbers, strings, characters, lifetimes and
//! single-character punctuation. It does not judge; what it cannot make sense of becomes punctuation.
//!
//! **Invariant:** the tokens come in the order of the source and carry its line numbers.

/// One token and the line it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its line, from 1.
    pub line: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an identifier.
    Word(String),
    /// A number as it is written, its suffix included.
    Number(String),
    /// The value of a string literal, escapes undone as far as `\n`, `\"`, `\\` and a continued line go.
    Text(String),
    /// A character literal or a lifetime: of no interest to any check.
    Quoted,
    /// One character of punctuation.
    Punct(char),
}

impl Kind {
    /// Whether this is the word `word`.
    #[must_use]
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    /// Whether this is the punctuation `punct`.
    #[must_use]
    pub fn is(&self, punct: char) -> bool {
        matches!(self, Self::Punct(own) if *own == punct)
    }
}

/// The tokens of `source`, comments left out.
#[must_use]
pub fn lex(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

/// Whether `pattern` (tokens separated by spaces) stands at the start of `tokens`.
#[must_use]
pub fn starts_with(tokens: &[Token], pattern: &str) -> bool {
    let wanted = lex(pattern);
    tokens.len() >= wanted.len() && tokens.iter().zip(&wanted).all(|(token, want)| token.kind == want.kind)
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.take(first.len_utf8());
        } else if self.rest.starts_with("//") {
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.block_comment();
        } else if let Some(hashes) = raw_string(self.rest) {
            self.raw(hashes);
        } else if first.is_alphabetic() || first == '_' {
            self.word();
        } else if first.is_ascii_digit() {
            self.number();
        } else if first == '"' {
            self.text();
        } else if first == '\'' {
            self.quoted();
        } else {
            self.push(Kind::Punct(first));
            self.take(first.len_utf8());
        }
        true
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
            } else if let Some(next) = self.rest.chars().next() {
                self.take(next.len_utf8());
            } else {
                return;
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn word(&mut self) {
        let len = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        // the prefix of b"…" and c"…" says nothing to any check
        if self.rest[len..].starts_with('"') && matches!(&self.rest[..len], "b" | "c") {
            self.take(len);
            return;
        }
        let word = self.rest[..len].to_owned();
        self.push(Kind::Word(word));
        self.take(len);
    }

    fn number(&mut self) {
        let len = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        self.push(Kind::Number(self.rest[..len].to_owned()));
        self.take(len);
    }

    fn raw(&mut self, hashes: usize) {
        let open = self.rest.find('"').map_or(self.rest.len(), |at| at + 1);
        let close = format!("\"{}", "#".repeat(hashes));
        let body = &self.rest[open..];
        let len = body.find(&close).unwrap_or(body.len());
        self.push(Kind::Text(body[..len].to_owned()));
        self.take((open + len + close.len()).min(self.rest.len()));
    }

    fn text(&mut self) {
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        let mut end = self.rest.len();
        while let Some((at, next)) = chars.next() {
            match next {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, '\n')) => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => {}
                },
                other => value.push(other),
            }
        }
        self.push(Kind::Text(value));
        self.take(end);
    }

    /// A character if it closes, else a lifetime.
    fn quoted(&mut self) {
        let mut chars = self.rest.char_indices().skip(1);
        let len = match (chars.next(), chars.next()) {
            (Some((_, '\\')), Some(_)) => self.rest[3..].find('\'').map_or(self.rest.len(), |at| at + 4),
            (Some(_), Some((at, '\''))) => at + 1,
            _ => {
                1 + self.rest[1..]
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(self.rest.len() - 1)
            }
        };
        self.push(Kind::Quoted);
        self.take(len);
    }
}

/// The number of hashes if a raw string begins here.
fn raw_string(source: &str) -> Option<usize> {
    let after = ["r", "br", "cr"]
        .iter()
        .find_map(|prefix| source.strip_prefix(prefix).filter(|rest| rest.starts_with(['"', '#'])))?;
    let hashes = after.find(|c| c != '#')?;
    after[hashes..].starts_with('"').then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expect: &[&str]) {
        let shown: Vec<String> = lex(source)
            .into_iter()
            .map(|token| match token.kind {
                Kind::Word(word) => word,
                Kind::Number(number) => format!("n{number}"),
                Kind::Text(text) => format!("\"{text}\""),
                Kind::Quoted => "'".to_owned(),
                Kind::Punct(punct) => punct.to_string(),
            })
            .collect();
        assert_eq!(shown, expect, "{source}");
    }

    #[test]
    fn code_without_its_comments() {
        check("a /* b /* c */ d */ e // f\ng", &["a", "e", "g"]);
        check("x::y(12_u8)", &["x", ":", ":", "y", "(", "n12_u8", ")"]);
    }

    #[test]
    fn strings_hide_what_they_hold() {
        check(r#"f("a \" // b \\", 1)"#, &["f", "(", "\"a \" // b \\\"", ",", "n1", ")"]);
        check("r#\"x \" y\"# z", &["\"x \" y\"", "z"]);
        check("b\"k\" br\"l\" \"one \\\n    two\"", &["\"k\"", "\"l\"", "\"one two\""]);
        check("r#type", &["r", "#", "type"]);
    }

    #[test]
    fn characters_are_not_lifetimes() {
        check(r"'a' '\'' '\u{1F}' '\\' &'a str '_", &["'", "'", "'", "'", "&", "'", "str", "'"]);
        check("'\"' \"s\"", &["'", "\"s\""]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let tokens = lex("a /*\n\n*/ b\n\"x\ny\" c");
        assert_eq!(tokens.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 3, 4, 5]);
    }
}
