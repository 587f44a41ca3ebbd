//! The rules in force: the operator's laid over the defaults, every reference resolved.
//!
//! A set is built whole and never changed. Building it proves what checking then relies on: no ring
//! of references, and no more levels than the stack surely bears.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::base::{BaseDefault, BaseRule, default_of_base};
use crate::defaults::default_of;
use crate::expression::{Check, CheckTable, MAX_DEPTH, Parsed, RuleRef, parse_text, parse_value};
use crate::file::FileRules;
use crate::names::nearest;
use crate::{PolicyError, Rule};

/// How many levels a rule may nest together with all it refers to.
const MAX_LEVELS: usize = 4 * MAX_DEPTH;

/// All rules, resolved. The API's rules come first, in the order of [`Rule::ALL`].
#[derive(Debug)]
pub(crate) struct RuleSet {
    checks: Vec<Check>,
    admin: Option<usize>,
}

impl RuleSet {
    /// Lays the operator's rules over the defaults; the lines returned are for the operator.
    pub(crate) fn build(
        files: &FileRules,
        default_rule: &str,
        enforce_new_defaults: bool,
    ) -> Result<(Self, Vec<String>), PolicyError> {
        let mut warnings = Vec::new();
        let mut overrides = parse_files(files, &mut warnings);
        take_old_quota_names(&mut overrides, &mut warnings);

        let mut names: Vec<Box<str>> = Vec::new();
        let mut checks: Vec<Check> = Vec::new();
        for rule in Rule::ALL {
            let check = overrides.get(rule.name()).cloned();
            names.push(rule.name().into());
            checks.push(check.unwrap_or_else(|| parse_text(default_of(*rule).check).check));
        }
        let bases = BaseRule::ALL.iter().map(|base| {
            let chosen = match overrides.get(base.name()) {
                Some(check) => check.clone(),
                None => base_check(default_of_base(*base), &overrides, enforce_new_defaults),
            };
            (Box::from(base.name()), chosen)
        });
        let (base_names, base_checks): (Vec<Box<str>>, Vec<Check>) = bases.unzip();
        names.extend(base_names);
        checks.extend(base_checks);
        let ours = names.len();
        for (name, check) in overrides {
            if !names.iter().any(|known| **known == *name) {
                names.push(name.into());
                checks.push(check);
            }
        }

        let places: HashMap<&str, usize> =
            names.iter().enumerate().map(|(place, name)| (&**name, place)).collect();
        let used = resolve(&names, &mut checks, &places, default_rule, &mut warnings);
        let (known, foreign) = names.split_at(ours.min(names.len()));
        for name in foreign.iter().filter(|name| !used.contains(&***name) && ***name != *default_rule) {
            warnings.push(unknown_name(name, known));
        }
        Levels::new(&names, &checks).prove()?;
        let admin = places.get(BaseRule::ContextIsAdmin.name()).copied();
        Ok((Self { checks, admin }, warnings))
    }

    /// The check of one of the API's rules.
    pub(crate) fn check_of(&self, rule: Rule) -> Option<&Check> {
        self.checks.get(rule as usize)
    }
}

impl CheckTable for RuleSet {
    fn at(&self, place: usize) -> Option<&Check> {
        self.checks.get(place)
    }

    fn admin(&self) -> Option<&Check> {
        self.at(self.admin?)
    }
}

fn parse_files(files: &FileRules, warnings: &mut Vec<String>) -> IndexMap<String, Check> {
    let parsed = files.iter().map(|(name, rule)| {
        let Parsed { check, problems } = parse_value(&rule.value);
        let path = rule.path.display();
        warnings
            .extend(problems.into_iter().map(|problem| format!("policy rule {name} in {path}: {problem}")));
        (name.clone(), check)
    });
    parsed.collect()
}

/// The file that the oldest releases shipped called the quota rules `quotas:…`, while the code asked
/// for `quota:…`. The operator's intent is honoured under both names.
fn take_old_quota_names(overrides: &mut IndexMap<String, Check>, warnings: &mut Vec<String>) {
    for rule in Rule::ALL {
        let Some(verb) = rule.name().strip_prefix("quota:") else { continue };
        let old = format!("quotas:{verb}");
        let Some(check) = overrides.shift_remove(&old) else { continue };
        warnings.push(format!("policy rule {old} is read as {}; rename it", rule.name()));
        overrides.entry(rule.name().to_owned()).or_insert(check);
    }
}

