//! Cutting an expression into words.
//!
//! Words are separated by white space only. A parenthesis counts as one when it stands at a word's
//! very beginning or end; inside a word it belongs to the word, as in `project_id:%(project_id)s`.

/// One word of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    And,
    Or,
    Not,
    /// A single check such as `role:admin`.
    Atom(&'a str),
    /// A quoted word, which the language has no use for.
    Quoted(&'a str),
}

/// The words of an expression, in order.
pub(super) fn tokens(expression: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for word in expression.split(is_space).filter(|word| !word.is_empty()) {
        let opened = word.trim_start_matches('(');
        let bare = opened.trim_end_matches(')');
        tokens.extend(std::iter::repeat_n(Token::Open, word.len().saturating_sub(opened.len())));
        if bare.eq_ignore_ascii_case("and") {
            tokens.push(Token::And);
        } else if bare.eq_ignore_ascii_case("or") {
            tokens.push(Token::Or);
        } else if bare.eq_ignore_ascii_case("not") {
            tokens.push(Token::Not);
        } else if is_quoted(opened) {
            tokens.push(Token::Quoted(opened));
        } else if !bare.is_empty() {
            tokens.push(Token::Atom(bare));
        }
        tokens.extend(std::iter::repeat_n(Token::Close, opened.len().saturating_sub(bare.len())));
    }
    tokens
}

/// White space as Python's regular expressions see it: Unicode's, and the four separators.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

fn is_quoted(word: &str) -> bool {
    word.len() >= 2 && ['"', '\''].iter().any(|quote| word.starts_with(*quote) && word.ends_with(*quote))
}
