//! A stack as it is kept: what was asked for, its members, and how far each is. Nothing but this is remembered; what the
//! machine has is asked of the machine.

use super::document::{Document, NetworkOf, Parameters};
use jiff::Timestamp;
use magnum_types::Entropy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uuid::Uuid;

/// The form of the file; another one is not read.
pub(crate) const FORMAT: u32 = 1;
/// Events kept of a stack.
const MAX_EVENTS: usize = 100;
/// The longest host name that the system takes.
const MAX_NAME: usize = 63;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Action {
    Create,
    Update,
    Rollback,
    Delete,
}

impl Action {
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Rollback => "ROLLBACK",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Status {
    InProgress,
    Complete,
    Failed,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Complete => "COMPLETE",
            Self::Failed => "FAILED",
        }
    }
}

// No Debug: parameters and tokens are secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stack {
    pub format: u32,
    pub id: Uuid,
    pub name: String,
    pub project: String,
    /// The id of the user who made it.
    pub user: String,
    pub tags: Vec<String>,
    pub document: Document,
    pub parameters: Parameters,
    /// What was asked for before the update that is going on.
    pub before: Option<Before>,
    pub action: Action,
    pub status: Status,
    pub reason: String,
    /// An update that fails is taken back.
    pub rollback: bool,
    pub timeout_mins: u32,
    pub created: Timestamp,
    pub updated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    /// When what is going on counts as failed.
    pub deadline: Timestamp,
    pub network: Network,
    /// Group → indexes that were removed by name and never come back.
    pub skipped: BTreeMap<String, BTreeSet<u32>>,
    pub members: Vec<Member>,
    pub events: VecDeque<Event>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub document: Document,
    pub parameters: Parameters,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Network {
    /// The stack whose network it is; this one, unless it was built on another.
    pub of: Uuid,
    pub phase: NetworkPhase,
    pub trouble: Option<Trouble>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum NetworkPhase {
    Wanted,
    Made,
    Failed(String),
    Gone,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// The id of its own stack within the group's.
    pub id: Uuid,
    pub group: String,
    pub index: u32,
    /// Host name and name of the server.
    pub name: String,
    pub server: Uuid,
    pub image: String,
    /// Glance's id, once the server was made.
    pub image_id: Option<Uuid>,
    pub flavor: String,
    pub token: Token,
    pub phase: Phase,
    /// It is to go.
    pub leaving: bool,
    pub trouble: Option<Trouble>,
    pub created: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Its server is to be made, and perhaps was, without this process' knowing.
    Wanted,
    /// Its server was made, and has not signalled.
    Made,
    Ready,
    /// It failed; its server was made if `made`.
    Failed {
        reason: String,
        made: bool,
    },
}

/// What proves that a signal is the member's own.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Token {
    /// Until the server is made, which may have to be tried again with the same token.
    Clear(String),
    /// The SHA-256 afterwards.
    Hashed(String),
}

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Token {
    fn drawn(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self::Clear(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn hashed(&self) -> Self {
        match self {
            Self::Clear(token) => Self::Hashed(hash(token)),
            hashed => hashed.clone(),
        }
    }

    /// Whether this is it. Hashes are compared, so the time that it takes tells nothing about the token.
    pub fn is(&self, presented: &str) -> bool {
        match self {
            Self::Clear(token) => hash(token) == hash(presented),
            Self::Hashed(known) => *known == hash(presented),
        }
    }

    /// The token itself, while it is needed.
    pub fn clear(&self) -> &str {
        match self {
            Self::Clear(token) => token,
            Self::Hashed(_) => "",
        }
    }
}

/// Why something is being tried again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub id: Uuid,
    pub time: Timestamp,
    pub resource: String,
    pub status: String,
    pub reason: String,
    pub physical: Uuid,
}

/// Neutron's id of a stack's own network. It is not the stack's: in a tree of resources a thing with the id of a stack is
/// taken for the resource that this stack is.
pub(crate) fn network_id(stack: Uuid) -> Uuid {
    Uuid::new_v5(&stack, b"network")
}

/// What a change needs from outside.
pub(crate) struct Cx<'a> {
    pub now: Timestamp,
    pub entropy: &'a dyn Entropy,
}

