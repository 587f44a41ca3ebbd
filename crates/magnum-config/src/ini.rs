//! The line grammar of an oslo.config file.
//!
//! It looks like INI but is its own dialect, and every difference matters because passwords and URLs
//! pass through it: `\` and `%` mean nothing, `#` and `;` start a comment only in the first column, a
//! line that starts with white space continues the value above it, and one pair of equal quotes round
//! a value is taken off. This module only splits text into assignments; what they mean comes later.

use std::fmt;

use crate::error::Syntax;

/// One `key = value` of a file, with the group it stands in and the line it starts on.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The text between the brackets of the last `[group]` line, as written.
    pub group: String,
    /// The key as written, without surrounding white space.
    pub name: String,
    /// The value, continuation lines joined by a newline; not yet substituted.
    pub value: String,
    /// Line of the key, counted from 1.
    pub line: usize,
}

/// Without the value: at this point nobody knows whether it is a password.
impl fmt::Debug for Assignment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{}] {} (line {})", self.group, self.name, self.line)
    }
}

/// Splits the text of a file into its assignments, in the order in which they stand.
///
/// Fails on the first line that is none of: group, assignment, continuation, comment, blank.
pub fn parse(text: &str) -> Result<Vec<Assignment>, Syntax> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut done = Vec::new();
    let mut group: Option<String> = None;
    let mut open: Option<Assignment> = None;

    for (index, raw) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = raw.trim_end_matches(is_space);
        if line.is_empty() {
            done.extend(open.take());
        } else if line.starts_with([' ', '\t']) {
            match &mut open {
                Some(assignment) => {
                    assignment.value.push('\n');
                    assignment.value.push_str(line.trim_start_matches(is_space));
                }
                None => {
                    return Err(Syntax::new(
                        number,
                        "an indented line continues nothing; remove the white space before it",
                    ));
                }
            }
        } else {
            done.extend(open.take());
            if line.starts_with('[') {
                group = Some(group_name(line, number)?);
            } else if !line.starts_with(['#', ';']) {
                open = Some(assignment(line, number, group.as_deref())?);
            }
        }
    }
    done.extend(open);
    Ok(done)
}

/// White space as Python counts it, which includes the four ASCII separators that Unicode leaves out.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

fn group_name(line: &str, number: usize) -> Result<String, Syntax> {
    let inner = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(|| Syntax::new(number, "a group line must end with `]`, with nothing after it"))?;
    if inner.is_empty() {
        return Err(Syntax::new(number, "a group needs a name between its brackets"));
    }
    Ok(inner.to_owned())
}

fn assignment(line: &str, number: usize, group: Option<&str>) -> Result<Assignment, Syntax> {
    let (name, value) = line
        .split_once(['=', ':'])
        .ok_or_else(|| Syntax::new(number, "expected `name = value`; there is no `=` or `:`"))?;
    let name = name.trim_matches(is_space);
    if name.is_empty() {
        return Err(Syntax::new(number, "an option needs a name before its `=`"));
    }
    let group = group.ok_or_else(|| {
        Syntax::new(number, "an option stands before any group; put a line `[DEFAULT]` above it")
    })?;
    Ok(Assignment {
        group: group.to_owned(),
        name: name.to_owned(),
        value: unquoted(value.trim_matches(is_space)).to_owned(),
        line: number,
    })
}

/// Takes off one pair of equal quotes. A value that is a single quote mark becomes empty, as in oslo.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return if rest.is_empty() { rest } else { rest.strip_suffix(quote).unwrap_or(value) };
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(line: &str) -> String {
        parse(&format!("[g]\n{line}\n")).unwrap().remove(0).value
    }

    #[test]
    fn characters_that_other_dialects_treat_specially_are_kept() {
        assert_eq!(value_of(r"k = 100%(x)s \x41\n a#b ;c"), r"100%(x)s \x41\n a#b ;c");
        assert_eq!(value_of("k: mysql://u:p@h/db?a=b"), "mysql://u:p@h/db?a=b");
        assert_eq!(value_of("k = a = b : c"), "a = b : c");
    }

    #[test]
    fn one_pair_of_equal_quotes_is_taken_off() {
        assert_eq!(value_of(r#"k = " x ""#), " x ");
        assert_eq!(value_of("k = 'it''s'"), "it''s");
        assert_eq!(value_of(r#"k = "open"#), "\"open");
        assert_eq!(value_of(r#"k = "mixed'"#), "\"mixed'");
        assert_eq!(value_of(r#"k = """""#), "\"\"");
        assert_eq!(value_of(r#"k = ""#), "");
    }

    #[test]
    fn indented_lines_continue_the_value_until_a_blank_line_or_comment() {
        assert_eq!(value_of("k = a,\n  b,\n\t# c"), "a,\nb,\n# c");
        let blank = parse("[g]\nk = a\n   \n  b\n").unwrap_err();
        assert_eq!(blank.line, 4);
        assert_eq!(parse("[g]\nk = a\n# note\n  b\n").unwrap_err().line, 4);
    }

    #[test]
    fn repeated_keys_are_kept_in_order_with_their_lines() {
        let all = parse("[g]\r\nk=1\r\n\r\n[h]\r\nk=2\r\n[g]\r\nk=3").unwrap();
        let seen: Vec<_> = all.iter().map(|a| (a.group.as_str(), a.value.as_str(), a.line)).collect();
        assert_eq!(seen, [("g", "1", 2), ("h", "2", 5), ("g", "3", 7)]);
    }

    #[test]
    fn malformed_lines_are_refused_with_their_number() {
        for (text, line) in [
            ("k = v", 1),
            ("\n[g", 2),
            ("[]", 1),
            ("[g] # x", 1),
            ("[g]\nnothing", 2),
            ("[g]\n= v", 2),
            ("  x", 1),
        ] {
            assert_eq!(parse(text).unwrap_err().line, line, "{text:?}");
        }
    }
}
