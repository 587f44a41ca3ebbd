//! The pure part: from text to text.

use super::{CloudEntry, CloudsError};
use indexmap::IndexMap;
use serde_json::Value;
use std::fmt::Write as _;

/// A text with our entry in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The whole file.
    pub text: String,
    /// The name that the entry has.
    pub name: String,
}

/// What a text is called whose path is not known here.
const FILE: &str = "clouds.yaml";
/// What to do with a text that no client could read.
const REPAIR: &str = "correct it, move it away, or give --clouds another file";

type Document = IndexMap<String, Value>;

/// The text `existing` (empty for none) with `entry` in it: in the place of the entry of the same `slot`, which keeps its
/// name, or as a new one under `name` or the next free name. `slot` has letters, digits and `._/-`.
///
/// # Errors
/// [`CloudsError::Text`] when `existing` is no valid `clouds.yaml`, or is written in a way (within braces, say) that an
/// entry cannot be put into without rewriting the rest.
pub fn merge(existing: &str, name: &str, slot: &str, entry: &CloudEntry) -> Result<Merged, CloudsError> {
    check_words(name, slot)?;
    let before = parse(existing)?;
    let wanted = entry.fields();
    if let Some(found) = block_of(existing, slot) {
        let (head, block, tail) = found;
        let indent = indent_of(block);
        // The name that the block's entry has now, be it one that a person gave it.
        let own = own_name(block).filter(|name| clouds(&before).any(|(known, _)| known == name));
        let name = own.unwrap_or_else(|| free_name(&before, name));
        let text = format!("{head}{}{tail}", block_text(&name, slot, &wanted, indent));
        return checked(&before, text, name, &wanted);
    }
    if let Some((name, _)) = clouds(&before).find(|(_, known)| **known == wanted) {
        return Ok(Merged { text: existing.to_owned(), name: name.clone() });
    }
    let name = free_name(&before, name);
    let text = with_block(existing, before.contains_key("clouds"), &|indent| {
        block_text(&name, slot, &wanted, indent)
    });
    checked(&before, text, name.clone(), &wanted)
}

/// The name of the entry of `slot`, if it is there and leads to `auth_url`.
pub(super) fn name_of(existing: &str, slot: &str, auth_url: &str) -> Option<String> {
    let document = parse(existing).ok()?;
    let name = own_name(block_of(existing, slot)?.1)?;
    let (_, entry) = clouds(&document).find(|(known, _)| **known == name)?;
    (entry.pointer("/auth/auth_url")?.as_str()? == auth_url).then_some(name)
}

/// The text without the entry of `slot`; the text itself when there is none.
///
/// # Errors
/// As [`merge`]'s.
pub fn without(existing: &str, slot: &str) -> Result<String, CloudsError> {
    let before = parse(existing)?;
    let Some((head, block, tail)) = block_of(existing, slot) else { return Ok(existing.to_owned()) };
    let name = own_name(block);
    let mut text = format!("{head}{tail}");
    let is_empty =
        |text: &str| parse(text).is_ok_and(|after| after.get("clouds").is_some_and(Value::is_null));
    if is_empty(&text) {
        let lines = text.split_inclusive('\n');
        text = lines.map(|line| if line.trim_end() == "clouds:" { "clouds: {}\n" } else { line }).collect();
    }
    let rest = |document: &Document| {
        let kept = clouds(document).filter(|(known, _)| Some(known.as_str()) != name.as_deref());
        kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    let after = parse(&text)?;
    if rest(&before) != rest(&after)
        || clouds(&after).any(|(known, _)| Some(known.as_str()) == name.as_deref())
    {
        return Err(unsuitable());
    }
    Ok(text)
}

fn unsuitable() -> CloudsError {
    CloudsError::Text {
        file: FILE.into(),
        problem: "is written in a way that an entry cannot be put into".to_owned(),
        remedy: "write its entries on lines of their own below clouds:, or give --clouds another file",
    }
}

fn check_words(name: &str, slot: &str) -> Result<(), CloudsError> {
    let plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-'))
    };
    if plain(name) && plain(slot) {
        return Ok(());
    }
    let problem = "cannot have an entry of that name".to_owned();
    Err(CloudsError::Text {
        file: FILE.into(),
        problem,
        remedy: "use letters, digits, points, dashes and slashes",
    })
}

/// The text as data. What is wrong is told by its line only: the line may hold a password.
fn parse(text: &str) -> Result<Document, CloudsError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_events: 1_000_000, max_aliases: 1000, max_depth: 64 },
        with_snippet: false,
    };
    let parsed: Result<Option<Document>, _> = serde_saphyr::from_str_with_options(text, options);
    let document = parsed.map_err(|error| {
        let line = error.location().map_or(String::new(), |place| format!(" (see line {})", place.line()));
        CloudsError::Text { file: FILE.into(), problem: format!("is no valid YAML{line}"), remedy: REPAIR }
    })?;
    let document = document.unwrap_or_default();
    match document.get("clouds") {
        None | Some(Value::Null | Value::Object(_)) => Ok(document),
        Some(_) => Err(CloudsError::Text {
            file: FILE.into(),
            problem: "has no entries below clouds:".to_owned(),
            remedy: REPAIR,
        }),
    }
}

