//! The types a value can have, and the reading of text as one of them.
//!
//! [`Kind`] is what the reference says about an option, [`parse`] checks text against an [`OptionSpec`] and
//! yields a [`Value`], and [`Field`] fits that value into the Rust type of a section's field. The three are
//! apart so that a field's type alone fixes the option's kind, its natural bounds and whether it is secret.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::ini::is_space;
use crate::option::OptionSpec;

/// The type of an option as the reference names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// `true`/`1`/`on`/`yes` or `false`/`0`/`off`/`no`, in any case.
    Boolean,
    /// Texts with commas between them.
    List,
    /// One text for each time the option is written.
    Multi,
    /// `key:value` pairs with commas between them.
    Dict,
    /// A TCP port.
    Port,
}

impl Kind {
    /// The word used in the sample file and in `--help`.
    pub fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Float => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Multi => "string, may be repeated",
            Self::Dict => "dictionary",
            Self::Port => "port",
        }
    }
}

/// A value that passed its option's checks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Unset,
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Texts(Vec<String>),
    Dict(BTreeMap<String, String>),
}

/// Reads the texts of an option (several only for [`Kind::Multi`]) as its kind demands.
/// The error says what is wrong and what would be right, and never repeats the text.
pub(crate) fn parse(spec: &OptionSpec, texts: &[String]) -> Result<Value, String> {
    let Some(last) = texts.last() else { return Ok(Value::Unset) };
    let value = match spec.kind {
        Kind::Multi => Value::Texts(texts.to_vec()),
        Kind::String => Value::Text(last.clone()),
        Kind::List => Value::Texts(list(last)),
        Kind::Dict => Value::Dict(dict(last)?),
        Kind::Boolean => Value::Boolean(boolean(last)?),
        Kind::Integer | Kind::Port | Kind::Float if last.trim_matches(is_space).is_empty() => Value::Unset,
        Kind::Integer | Kind::Port => Value::Integer(integer(spec, last)?),
        Kind::Float => Value::Float(float(spec, last)?),
    };
    match &value {
        Value::Text(text) => chosen(spec, text)?,
        Value::Texts(texts) => texts.iter().try_for_each(|text| chosen(spec, text))?,
        _ => {}
    }
    Ok(value)
}

fn chosen(spec: &OptionSpec, text: &str) -> Result<(), String> {
    if spec.choices.is_empty() || spec.choices.contains(&text) {
        return Ok(());
    }
    Err(format!("not one of the possible values; write one of: {}", spec.choices.join(", ")))
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err("not a boolean; write true or false".to_owned()),
    }
}

fn integer(spec: &OptionSpec, text: &str) -> Result<i64, String> {
    let fault = |what| match (spec.min, spec.max) {
        (Some(min), Some(max)) => format!("{what}; write one from {min} to {max}"),
        (Some(min), None) => format!("{what}; write {min} or more"),
        (None, Some(max)) => format!("{what}; write {max} or less"),
        (None, None) => format!("{what}; write digits only"),
    };
    let number: i64 = text.trim_matches(is_space).parse().map_err(|_| fault("not a whole number"))?;
    if spec.min.is_some_and(|min| number < min) || spec.max.is_some_and(|max| number > max) {
        return Err(fault("number out of range"));
    }
    Ok(number)
}

fn float(spec: &OptionSpec, text: &str) -> Result<f64, String> {
    let number = text.trim_matches(is_space).parse::<f64>().ok().filter(|number| number.is_finite());
    let number =
        number.ok_or_else(|| "not a number; write digits with an optional decimal point".to_owned())?;
    match spec.min {
        Some(min) if number < min as f64 => Err(format!("number out of range; write {min} or more")),
        _ => Ok(number),
    }
}

/// Splits a list value: commas separate, white space (and so line ends) round an item is dropped, commas at the
/// end are too. An empty text is the empty list.
pub fn list(text: &str) -> Vec<String> {
    let text = text.trim_matches(is_space).trim_end_matches(',');
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim_matches(is_space).to_owned()).collect()
}

/// Splits a dictionary value: `key:value` pairs with commas between them, only the first colon of a pair counts.
/// Fails when a pair has no colon.
pub fn dict(text: &str) -> Result<BTreeMap<String, String>, String> {
    if text.trim_matches(is_space).is_empty() {
        return Ok(BTreeMap::new());
    }
    text.split(',')
        .map(|pair| {
            let (key, value) = pair.split_once(':').ok_or_else(|| {
                "a pair without a colon; write key:value pairs with commas between them".to_owned()
            })?;
            Ok((key.trim_matches(is_space).to_owned(), value.trim_matches(is_space).to_owned()))
        })
        .collect()
}

/// A Rust type that a section's field can have.
pub(crate) trait Field: Sized {
    const KIND: Kind;
    const SECRET: bool = false;
    const MIN: Option<i64> = None;
    const MAX: Option<i64> = None;
    /// The field's form of a checked value; none when the type cannot be without one.
    fn fit(value: Value) -> Option<Self>;
}

