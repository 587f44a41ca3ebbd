//! What is made while running: trustee users, trusts, application credentials, revoked tokens. Kept in `identity.json`.

use crate::people::User;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file's name in the directory.
pub(crate) const NAME: &str = "identity.json";
/// The form of the file.
const VERSION: u32 = 1;
/// Most objects of each sort; a request for one more is refused.
pub(crate) const MAX_OBJECTS: usize = 10_000;
/// Most revoked tokens remembered at once.
pub(crate) const MAX_REVOKED: usize = 50_000;
/// Trusts and credentials that ended are kept so long, to be found by who looks for the reason.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// A trust: the trustee may act with the trustor's roles in the trustor's project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trust {
    pub id: String,
    pub trustor_user_id: String,
    pub trustee_user_id: String,
    pub project_id: String,
    pub roles: Vec<String>,
    pub impersonation: bool,
    /// How often it may still be handed on.
    pub redelegations: u64,
    /// The trust that it was handed on from.
    #[serde(default)]
    pub parent: Option<String>,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// An application credential: its user without its password, in one project.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ApplicationCredential {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    pub user_id: String,
    pub project_id: String,
    pub roles: Vec<String>,
    pub secret_hash: String,
    pub unrestricted: bool,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// The whole file.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Made {
    version: u32,
    #[serde(default)]
    pub users: IndexMap<String, User>,
    #[serde(default)]
    pub trusts: IndexMap<String, Trust>,
    #[serde(default)]
    pub application_credentials: IndexMap<String, ApplicationCredential>,
    /// Audit ids of revoked tokens, with the moment when each would have ended anyway.
    #[serde(default)]
    pub revoked: BTreeMap<String, Timestamp>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            version: VERSION,
            users: IndexMap::new(),
            trusts: IndexMap::new(),
            application_credentials: IndexMap::new(),
            revoked: BTreeMap::new(),
        }
    }
}

impl Made {
    /// Reads the file's text; the error says what is wrong with it, without any of its values.
    pub fn parse(text: &str) -> Result<Self, String> {
        let made: Self = serde_json::from_str(text)
            .map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
        if made.version != VERSION {
            return Err(format!("its version is {} and not {VERSION}", made.version));
        }
        Ok(made)
    }

    /// Takes away a user with everything that rests on it, as Keystone does.
    pub fn user_delete(&mut self, id: &str) {
        self.users.shift_remove(id);
        self.application_credentials.retain(|_, credential| credential.user_id != id);
        let trusts = self.trusts.values();
        let rest = trusts.filter(|trust| trust.trustor_user_id == id || trust.trustee_user_id == id);
        for trust in rest.map(|trust| trust.id.clone()).collect::<Vec<_>>() {
            self.trust_delete(&trust);
        }
    }

    /// Takes away a trust with those that were handed on from it.
    pub fn trust_delete(&mut self, id: &str) {
        let mut gone = vec![id.to_owned()];
        while let Some(id) = gone.pop() {
            self.trusts.shift_remove(&id);
            let children = self.trusts.values().filter(|trust| trust.parent.as_deref() == Some(id.as_str()));
            gone.extend(children.map(|trust| trust.id.clone()));
        }
    }

    /// Drops what has ended by itself.
    pub fn forget_ended(&mut self, now: Timestamp) {
        self.revoked.retain(|_, end| now < *end);
        let long_ago = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        let kept = |end: Option<Timestamp>| end.is_none_or(|end| long_ago < end);
        self.application_credentials.retain(|_, credential| kept(credential.expires_at));
        let ended = self.trusts.values().filter(|trust| !kept(trust.expires_at));
        for trust in ended.map(|trust| trust.id.clone()).collect::<Vec<_>>() {
            self.trust_delete(&trust);
        }
    }
}
