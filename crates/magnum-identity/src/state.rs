//! Everything known at one moment, and the one way to change it.
//!
//! Readers take a snapshot. A change is made on a copy, written to the file, and only then becomes what readers see: an
//! answer is never given for something that a crash would take back. Changes run to their end on a thread of
//! their own, also when their caller goes away.

use crate::{
    error::IdentityError,
    files,
    made::{ApplicationCredential, Made, Trust},
    people::{People, Place, User, role_id, with_implied},
};
use jiff::Timestamp;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// A moment's whole knowledge.
#[derive(Clone)]
pub(crate) struct State {
    pub people: Arc<People>,
    pub made: Arc<Made>,
}

impl State {
    pub fn user(&self, id: &str) -> Option<&User> {
        self.people.users.get(id).or_else(|| self.made.users.get(id))
    }

    pub fn user_named(&self, domain_id: &str, name: &str) -> Option<&User> {
        self.users().find(|user| user.domain_id == domain_id && user.name == name)
    }

    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.people.users.values().chain(self.made.users.values())
    }

    /// Whether the user and its domain are enabled.
    pub fn is_enabled(&self, user: &User) -> bool {
        user.enabled && self.people.open_domain(&user.domain_id).is_some()
    }

    /// The name of the role with that id.
    pub fn role_by_id(&self, id: &str) -> Option<String> {
        self.people.roles().into_iter().find(|name| role_id(name) == id)
    }

    /// The name of the role with that id or name.
    pub fn role(&self, words: &str) -> Option<String> {
        self.role_by_id(words).or_else(|| self.people.roles().into_iter().find(|name| name == words))
    }

    /// The trust, if it still holds: neither it nor one that it was handed on from has ended or lost its people.
    pub fn live_trust(&self, id: &str, now: Timestamp) -> Option<&Trust> {
        let found = self.made.trusts.get(id)?;
        let mut link = found;
        // A chain is as long as the redelegations that its first trust allowed, so it ends.
        loop {
            let people = [&link.trustor_user_id, &link.trustee_user_id];
            let present = people.iter().all(|id| self.user(id).is_some_and(|user| self.is_enabled(user)));
            if !present || link.expires_at.is_some_and(|end| end <= now) {
                return None;
            }
            match &link.parent {
                None => return Some(found),
                Some(parent) => link = self.made.trusts.get(parent)?,
            }
        }
    }

    /// The roles that a trust may draw on: those of whoever began its chain, as they are now.
    pub fn roles_behind(&self, trust: &Trust) -> Vec<String> {
        let mut first = trust;
        while let Some(parent) = first.parent.as_ref().and_then(|parent| self.made.trusts.get(parent)) {
            first = parent;
        }
        let trustor = self.user(&first.trustor_user_id);
        trustor.map(|user| user.roles(&Place::Project(trust.project_id.clone()))).unwrap_or_default()
    }

    /// The roles that a session by a trust has; none when the trustor has lost one of those passed on.
    pub fn trust_roles(&self, trust: &Trust) -> Vec<String> {
        let held = self.roles_behind(trust);
        all_held(&trust.roles, &held)
    }

    /// The roles of a session by an application credential; none when its user has lost one of them.
    pub fn credential_roles(&self, credential: &ApplicationCredential) -> Vec<String> {
        let place = Place::Project(credential.project_id.clone());
        let held = self.user(&credential.user_id).map(|user| user.roles(&place)).unwrap_or_default();
        all_held(&credential.roles, &held)
    }
}

fn all_held(wanted: &[String], held: &[String]) -> Vec<String> {
    let wanted = with_implied(wanted.iter().cloned());
    if wanted.iter().all(|role| held.contains(role)) { wanted } else { Vec::new() }
}

/// See the module.
pub(crate) struct Store {
    path: PathBuf,
    now: RwLock<State>,
    /// Held by whoever changes.
    changing: Mutex<()>,
}

impl Store {
    pub fn new(path: PathBuf, people: People, made: Made) -> Self {
        let state = State { people: Arc::new(people), made: Arc::new(made) };
        Self { path, now: RwLock::new(state), changing: Mutex::new(()) }
    }

    /// What is known now.
    pub fn state(&self) -> State {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes up what `users.yaml` says now.
    pub fn people_replace(&self, people: People) {
        self.now.write().unwrap_or_else(PoisonError::into_inner).people = Arc::new(people);
    }

    /// Makes a change and keeps it, unless `change` refuses. Blocks while the file is written.
    pub fn change<T, E: From<IdentityError>>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&State, &mut Made) -> Result<T, E>,
    ) -> Result<T, E> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let mut made = Made::clone(&state.made);
        let outcome = change(&state, &mut made)?;
        made.forget_ended(now);
        let text =
            serde_json::to_string_pretty(&made).map_err(IdentityError::crypto("write down what was made"))?;
        files::write_private(&self.path, &text)?;
        self.now.write().unwrap_or_else(PoisonError::into_inner).made = Arc::new(made);
        Ok(outcome)
    }
}
