//! The door: load the operator's policy, answer questions, notice when the files change.
//!
//! The rules in force are a shared, immutable set; a check takes a read lock only to copy a pointer.
//! At most once a second one of the callers looks at the files' stamps. If a changed file is broken,
//! the rules in force stay, and the log says so once per change.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::Instant;

use serde_json::{Map, Value};

use crate::error::Cause;
use crate::expression::Evaluation;
use crate::file::{self, Stamp};
use crate::rule_set::RuleSet;
use crate::{Credentials, Denied, PolicyError, Rule, Scope, default_of};

/// How long the files are trusted before they are looked at again, in milliseconds.
const LOOK_EVERY: u64 = 1000;

/// The operator's choices, from `[oslo_policy]`.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    /// Policy files, later ones winning. One named `policy.yaml` or `policy.json` may be missing.
    pub files: Vec<PathBuf>,
    /// Folders of further files, read in order of their names after `files`. They may be missing.
    pub dirs: Vec<PathBuf>,
    /// The rule asked in place of a rule that does not exist (upstream: `default`).
    pub default_rule: String,
    /// Whether what older releases allowed besides the new defaults is refused.
    pub enforce_new_defaults: bool,
    /// Whether a token's scope must be one the rule takes.
    pub enforce_scope: bool,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            dirs: Vec::new(),
            default_rule: "default".to_owned(),
            enforce_new_defaults: false,
            enforce_scope: true,
        }
    }
}

/// What looking at the files brought.
#[derive(Debug)]
pub enum Reload {
    /// They are as they were.
    Unchanged,
    /// New rules are in force; the lines are for the operator and already logged.
    Loaded(Vec<String>),
    /// They changed but cannot be used; the old rules stay in force. Already logged.
    Kept(PolicyError),
}

/// Answers whether policy allows something. Clones share the same rules.
#[derive(Clone, Debug)]
pub struct Enforcer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: PolicySettings,
    rules: RwLock<Arc<RuleSet>>,
    /// The stamps that `rules`, or the last failed attempt, came from.
    stamps: Mutex<Vec<Stamp>>,
    started: Instant,
    /// When to look at the files next, in milliseconds after `started`.
    look_at: AtomicU64,
}

impl Enforcer {
    /// Loads the policy; the lines returned tell the operator what in it looks wrong.
    ///
    /// # Errors
    /// If a file is unreadable or not a mapping, or rules refer to each other in a ring.
    pub fn new(settings: PolicySettings) -> Result<(Self, Vec<String>), PolicyError> {
        // Stamped before they are read: a change in between is then seen at the next look.
        let stamps = file::stamps(&settings.files, &settings.dirs);
        let (rules, warnings) = load(&settings)?;
        let shared = Shared {
            settings,
            rules: RwLock::new(Arc::new(rules)),
            stamps: Mutex::new(stamps),
            started: Instant::now(),
            look_at: AtomicU64::new(LOOK_EVERY),
        };
        Ok((Self { shared: Arc::new(shared) }, warnings))
    }

    /// Asks whether the caller may do `rule` to `target`: the object itself, as its API fields plus
    /// `trustee_user_id` and `trustee_domain_id`; for a create or list, `project_id` and `user_id`
    /// of the caller.
    ///
    /// # Errors
    /// [`Denied`] if not.
    pub fn enforce(
        &self,
        rule: Rule,
        credentials: &Credentials,
        target: &Map<String, Value>,
    ) -> Result<(), Denied> {
        self.look();
        let scopes = default_of(rule).scope_types;
        let scope = scope_of(credentials);
        if self.shared.settings.enforce_scope && !scopes.is_empty() && !scopes.contains(&scope) {
            return Err(Denied { rule, cause: Cause::Scope(scope) });
        }
        let rules = self.rules();
        let allowed = rules
            .check_of(rule)
            .is_some_and(|check| Evaluation::new(&*rules, credentials, target).allows(check));
        if allowed { Ok(()) } else { Err(Denied { rule, cause: Cause::Expression }) }
    }

    /// Whether the caller is an administrator, by `context_is_admin` or by what is already known.
    pub fn is_admin(&self, credentials: &Credentials) -> bool {
        if let Some(known) = credentials.is_admin {
            return known;
        }
        self.look();
        Evaluation::new(&*self.rules(), credentials, &Map::new()).admin()
    }

    /// Looks at the files now and takes over what changed, without waiting for the next check.
    pub fn reload_if_changed(&self) -> Reload {
        let seen = self.shared.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        self.reload(seen)
    }

    /// Looks at the files if a second has passed and nobody else is doing so.
    fn look(&self) {
        let now = u64::try_from(self.shared.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.shared.look_at.load(Ordering::Relaxed);
        if now < due {
            return;
        }
        let next = now.saturating_add(LOOK_EVERY);
        if self.shared.look_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        match self.shared.stamps.try_lock() {
            Ok(seen) => drop(self.reload(seen)),
            Err(TryLockError::Poisoned(poisoned)) => drop(self.reload(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn reload(&self, mut seen: std::sync::MutexGuard<'_, Vec<Stamp>>) -> Reload {
        let settings = &self.shared.settings;
        let stamps = file::stamps(&settings.files, &settings.dirs);
        if *seen == stamps {
            return Reload::Unchanged;
        }
        *seen = stamps;
        match load(settings) {
            Ok((rules, warnings)) => {
                *self.shared.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
                tracing::info!("policy files changed, new rules are in force");
                for warning in &warnings {
                    tracing::warn!("{warning}");
                }
                Reload::Loaded(warnings)
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "policy files changed but cannot be used, the old rules stay in force"
                );
                Reload::Kept(error)
            }
        }
    }

    fn rules(&self) -> Arc<RuleSet> {
        Arc::clone(&self.shared.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn load(settings: &PolicySettings) -> Result<(RuleSet, Vec<String>), PolicyError> {
    let files = file::read(&settings.files, &settings.dirs)?;
    RuleSet::build(&files, &settings.default_rule, settings.enforce_new_defaults)
}

fn scope_of(credentials: &Credentials) -> Scope {
    if credentials.system_scope.is_some() {
        Scope::System
    } else if credentials.domain_id.is_some() {
        Scope::Domain
    } else {
        Scope::Project
    }
}