impl Member {
    pub fn is_made(&self) -> bool {
        matches!(self.phase, Phase::Made | Phase::Ready | Phase::Failed { made: true, .. })
    }

    /// A reason with the name of the node, which says it itself as a rule.
    pub fn named(&self, reason: &str) -> String {
        match reason.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with(':')) {
            true => reason.to_owned(),
            false => format!("{}: {reason}", self.name),
        }
    }

    pub fn is_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed { .. })
    }
}

impl Stack {
    pub fn status_line(&self) -> String {
        format!("{}_{}", self.action.word(), self.status.word())
    }

    pub fn is_live(&self) -> bool {
        self.deleted.is_none()
    }

    pub fn is_working(&self) -> bool {
        self.status == Status::InProgress
    }

    /// The stack has a network of its own, that is there or may be.
    pub fn holds_network(&self) -> bool {
        self.is_live() && self.network.of == self.id && self.network.phase != NetworkPhase::Gone
    }

    pub fn owns_network(&self) -> bool {
        self.document.network == NetworkOf::Own
    }

    /// Those that stay.
    pub fn staying(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.leaving)
    }

    /// The stack that a group is within this one.
    pub fn group_id(&self, resource: &str) -> Uuid {
        Uuid::new_v5(&self.id, resource.as_bytes())
    }

    /// A member that is still to be made.
    pub fn member_drawn(&self, group: &super::document::Group, index: u32, cx: &Cx<'_>) -> Member {
        let parameter =
            |name: &str| self.parameters.get(name).map(super::document::as_text).unwrap_or_default();
        Member {
            id: cx.entropy.uuid(),
            group: group.resource.clone(),
            index,
            name: host_name(&self.name, self.id, &format!("{}-{index}", group.word)),
            server: cx.entropy.uuid(),
            image: parameter(&group.image),
            image_id: None,
            flavor: parameter(&group.flavor),
            token: Token::drawn(cx.entropy),
            phase: Phase::Wanted,
            leaving: false,
            trouble: None,
            created: cx.now,
        }
    }

    /// Notes what happened to a resource; the empty name is the stack itself.
    pub fn note(&mut self, cx: &Cx<'_>, resource: &str, physical: Uuid, status: &str, reason: &str) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event {
            id: cx.entropy.uuid(),
            time: cx.now,
            resource: resource.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            physical,
        });
    }
}

/// A name that the system takes as a host's, unique in its network: a stack's name that is too long is cut, and the stack's
/// id tells it from others that are cut alike.
fn host_name(stack: &str, id: Uuid, rest: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let whole: String = stack.chars().map(plain).collect();
    if whole.len() + 1 + rest.len() <= MAX_NAME {
        return format!("{whole}-{rest}");
    }
    let id = id.simple().to_string();
    let mark = id.get(..8).unwrap_or(&id);
    let room = MAX_NAME.saturating_sub(mark.len() + rest.len() + 2);
    let cut: String = whole.chars().take(room).collect();
    format!("{cut}-{mark}-{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::SeededEntropy;

    #[test]
    fn a_token_is_known_by_its_hash_and_not_kept_in_clear() {
        let token = Token::drawn(&SeededEntropy::new(1));
        let clear = token.clear().to_owned();
        let hashed = token.hashed();
        assert_eq!((clear.len(), hashed.clear()), (64, ""));
        assert!(token.is(&clear) && hashed.is(&clear) && !hashed.is(&hash(&clear)) && !hashed.is(""));
        let Token::Hashed(kept) = &hashed else { panic!("it is kept in clear") };
        assert!(!kept.contains(&clear) && hashed.hashed().is(&clear));
    }

    #[test]
    fn a_long_name_is_cut_and_stays_unique() {
        let id = Uuid::from_u128;
        assert_eq!(host_name("C1_x", id(1), "node-0"), "c1-x-node-0");
        let (one, other) =
            (host_name(&"a".repeat(80), id(1), "node-0"), host_name(&"a".repeat(80), id(2 << 96), "node-0"));
        assert!(one.len() == MAX_NAME && one.ends_with("-node-0"), "{one}");
        assert_ne!(one, other);
    }
}
