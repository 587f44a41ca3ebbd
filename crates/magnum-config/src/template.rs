//! References to other options inside a value.
//!
//! `$name`, `${name}`, `$group.name` and `${group.name}` stand for another option's value, `$$` and `\$` for a
//! dollar sign; a `$` before anything else stands for itself. `\$` is turned into `$$` before the rest is read,
//! which decides what odd runs like `\$$` mean; oslo.config does the same, and passwords depend on it.

/// A part of a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text that stands for itself.
    Literal(String),
    /// The name between `$` and the rest, as written.
    Reference(String),
}

/// Splits a value into literal text and references.
pub(crate) fn pieces(value: &str) -> Vec<Piece> {
    let value = value.replace("\\$", "$$");
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = value.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        if let Some(after_escape) = after.strip_prefix('$') {
            literal.push('$');
            rest = after_escape;
        } else if let Some((name, after_name)) = reference(after) {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Reference(name.to_owned()));
            rest = after_name;
        } else {
            literal.push('$');
            rest = after;
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// The name that `text`, what stands after a `$`, begins with, and what comes after it.
fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        let (name, after) = braced.split_once('}')?;
        return (name_length(name) == name.len() && !name.is_empty()).then_some((name, after));
    }
    match name_length(text) {
        0 => None,
        length => text.split_at_checked(length),
    }
}

/// Bytes of the longest name at the start: a letter or underscore, then letters, digits, underscores and dots.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic()) {
        return 0;
    }
    text.find(|next: char| !(next == '_' || next == '.' || next.is_ascii_alphanumeric()))
        .unwrap_or(text.len())
}

/// Writes a text so that reading it finds no reference. `\$` and not `$$`, because only it survives a backslash
/// before the dollar sign.
pub(crate) fn escape(text: &str) -> String {
    text.replace('$', "\\$")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(value: &str) -> String {
        pieces(value)
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text,
                Piece::Reference(name) => format!("<{name}>"),
            })
            .collect()
    }

    #[test]
    fn the_four_forms_of_a_reference_are_found() {
        assert_eq!(shape("$host/x"), "<host>/x");
        assert_eq!(shape("${host}name"), "<host>name");
        assert_eq!(shape("a$api.port b"), "a<api.port> b");
        assert_eq!(shape("${api.port}0"), "<api.port>0");
    }

    #[test]
    fn both_escapes_and_lone_dollars_stand_for_a_dollar() {
        assert_eq!(shape(r"a$$b\$c"), "a$b$c");
        assert_eq!(shape("$5 $ ${ ${1} $"), "$5 $ ${ ${1} $");
        assert_eq!(shape(r"\\$x"), r"\$x");
    }

    #[test]
    fn runs_of_dollars_and_backslashes_read_as_oslo_reads_them() {
        assert_eq!(shape(r"\$$"), "$$");
        assert_eq!(shape(r"$\$name"), "$<name>");
        assert_eq!(shape("$$$$name"), "$$name");
    }
}
