//! From raw settings to the value of one option: names, precedence, substitution, checks.
//!
//! An option is looked up under its own name and its old ones. The highest source wins; within a source the own
//! name wins over old ones, then the later line over the earlier. `$name` in a value stands for the value of
//! another option and is resolved the same way. A text remembers whether a secret flowed into it, so that an
//! error about a harmless option that quotes a password still shows nothing.

use std::collections::HashMap;

use crate::error::{BadValue, ConfigError, Origin};
use crate::option::OptionSpec;
use crate::sources::Setting;
use crate::table::{GROUP_ALIASES, Table};
use crate::template::{self, Piece};
use crate::value::{self, Field, Kind, Value};

/// The settings of one load beside the table that gives them meaning.
pub(crate) struct Resolver<'a> {
    table: &'a Table,
    by_name: HashMap<(&'a str, &'a str), Vec<&'a Setting>>,
    host_name: &'a str,
}

struct Text {
    text: String,
    secret: bool,
}

/// What a lookup finds: the raw values (several only for repeated options) and where the deciding one stands.
struct Found<'a> {
    values: Vec<&'a str>,
    origin: Origin,
}

impl<'a> Resolver<'a> {
    pub fn new(table: &'a Table, settings: &'a [Setting], host_name: &'a str) -> Self {
        let mut by_name: HashMap<_, Vec<&Setting>> = HashMap::new();
        for setting in settings {
            by_name.entry((setting.group.as_str(), setting.name.as_str())).or_default().push(setting);
        }
        Self { table, by_name, host_name }
    }

    /// The checked value of the option `name` declared for the group `declared`, looked for in the group `group`
    /// (the same one, except where `auth_section` points elsewhere), in the type of its field.
    pub fn field<T: Field>(&self, declared: &str, group: &str, name: &str) -> Result<T, ConfigError> {
        let spec = self.declared(declared, name)?;
        let found = self.find(group, spec);
        let mut secret = spec.secret;
        let mut texts = Vec::with_capacity(found.values.len());
        for raw in &found.values {
            let text = self.substitute(raw, group, spec, &found.origin, &mut Vec::new())?;
            secret |= text.secret;
            texts.push(text.text);
        }
        let fault = |problem: String| {
            ConfigError::Value(Box::new(BadValue {
                origin: found.origin.clone(),
                group: group.to_owned(),
                name: spec.name.to_owned(),
                value: texts.last().filter(|_| !secret).cloned(),
                problem,
            }))
        };
        let value = value::parse(spec, &texts).map_err(fault)?;
        let unset = value == Value::Unset;
        T::fit(value).ok_or_else(|| {
            fault(if unset {
                "needs a value; write one or remove the line".to_owned()
            } else {
                "does not fit its type".to_owned()
            })
        })
    }

    /// Whether a source gives the option a value, under whichever of its names.
    pub fn is_set(&self, group: &str, name: &str) -> Result<bool, ConfigError> {
        let spec = self.declared(group, name)?;
        Ok(self.find(group, spec).origin != Origin::Default)
    }

    fn declared(&self, group: &str, name: &str) -> Result<&'a OptionSpec, ConfigError> {
        let undeclared = || ConfigError::Undeclared { group: group.to_owned(), name: name.to_owned() };
        self.table.get(group, name).ok_or_else(undeclared)
    }

    fn find<'b>(&'b self, group: &str, spec: &'b OptionSpec) -> Found<'b> {
        let own = self.by_name.get(&(group, spec.name)).into_iter().flatten().map(|setting| (true, *setting));
        let old_names = spec.old_names(GROUP_ALIASES);
        let old = old_names
            .iter()
            .map(|(old_group, name)| (if *old_group == spec.group { group } else { old_group }, *name))
            .flat_map(|key| self.by_name.get(&key).into_iter().flatten())
            .map(|setting| (false, *setting));
        let mut candidates: Vec<(bool, &Setting)> = old.chain(own).collect();
        // The sort is stable, so settings that tie stay in the order of their lines.
        candidates.sort_by_key(|(own, setting)| (setting.rank, *own));

        // The one default that only the running machine knows; an empty `host =` asks for it too.
        let is_host = (spec.group, spec.name) == ("DEFAULT", "host");
        let Some((_, winner)) =
            candidates.last().filter(|(_, setting)| !(is_host && setting.value.is_empty()))
        else {
            let default = if is_host { Some(self.host_name) } else { spec.default };
            return Found { values: default.into_iter().collect(), origin: Origin::Default };
        };
        let repeated = spec.kind == Kind::Multi && !matches!(winner.origin, Origin::Environment(_));
        let values = if repeated {
            candidates.iter().map(|(_, setting)| setting.value.as_str()).collect()
        } else {
            vec![winner.value.as_str()]
        };
        Found { values, origin: winner.origin.clone() }
    }

    /// Replaces the references in `raw`, a value of `spec`. `above` are the options being resolved already; meeting
    /// one of them again is a circle.
    fn substitute(
        &self,
        raw: &str,
        group: &str,
        spec: &OptionSpec,
        origin: &Origin,
        above: &mut Vec<(&'static str, &'static str)>,
    ) -> Result<Text, ConfigError> {
        let mut result = Text { text: String::new(), secret: spec.secret };
        for piece in template::pieces(raw) {
            let name = match piece {
                Piece::Literal(text) => {
                    result.text.push_str(&text);
                    continue;
                }
                Piece::Reference(name) => name,
            };
            let fault = |problem: String| {
                ConfigError::Value(Box::new(BadValue {
                    origin: origin.clone(),
                    group: group.to_owned(),
                    name: spec.name.to_owned(),
                    value: None,
                    problem,
                }))
            };
            // In a password, what follows a `$` is most likely a piece of the password.
            let named = if spec.secret {
                "a text after `$` that names".to_owned()
            } else {
                format!("`${name}`, which names")
            };
            let target = self
                .referenced(group, &name)
                .ok_or_else(|| fault(format!("refers to {named} no option; write `$$` for a dollar sign")))?;
            let key = (target.group, target.name);
            if above.contains(&key) || key == (spec.group, spec.name) {
                return Err(fault(format!(
                    "refers in a circle to {named} an option that refers back; give one of them a plain value"
                )));
            }
            let found = self.find(target.group, target);
            above.push((spec.group, spec.name));
            for value in found.values.last().iter().copied() {
                let text = self.substitute(value, target.group, target, &found.origin, above)?;
                result.secret |= text.secret;
                result.text.push_str(&text.text);
            }
            above.pop();
        }
        Ok(result)
    }

    /// The option a reference means: `group.name`, or a name in the same group, or one in `DEFAULT`.
    fn referenced(&self, group: &str, name: &str) -> Option<&'a OptionSpec> {
        match name.split_once('.') {
            Some((group, name)) => self.table.get(group, name),
            None => self.table.get(group, name).or_else(|| self.table.get("DEFAULT", name)),
        }
    }
}
