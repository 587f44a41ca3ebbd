//! Reads the text of a Python literal, as `repr()` of a map, list, text, number, `True`, `False` or `None` prints
//! it. Clients send maps in patches in this form. JSON text is a subset that is read too: `true`, `false` and
//! `null` are understood beside Python's words.

use serde_json::{Map, Number, Value};
use std::{iter::Peekable, str::Chars};

/// Deeper nesting than this is refused, so that a hostile text cannot exhaust the stack.
const MAX_DEPTH: usize = 16;

/// Why a text is no literal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LiteralError {
    /// The text ends too early.
    #[error("the text ends too early")]
    End,
    /// A character stands where it may not.
    #[error("unexpected character {0:?}")]
    Unexpected(char),
    /// A word that is neither True, False nor None.
    #[error("unknown word {0:?}")]
    Word(String),
    /// A number that cannot be read.
    #[error("bad number {0:?}")]
    Number(String),
    /// Nested too deeply.
    #[error("nested too deeply")]
    Depth,
}

/// The value that `text` spells.
pub fn parse(text: &str) -> Result<Value, LiteralError> {
    let mut reader = Reader { rest: text.chars().peekable() };
    let value = reader.value(0)?;
    match reader.next_visible() {
        None => Ok(value),
        Some(character) => Err(LiteralError::Unexpected(character)),
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn next_visible(&mut self) -> Option<char> {
        while self.rest.next_if(|character| character.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn value(&mut self, depth: usize) -> Result<Value, LiteralError> {
        if depth > MAX_DEPTH {
            return Err(LiteralError::Depth);
        }
        match self.next_visible().ok_or(LiteralError::End)? {
            '{' => self.map(depth).map(Value::Object),
            '[' => self.list(']', depth).map(Value::Array),
            '(' => self.list(')', depth).map(Value::Array),
            quote @ ('\'' | '"') => self.text(quote).map(Value::String),
            '+' | '-' | '.' | '0'..='9' => self.number(),
            character if character.is_alphabetic() => self.word(),
            character => Err(LiteralError::Unexpected(character)),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Map<String, Value>, LiteralError> {
        self.rest.next();
        let mut map = Map::new();
        loop {
            match self.next_visible().ok_or(LiteralError::End)? {
                '}' => {
                    self.rest.next();
                    return Ok(map);
                }
                quote @ ('\'' | '"') => {
                    let key = self.text(quote)?;
                    self.expect(':')?;
                    let value = self.value(depth + 1)?;
                    map.insert(key, value);
                    self.separator('}')?;
                }
                character if character.is_alphanumeric() || character == '-' => {
                    // A text with a prefix, or no text at all, e.g. a number: kept as the text it prints as.
                    let key = match self.value(depth + 1)? {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    self.expect(':')?;
                    let value = self.value(depth + 1)?;
                    map.insert(key, value);
                    self.separator('}')?;
                }
                character => return Err(LiteralError::Unexpected(character)),
            }
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Result<Vec<Value>, LiteralError> {
        self.rest.next();
        let mut list = Vec::new();
        loop {
            if self.next_visible().ok_or(LiteralError::End)? == close {
                self.rest.next();
                return Ok(list);
            }
            list.push(self.value(depth + 1)?);
            self.separator(close)?;
        }
    }

    /// A comma, or the closing bracket (which is left for the caller).
    fn separator(&mut self, close: char) -> Result<(), LiteralError> {
        match self.next_visible().ok_or(LiteralError::End)? {
            ',' => {
                self.rest.next();
                Ok(())
            }
            character if character == close => Ok(()),
            character => Err(LiteralError::Unexpected(character)),
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), LiteralError> {
        match self.next_visible().ok_or(LiteralError::End)? {
            character if character == wanted => {
                self.rest.next();
                Ok(())
            }
            character => Err(LiteralError::Unexpected(character)),
        }
    }

    fn text(&mut self, quote: char) -> Result<String, LiteralError> {
        self.rest.next();
        let mut text = String::new();
        loop {
            match self.rest.next().ok_or(LiteralError::End)? {
                character if character == quote => return Ok(text),
                '\\' => self.escape(&mut text)?,
                character => text.push(character),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), LiteralError> {
        let plain = match self.rest.next().ok_or(LiteralError::End)? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '\n' => return Ok(()),
            character @ ('\\' | '\'' | '"' | '/') => character,
            'x' => return self.coded(2, text),
            'u' => return self.coded(4, text),
            'U' => return self.coded(8, text),
            // Python keeps an unknown escape as it stands.
            other => {
                text.push('\\');
                other
            }
        };
        text.push(plain);
        Ok(())
    }

    /// A character given by its code in so many hexadecimal digits.
    fn coded(&mut self, digits: usize, text: &mut String) -> Result<(), LiteralError> {
        let mut code = self.hexadecimal(digits)?;
        if digits == 4 && (0xd800..0xdc00).contains(&code) {
            // JSON writes characters outside of the basic plane as two escapes.
            for wanted in ['\\', 'u'] {
                match self.rest.next().ok_or(LiteralError::End)? {
                    character if character == wanted => {}
                    character => return Err(LiteralError::Unexpected(character)),
                }
            }
            let low = self.hexadecimal(4)?;
            code = 0x1_0000 + ((code - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
        }
        text.push(char::from_u32(code).ok_or_else(|| LiteralError::Number(format!("{code:x}")))?);
        Ok(())
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<u32, LiteralError> {
        let mut code = 0_u32;
        for _ in 0..digits {
            let character = self.rest.next().ok_or(LiteralError::End)?;
            let digit = character.to_digit(16).ok_or(LiteralError::Unexpected(character))?;
            code = code.wrapping_mul(16).wrapping_add(digit);
        }
        Ok(code)
    }

    fn word(&mut self) -> Result<Value, LiteralError> {
        let mut word = String::new();
        while let Some(character) =
            self.rest.next_if(|character| character.is_alphanumeric() || *character == '_')
        {
            word.push(character);
        }
        match word.as_str() {
            "True" | "true" => Ok(Value::Bool(true)),
            "False" | "false" => Ok(Value::Bool(false)),
            "None" | "null" => Ok(Value::Null),
            // A text with Python 2's prefix, as old clients print it.
            "u" | "b" => match self.rest.peek() {
                Some(quote @ ('\'' | '"')) => {
                    let quote = *quote;
                    self.text(quote).map(Value::String)
                }
                _ => Err(LiteralError::Word(word)),
            },
            _ => Err(LiteralError::Word(word)),
        }
    }

    fn number(&mut self) -> Result<Value, LiteralError> {
        let mut digits = String::new();
        while let Some(character) =
            self.rest.next_if(|character| character.is_ascii_alphanumeric() || "+-._".contains(*character))
        {
            digits.push(character);
        }
        let plain = digits.replace('_', "");
        if let Ok(integer) = plain.parse::<i64>() {
            return Ok(Value::from(integer));
        }
        plain
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or(LiteralError::Number(digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_python_prints_is_read() {
        let cases = [
            ("{}", json!({})),
            (
                "{'a': 'b', 'n': 3, 'f': -1.5, 't': True, 'z': None}",
                json!({"a": "b", "n": 3, "f": -1.5, "t": true, "z": null}),
            ),
            ("{u'a': [1, 'two', (3, 4),]}", json!({"a": [1, "two", [3, 4]]})),
            (r#"{"it's": 'say "hi"\n'}"#, json!({"it's": "say \"hi\"\n"})),
            (r"{'path': 'C:\\x', 'e': '\xe9\u20ac'}", json!({"path": "C:\\x", "e": "é€"})),
            ("{1: 'x'}", json!({"1": "x"})),
            ("  'text'  ", json!("text")),
        ];
        for (text, meaning) in cases {
            assert_eq!(parse(text).unwrap(), meaning, "{text}");
        }
    }

    #[test]
    fn json_text_is_read_the_same() {
        for value in [json!({"a": {"b": [true, false, null, 1e3, "é\u{1F600}\"\\"]}}), json!([]), json!("")]
        {
            assert_eq!(parse(&value.to_string()).unwrap(), value);
        }
        assert_eq!(parse(r#""\ud83d\ude00""#).unwrap(), json!("\u{1F600}"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{",
            "{'a'}",
            "{'a': }",
            "{'a': b}",
            "a=b",
            "{'a': 1} x",
            "'open",
            "__import__('os')",
            "--",
            "1e999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), Err(LiteralError::Depth));
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        // Every short string over the characters that mean something.
        let alphabet = ['{', '}', '[', '\'', '"', '\\', 'u', 'x', 'd', '8', ',', ':', '-', ' '];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            texts = texts
                .iter()
                .filter(|text| text.len() < 4 || text.starts_with('\'') || text.starts_with('{'))
                .flat_map(|text| alphabet.iter().map(move |character| format!("{text}{character}")))
                .collect();
            for text in &texts {
                let _ = parse(text);
            }
        }
        assert!(texts.len() > 10_000);
    }
}