/// A base rule that the operator left alone.
fn base_check(
    default: BaseDefault,
    overrides: &IndexMap<String, Check>,
    enforce_new_defaults: bool,
) -> Check {
    let new = parse_text(default.check).check;
    let Some(old) = default.deprecated else { return new };
    // Whoever changed the old rule meant all that stood on it: the new default must not widen it.
    let shipped =
        BaseRule::ALL.iter().find(|base| base.name() == old.name).map(|base| default_of_base(*base));
    let changed = overrides
        .get(old.name)
        .is_some_and(|check| shipped.is_none_or(|shipped| parse_text(shipped.check).check != *check));
    if changed {
        parse_text(old.check).check
    } else if enforce_new_defaults {
        new
    } else {
        Check::Or(vec![new, parse_text(old.check).check])
    }
}

/// Turns names into places; gives the names that something refers to.
fn resolve<'n>(
    names: &'n [Box<str>],
    checks: &mut [Check],
    places: &HashMap<&'n str, usize>,
    default_rule: &str,
    warnings: &mut Vec<String>,
) -> HashSet<&'n str> {
    let fallback = places.get(default_rule).copied();
    let mut used = HashSet::new();
    for (name, check) in names.iter().zip(checks) {
        check.for_each_reference(&mut |reference: &mut RuleRef| {
            reference.place = match places.get_key_value(&*reference.name) {
                Some((known, place)) => {
                    used.insert(*known);
                    Some(*place)
                }
                None => {
                    let instead = match fallback {
                        Some(_) => format!("rule {default_rule} is asked instead"),
                        None => "it never allows".to_owned(),
                    };
                    warnings.push(format!(
                        "policy rule {name} refers to {}, which does not exist; {instead}",
                        reference.name
                    ));
                    fallback
                }
            };
        });
    }
    used
}

fn unknown_name(name: &str, known: &[Box<str>]) -> String {
    match nearest(name, known.iter().map(|known| &**known)) {
        Some(meant) => format!("policy rule {name} is never asked; is {meant} meant?"),
        None => format!("policy rule {name} is never asked and nothing refers to it"),
    }
}

/// The proof that no check goes round in a ring or too deep.
struct Levels<'a> {
    names: &'a [Box<str>],
    checks: &'a [Check],
    /// Per rule: nothing yet, being measured, or how many levels it has.
    measured: Vec<Option<Measure>>,
}

#[derive(Clone, Copy)]
enum Measure {
    Underway,
    Levels(usize),
}

impl<'a> Levels<'a> {
    fn new(names: &'a [Box<str>], checks: &'a [Check]) -> Self {
        Self { names, checks, measured: vec![None; checks.len()] }
    }

    fn prove(mut self) -> Result<(), PolicyError> {
        (0..self.checks.len()).try_for_each(|place| self.rule(place, MAX_LEVELS).map(drop))
    }

    /// The levels of the rule at this place, of which at most `left` are allowed.
    fn rule(&mut self, place: usize, left: usize) -> Result<usize, PolicyError> {
        let name = || self.names.get(place).map(|name| name.to_string()).unwrap_or_default();
        match self.measured.get(place).copied().flatten() {
            Some(Measure::Underway) => Err(PolicyError::Cycle { rule: name() }),
            Some(Measure::Levels(levels)) if levels > left => {
                Err(PolicyError::TooDeep { rule: name(), limit: MAX_LEVELS })
            }
            Some(Measure::Levels(levels)) => Ok(levels),
            None => {
                let Some(check) = self.checks.get(place) else { return Ok(0) };
                self.note(place, Measure::Underway);
                let levels = self.check(check, place, left)?;
                self.note(place, Measure::Levels(levels));
                Ok(levels)
            }
        }
    }

    fn note(&mut self, place: usize, measure: Measure) {
        if let Some(slot) = self.measured.get_mut(place) {
            *slot = Some(measure);
        }
    }

    fn check(&mut self, check: &Check, place: usize, left: usize) -> Result<usize, PolicyError> {
        let Some(left) = left.checked_sub(1) else {
            let rule = self.names.get(place).map(|name| name.to_string()).unwrap_or_default();
            return Err(PolicyError::TooDeep { rule, limit: MAX_LEVELS });
        };
        let below = match check {
            Check::And(parts) | Check::Or(parts) => parts.iter().try_fold(0, |deepest, part| {
                self.check(part, place, left).map(|levels| deepest.max(levels))
            })?,
            Check::Not(inner) => self.check(inner, place, left)?,
            Check::Rule(reference) => match reference.place {
                Some(referred) => self.rule(referred, left)?,
                None => 0,
            },
            Check::Always
            | Check::Never
            | Check::Refused
            | Check::Role(_)
            | Check::Attribute { .. }
            | Check::Literal { .. } => 0,
        };
        Ok(below.saturating_add(1))
    }
}
