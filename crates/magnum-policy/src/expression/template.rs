//! The right-hand side of a check: text with `%(key)s` filled in from the target.
//!
//! Values are spelled as Python spells them (`True`, `None`), because that is what operators' files
//! compare with. Most templates are a single key or plain text and are read without allocating.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Text with places to fill in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(Box<str>),
    Key(Box<str>),
}

impl Template {
    /// Reads a template, or says what is wrong with it.
    pub(crate) fn parse(source: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                text.push('%');
                rest = after;
            } else if let Some(after) = after.strip_prefix('(') {
                let (key, after) = closing(after).ok_or("a '%(' has no closing parenthesis")?;
                rest = after.strip_prefix('s').ok_or("only '%(name)s' can be filled in")?;
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text).into()));
                }
                parts.push(Part::Key(key.into()));
            } else {
                return Err("a lone '%' must be written '%%'");
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Ok(Self { parts })
    }

    /// The text for this target, or nothing if the target lacks a key or holds a structure there.
    pub(crate) fn render<'a>(&'a self, target: &'a Map<String, Value>) -> Option<Cow<'a, str>> {
        if let [only] = self.parts.as_slice() {
            return only.render(target);
        }
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(&part.render(target)?);
        }
        Some(Cow::Owned(text))
    }

    /// Whether anything is taken from the target.
    pub(crate) fn reads_target(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Key(_)))
    }
}

impl Part {
    fn render<'a>(&'a self, target: &'a Map<String, Value>) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Key(key) => spell(find(target, key)?),
        }
    }
}

/// Splits at the parenthesis that closes an already opened one.
fn closing(text: &str) -> Option<(&str, &str)> {
    let mut open = 1_usize;
    for (place, character) in text.char_indices() {
        match character {
            '(' => open = open.saturating_add(1),
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return text.split_at_checked(place).and_then(|(key, rest)| Some((key, rest.strip_prefix(')')?)));
        }
    }
    None
}

/// A target's value: by its whole key, or else by walking a dotted path.
fn find<'a>(target: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    target.get(key).or_else(|| {
        let (first, rest) = key.split_once('.')?;
        rest.split('.').try_fold(target.get(first)?, |value, segment| value.get(segment))
    })
}

/// A simple value as Python prints it; nothing for lists and mappings, which never match.
pub(super) fn spell(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => Some(Cow::Borrowed("None")),
        Value::Bool(true) => Some(Cow::Borrowed("True")),
        Value::Bool(false) => Some(Cow::Borrowed("False")),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(_) | Value::Object(_) => None,
    }
}