impl Field for String {
    const KIND: Kind = Kind::String;
    fn fit(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

/// An empty text counts as unset: operators write `region_name =` to mean just that.
impl Field for Option<String> {
    const KIND: Kind = Kind::String;
    fn fit(value: Value) -> Option<Self> {
        Some(String::fit(value).filter(|text| !text.is_empty()))
    }
}

impl Field for SecretString {
    const KIND: Kind = Kind::String;
    const SECRET: bool = true;
    fn fit(value: Value) -> Option<Self> {
        String::fit(value).map(SecretString::from)
    }
}

impl Field for Option<SecretString> {
    const KIND: Kind = Kind::String;
    const SECRET: bool = true;
    fn fit(value: Value) -> Option<Self> {
        Some(Option::<String>::fit(value)?.map(SecretString::from))
    }
}

macro_rules! integers {
    ($($type:ty, $kind:expr, $min:expr, $max:expr;)+) => {$(
        impl Field for $type {
            const KIND: Kind = $kind;
            const MIN: Option<i64> = $min;
            const MAX: Option<i64> = $max;
            fn fit(value: Value) -> Option<Self> {
                if let Value::Integer(number) = value { Self::try_from(number).ok() } else { None }
            }
        }

        impl Field for Option<$type> {
            const KIND: Kind = $kind;
            const MIN: Option<i64> = $min;
            const MAX: Option<i64> = $max;
            fn fit(value: Value) -> Option<Self> {
                Some(<$type>::fit(value))
            }
        }
    )+};
}

integers! {
    i64, Kind::Integer, None, None;
    u64, Kind::Integer, Some(0), None;
    u32, Kind::Integer, Some(0), Some(u32::MAX as i64);
    u16, Kind::Port, Some(0), Some(u16::MAX as i64);
}

impl Field for f64 {
    const KIND: Kind = Kind::Float;
    fn fit(value: Value) -> Option<Self> {
        if let Value::Float(number) = value { Some(number) } else { None }
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Boolean;
    fn fit(value: Value) -> Option<Self> {
        if let Value::Boolean(flag) = value { Some(flag) } else { None }
    }
}

impl Field for Vec<String> {
    const KIND: Kind = Kind::List;
    fn fit(value: Value) -> Option<Self> {
        match value {
            Value::Unset => Some(Vec::new()),
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }
}

/// The texts of an option that may be written several times, in the order written; empty ones are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repeated(pub Vec<String>);

impl Field for Repeated {
    const KIND: Kind = Kind::Multi;
    fn fit(value: Value) -> Option<Self> {
        let texts = Vec::fit(value)?;
        Some(Self(texts.into_iter().filter(|text: &String| !text.is_empty()).collect()))
    }
}

impl Field for BTreeMap<String, String> {
    const KIND: Kind = Kind::Dict;
    fn fit(value: Value) -> Option<Self> {
        match value {
            Value::Unset => Some(BTreeMap::new()),
            Value::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Field>(text: &str) -> Result<Value, String> {
        parse(&OptionSpec::new::<T>("g", "k", None, ""), &[text.to_owned()])
    }

    #[test]
    fn booleans_take_the_eight_words_in_any_case() {
        for text in ["true", "1", "ON", "Yes"] {
            assert_eq!(read::<bool>(text), Ok(Value::Boolean(true)), "{text}");
        }
        for text in ["False", "0", "off", "NO"] {
            assert_eq!(read::<bool>(text), Ok(Value::Boolean(false)), "{text}");
        }
        assert_eq!(read::<bool>("enabled"), Err("not a boolean; write true or false".to_owned()));
    }

    #[test]
    fn lists_drop_white_space_and_trailing_commas_only() {
        assert_eq!(list("a, b ,\nc,,"), ["a", "b", "c"]);
        assert_eq!(list("a,,b"), ["a", "", "b"]);
        assert!(list("  ").is_empty());
    }

    #[test]
    fn dictionaries_split_at_the_first_colon() {
        let pairs = dict("a:1, b : http://x").unwrap();
        assert_eq!(pairs["a"], "1");
        assert_eq!(pairs["b"], "http://x");
        assert!(dict("a").is_err());
        assert!(dict("").unwrap().is_empty());
    }

    #[test]
    fn numbers_are_held_to_the_bounds_of_their_type() {
        assert_eq!(read::<u16>("65536").unwrap_err(), "number out of range; write one from 0 to 65535");
        assert_eq!(read::<u32>("-1").unwrap_err(), "number out of range; write one from 0 to 4294967295");
        assert_eq!(read::<i64>("-1"), Ok(Value::Integer(-1)));
        assert_eq!(read::<Option<u32>>(" "), Ok(Value::Unset));
        assert_eq!(read::<f64>("1.5"), Ok(Value::Float(1.5)));
        assert!(read::<f64>("nan").is_err());
    }
}
