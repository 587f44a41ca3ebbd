//! From words to a tree: `not` binds tightest, then `and`, then `or`.
//!
//! What cannot be understood becomes [`Check::Refused`] with a line for the operator, never an
//! error: one bad rule must not take the service down, and must not allow anything either.

use serde_json::Value;

use super::check::{Check, MAX_DEPTH};
use super::template::Template;
use super::token::{Token, tokens};

/// An expression read, with everything worth telling the operator about it.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) check: Check,
    pub(crate) problems: Vec<String>,
}

/// Reads a rule as a policy file holds it: text, or the old list of lists.
pub(crate) fn parse_value(value: &Value) -> Parsed {
    match value {
        Value::String(text) => parse_text(text),
        Value::Array(alternatives) => parse_lists(alternatives),
        Value::Null => Parsed {
            check: Check::Always,
            problems: vec!["it is empty and so allows everyone; write \"@\" if that is meant".to_owned()],
        },
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Parsed {
            check: Check::Refused,
            problems: vec!["it is neither text nor a list, so it denies everyone".to_owned()],
        },
    }
}

/// Reads a rule written in the policy language.
pub(crate) fn parse_text(expression: &str) -> Parsed {
    if expression.is_empty() {
        return Parsed { check: Check::Always, problems: Vec::new() };
    }
    let words = tokens(expression);
    let mut parser = Parser { words: &words, problems: Vec::new() };
    let check = match parser.alternatives(MAX_DEPTH) {
        Ok(check) if parser.words.is_empty() => check,
        Ok(_) => parser.refuse("it goes on where it should end, so it denies everyone".to_owned()),
        Err(reason) => parser.refuse(format!("{reason}, so it denies everyone")),
    };
    Parsed { check, problems: parser.problems }
}

/// The old syntax: the outer list is joined by "or", each inner list by "and".
fn parse_lists(alternatives: &[Value]) -> Parsed {
    let mut problems = Vec::new();
    if alternatives.is_empty() {
        return Parsed { check: Check::Always, problems };
    }
    let mut any = Vec::new();
    for alternative in alternatives {
        match alternative {
            Value::String(atom) if !atom.is_empty() => any.push(parse_atom(atom, &mut problems)),
            Value::Array(atoms) if !atoms.is_empty() => {
                let all = atoms.iter().map(|atom| match atom {
                    Value::String(atom) => parse_atom(atom, &mut problems),
                    _ => {
                        problems.push("a list holds something that is not text".to_owned());
                        Check::Refused
                    }
                });
                any.push(joined(all.collect(), Check::And));
            }
            Value::String(_) | Value::Array(_) => {}
            _ => {
                problems.push("a list holds something that is not text".to_owned());
                any.push(Check::Refused);
            }
        }
    }
    let check = if any.is_empty() { Check::Never } else { joined(any, Check::Or) };
    Parsed { check, problems }
}

struct Parser<'w, 'a> {
    /// What is left to read.
    words: &'w [Token<'a>],
    problems: Vec<String>,
}

impl Parser<'_, '_> {
    fn refuse(&mut self, problem: String) -> Check {
        self.problems.push(problem);
        Check::Refused
    }

    /// Takes the next word if it is this one.
    fn take(&mut self, wanted: Token<'_>) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == wanted => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn alternatives(&mut self, depth: usize) -> Result<Check, String> {
        let mut parts = vec![self.conjunction(depth)?];
        while self.take(Token::Or) {
            parts.push(self.conjunction(depth)?);
        }
        Ok(joined(parts, Check::Or))
    }

    fn conjunction(&mut self, depth: usize) -> Result<Check, String> {
        let mut parts = vec![self.negation(depth)?];
        while self.take(Token::And) {
            parts.push(self.negation(depth)?);
        }
        Ok(joined(parts, Check::And))
    }

    fn negation(&mut self, depth: usize) -> Result<Check, String> {
        // Counted instead of nested: any number of them is worth one or none.
        let mut negated = false;
        while self.take(Token::Not) {
            negated = !negated;
        }
        let check = self.primary(depth)?;
        Ok(if negated { Check::Not(Box::new(check)) } else { check })
    }

    fn primary(&mut self, depth: usize) -> Result<Check, String> {
        let (word, rest) = self.words.split_first().ok_or("it ends where a check should stand")?;
        self.words = rest;
        match word {
            Token::Atom(atom) => Ok(parse_atom(atom, &mut self.problems)),
            Token::Open => {
                let depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| format!("it has more than {MAX_DEPTH} nested parentheses"))?;
                let inner = self.alternatives(depth)?;
                if self.take(Token::Close) {
                    Ok(inner)
                } else {
                    Err("a parenthesis is not closed".to_owned())
                }
            }
            Token::Quoted(text) => Err(format!("{text} stands alone in quotes")),
            Token::Close => Err("a parenthesis closes where a check should stand".to_owned()),
            Token::And | Token::Or | Token::Not => Err("an operator stands where a check should".to_owned()),
        }
    }
}

/// One part stays itself, several are joined.
fn joined(mut parts: Vec<Check>, join: fn(Vec<Check>) -> Check) -> Check {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

/// Reads a single check, `kind:match`.
fn parse_atom(atom: &str, problems: &mut Vec<String>) -> Check {
    match atom {
        "@" => return Check::Always,
        "!" => return Check::Never,
        _ => {}
    }
    let Some((kind, wanted)) = atom.split_once(':') else {
        problems.push(format!("'{atom}' is not a check"));
        return Check::Refused;
    };
    match kind {
        "rule" => return Check::rule(wanted),
        "http" | "https" => {
            problems
                .push(format!("'{atom}' would ask a remote server, which is not supported and never allows"));
            return Check::Refused;
        }
        _ => {}
    }
    let value = match Template::parse(wanted) {
        Ok(value) => value,
        Err(reason) => {
            problems.push(format!("in '{atom}' {reason}"));
            return Check::Refused;
        }
    };
    if kind == "role" {
        Check::Role(value)
    } else if let Some(text) = literal(kind) {
        Check::Literal { text: text.into(), value }
    } else {
        Check::Attribute { path: kind.split('.').map(Into::into).collect(), value }
    }
}

/// The text of a constant written on the left-hand side: a quoted word, a number, `True`, `None`.
fn literal(kind: &str) -> Option<String> {
    if matches!(kind, "True" | "False" | "None") {
        return Some(kind.to_owned());
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = kind.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return (!inner.contains([quote, '\\'])).then(|| inner.to_owned());
        }
    }
    if !kind.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return None;
    }
    if kind.contains('.') {
        return kind.parse::<f64>().ok().map(|number| format!("{number:?}"));
    }
    kind.parse::<i128>().ok().map(|number| number.to_string())
}
