//! The language of policy rules: text in, a tree of checks out, a verdict on a caller and a target.

mod check;
mod evaluate;
mod parse;
mod template;
mod token;

pub(crate) use check::{Check, MAX_DEPTH, RuleRef};
pub(crate) use evaluate::{CheckTable, Evaluation};
pub(crate) use parse::{Parsed, parse_text, parse_value};
