//! Asking a tree about a caller and a target.
//!
//! There are three answers, not two: a check that could not be understood is neither true nor
//! false, and `not` of it is no more true. Only a plain yes allows.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::check::Check;
use super::template::{Template, spell};
use crate::credentials::{Attribute, Credentials};

/// The rules an expression can refer to.
pub(crate) trait CheckTable {
    /// The check at this place.
    fn at(&self, place: usize) -> Option<&Check>;
    /// The check that tells whether the caller is an administrator.
    fn admin(&self) -> Option<&Check>;
}

/// One question about one caller and one target. Nesting was bounded when the rules were loaded.
pub(crate) struct Evaluation<'a, T> {
    table: &'a T,
    credentials: &'a Credentials,
    target: &'a Map<String, Value>,
    admin: Cell<Admin>,
}

#[derive(Clone, Copy)]
enum Admin {
    NotAsked,
    /// Being asked right now: an administrator's rule that asks for itself gets no answer.
    Asking,
    Known(bool),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    Unsound,
}

impl From<bool> for Verdict {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl<'a, T: CheckTable> Evaluation<'a, T> {
    pub(crate) fn new(table: &'a T, credentials: &'a Credentials, target: &'a Map<String, Value>) -> Self {
        Self { table, credentials, target, admin: Cell::new(Admin::NotAsked) }
    }

    /// Whether the check plainly says yes.
    pub(crate) fn allows(&self, check: &Check) -> bool {
        self.verdict(check) == Verdict::Yes
    }

    /// Whether the caller is an administrator.
    pub(crate) fn admin(&self) -> bool {
        self.is_admin().unwrap_or(false)
    }

    fn verdict(&self, check: &Check) -> Verdict {
        match check {
            Check::Always => Verdict::Yes,
            Check::Never => Verdict::No,
            Check::Refused => Verdict::Unsound,
            Check::And(parts) => self.all_but(parts, Verdict::No, Verdict::Yes),
            Check::Or(parts) => self.all_but(parts, Verdict::Yes, Verdict::No),
            Check::Not(inner) => match self.verdict(inner) {
                Verdict::Yes => Verdict::No,
                Verdict::No => Verdict::Yes,
                Verdict::Unsound => Verdict::Unsound,
            },
            Check::Rule(reference) => match reference.place.and_then(|place| self.table.at(place)) {
                Some(referred) => self.verdict(referred),
                None => Verdict::Unsound,
            },
            Check::Role(value) => self.holds_role(value).into(),
            Check::Literal { text, value } => {
                (value.render(self.target).as_deref() == Some(text.as_ref())).into()
            }
            Check::Attribute { path, value } => self.has_attribute(path, value).into(),
        }
    }

    /// `decisive` as soon as one part says so, `otherwise` if all parts are sound.
    fn all_but(&self, parts: &[Check], decisive: Verdict, otherwise: Verdict) -> Verdict {
        let mut result = otherwise;
        for part in parts {
            let verdict = self.verdict(part);
            if verdict == decisive {
                return decisive;
            }
            if verdict == Verdict::Unsound {
                result = Verdict::Unsound;
            }
        }
        result
    }

    fn holds_role(&self, value: &Template) -> bool {
        let Some(wanted) = value.render(self.target) else { return false };
        self.credentials.roles.iter().any(|role| {
            role.eq_ignore_ascii_case(&wanted)
                || (!role.is_ascii() && role.to_lowercase() == wanted.to_lowercase())
        })
    }

    fn has_attribute(&self, path: &[Box<str>], value: &Template) -> bool {
        let Some(wanted) = value.render(self.target) else { return false };
        let Some((first, rest)) = path.split_first() else { return false };
        let Some(attribute) = self.credentials.attribute(first) else { return false };
        // A caller without a project must not own the objects without one: what is missing on both
        // sides is not equal. A rule may still say `project_id:None`.
        let null = || !value.reads_target() && wanted == "None";
        match attribute {
            Attribute::Json(json) => json_has(json, rest, &wanted, &null),
            _ if !rest.is_empty() => false,
            Attribute::Null => null(),
            Attribute::Bool(known) => wanted == if known { "True" } else { "False" },
            Attribute::Text(text) => wanted == text,
            Attribute::Texts(texts) => texts.iter().any(|text| wanted == text.as_str()),
            Attribute::Admin => match self.is_admin() {
                Some(known) => wanted == if known { "True" } else { "False" },
                None => null(),
            },
        }
    }

    /// Whether the caller is an administrator; nothing while that is being found out.
    fn is_admin(&self) -> Option<bool> {
        match self.admin.get() {
            Admin::Known(known) => Some(known),
            Admin::Asking => None,
            Admin::NotAsked => {
                let nothing = Map::new();
                let question = Evaluation {
                    table: self.table,
                    credentials: self.credentials,
                    target: &nothing,
                    admin: Cell::new(Admin::Asking),
                };
                let known = self.table.admin().is_some_and(|check| question.allows(check));
                self.admin.set(Admin::Known(known));
                Some(known)
            }
        }
    }
}

/// Walks a nested attribute; a list on the way matches if any of its elements does.
fn json_has(value: &Value, path: &[Box<str>], wanted: &str, null: &impl Fn() -> bool) -> bool {
    let leaf_or_deeper = |value: &Value| match path.split_first() {
        None if value.is_null() => null(),
        None => spell(value).as_deref() == Some(wanted),
        Some((segment, rest)) => {
            value.get(segment.as_ref()).is_some_and(|inner| json_has(inner, rest, wanted, null))
        }
    };
    match value {
        Value::Array(elements) => elements.iter().any(leaf_or_deeper),
        _ => leaf_or_deeper(value),
    }
}