fn clouds(document: &Document) -> impl Iterator<Item = (&String, &Value)> {
    document.get("clouds").and_then(Value::as_object).into_iter().flatten()
}

fn free_name(document: &Document, wanted: &str) -> String {
    let is_free = |name: &String| clouds(document).all(|(known, _)| known != name);
    let others = (1..).map(|number| match number {
        1 => wanted.to_owned(),
        2 => format!("{wanted}-standalone"),
        number => format!("{wanted}-standalone-{}", number - 1),
    });
    // Among one more name than there are entries one is free.
    others.take(clouds(document).count() + 1).find(is_free).unwrap_or_else(|| wanted.to_owned())
}

fn begin(slot: &str) -> String {
    format!("# begin magnum standalone {slot} (rewritten when it starts; copy this entry to change it)")
}

fn end(slot: &str) -> String {
    format!("# end magnum standalone {slot}")
}

/// The lines of our entry: before, the entry with its marks, after.
fn block_of<'t>(text: &'t str, slot: &str) -> Option<(&'t str, &'t str, &'t str)> {
    let (begin, end) = (begin(slot), end(slot));
    let (mut at, mut from) = (0, None);
    for line in text.split_inclusive('\n') {
        match from {
            None if line.trim() == begin => from = Some(at),
            Some(from) if line.trim() == end => {
                let to = at + line.len();
                return Some((text.get(..from)?, text.get(from..to)?, text.get(to..)?));
            }
            _ => {}
        }
        at += line.len();
    }
    None
}

fn indent_of(block: &str) -> usize {
    block.chars().take_while(|c| *c == ' ').count()
}

/// The name of the entry in a block: its first line that is no comment.
fn own_name(block: &str) -> Option<String> {
    let line = block.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    Some(line.strip_suffix(':')?.trim_matches(['"', '\'']).to_owned())
}

/// Our lines. Values are in double quotes, with JSON's escapes, which YAML shares.
fn block_text(name: &str, slot: &str, fields: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let mut text = format!("{pad}{}\n{pad}\"{name}\":\n", begin(slot));
    for (key, value) in fields.as_object().into_iter().flatten() {
        match value.as_object() {
            None => add(&mut text, format_args!("{pad}  {key}: {value}\n")),
            Some(inner) => {
                add(&mut text, format_args!("{pad}  {key}:\n"));
                for (key, value) in inner {
                    add(&mut text, format_args!("{pad}    {key}: {value}\n"));
                }
            }
        }
    }
    add(&mut text, format_args!("{pad}{}\n", end(slot)));
    text
}

fn add(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a String has no way to fail.
    let _ = text.write_fmt(words);
}

/// The text with the block right below `clouds:`, or with both at its end.
fn with_block(text: &str, has_clouds: bool, block: &dyn Fn(usize) -> String) -> String {
    let mut changed = String::new();
    let mut lines = text.split_inclusive('\n').peekable();
    let mut is_placed = false;
    while let Some(line) = lines.next() {
        if is_placed || !has_clouds || !is_clouds_line(line) {
            changed.push_str(line);
            continue;
        }
        is_placed = true;
        let (_, comment) =
            line.trim_end().split_once('#').map_or(("", None), |(head, words)| (head, Some(words)));
        match comment {
            Some(words) => add(&mut changed, format_args!("clouds:  #{words}\n")),
            None => changed.push_str("clouds:\n"),
        }
        let rest: Vec<&str> = lines.clone().collect();
        let first = rest.iter().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let indent = first.map_or(0, |line| indent_of(line));
        changed.push_str(&block(if indent == 0 { 2 } else { indent }));
    }
    if !is_placed {
        if !changed.is_empty() && !changed.ends_with('\n') {
            changed.push('\n');
        }
        changed.push_str("clouds:\n");
        changed.push_str(&block(2));
    }
    changed
}

/// A line that begins the entries: `clouds:` with nothing behind it, or with an empty value.
fn is_clouds_line(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("clouds:") else { return false };
    let value = rest.split(" #").next().unwrap_or_default().trim();
    matches!(value, "" | "{}" | "null" | "~")
}

/// The changed text, if it says what it said before and our entry besides.
fn checked(before: &Document, text: String, name: String, wanted: &Value) -> Result<Merged, CloudsError> {
    let mut after = parse(&text).map_err(|_| unsuitable())?;
    let ours = after.get("clouds").and_then(|clouds| clouds.get(&name)) == Some(wanted);
    let strip = |document: &mut Document| {
        if let Some(clouds) = document.get_mut("clouds").and_then(Value::as_object_mut) {
            clouds.shift_remove(&name);
        }
        let is_empty = document.get("clouds").is_some_and(|clouds| match clouds {
            Value::Null => true,
            Value::Object(clouds) => clouds.is_empty(),
            _ => false,
        });
        if is_empty {
            document.shift_remove("clouds");
        }
    };
    let mut before = before.clone();
    strip(&mut before);
    strip(&mut after);
    if ours && before == after { Ok(Merged { text, name }) } else { Err(unsuitable()) }
}
