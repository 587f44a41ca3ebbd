//! Domains, projects, users and the roles that users hold.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of the domain that is always there, as Keystone's.
pub(crate) const DEFAULT_DOMAIN: &str = "default";
/// Roles that exist even if nobody holds them.
const ROLES: [&str; 5] = ["admin", "manager", "member", "reader", "service"];
/// What is derived from names hangs below this.
const NAMESPACE: Uuid = Uuid::from_u128(0x7d3c_58a1_0f0e_4c8b_9a66_51c2_0be4_a7d9);

/// An id that is the same for the same words at every start.
pub(crate) fn derived_id(kind: &str, words: &[&str]) -> String {
    let text = [&[kind], words].concat().join("\n");
    Uuid::new_v5(&NAMESPACE, text.as_bytes()).simple().to_string()
}

/// A role's id.
pub(crate) fn role_id(name: &str) -> String {
    derived_id("role", &[name])
}

/// The roles that come with those held, Keystone's own implications: `admin` is a `manager`, who is a `member`, who
/// is a `reader`.
pub(crate) fn with_implied(held: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut roles: Vec<String> = Vec::new();
    for role in held {
        let chain = ["admin", "manager", "member", "reader"];
        let from = chain.iter().position(|link| *link == role);
        let implied = from.map(|from| chain.iter().skip(from + 1)).into_iter().flatten();
        for role in std::iter::once(role.as_str()).chain(implied.copied()) {
            if !roles.iter().any(|known| known == role) {
                roles.push(role.to_owned());
            }
        }
    }
    roles
}

/// Where a role is held, and what a token is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// A project, by id.
    Project(String),
    /// A domain, by id.
    Domain(String),
    /// The whole cloud.
    System,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    pub id: String,
    pub name: String,
    pub description: String,
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    pub id: String,
    pub name: String,
    pub domain_id: String,
    pub description: String,
    pub enabled: bool,
}

/// A role that a user holds by direct assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub place: Place,
    pub role: String,
}

/// A user; of `users.yaml` or made while running, who then holds no role.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub id: String,
    pub name: String,
    pub domain_id: String,
    #[serde(default)]
    pub password: Option<String>,
    pub enabled: bool,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub default_project_id: Option<String>,
    #[serde(skip)]
    pub grants: Vec<Grant>,
}

/// What `users.yaml` says.
#[derive(Clone, Default)]
pub(crate) struct People {
    pub domains: Vec<Domain>,
    pub projects: IndexMap<String, Project>,
    pub users: IndexMap<String, User>,
}

impl People {
    pub fn domain(&self, id: &str) -> Option<&Domain> {
        self.domains.iter().find(|domain| domain.id == id)
    }

    /// The domain of that name; Keystone compares names without regard to case.
    pub fn domain_named(&self, name: &str) -> Option<&Domain> {
        self.domains.iter().find(|domain| domain.name.eq_ignore_ascii_case(name))
    }

    pub fn project_named(&self, domain_id: &str, name: &str) -> Option<&Project> {
        self.projects.values().find(|project| project.domain_id == domain_id && project.name == name)
    }

    /// The project, if it and its domain are enabled.
    pub fn open_project(&self, id: &str) -> Option<&Project> {
        let project = self.projects.get(id).filter(|project| project.enabled)?;
        self.open_domain(&project.domain_id).map(|_| project)
    }

    /// The domain, if it is enabled.
    pub fn open_domain(&self, id: &str) -> Option<&Domain> {
        self.domain(id).filter(|domain| domain.enabled)
    }

    /// Whether a token may be good for the place.
    pub fn is_open(&self, place: &Place) -> bool {
        match place {
            Place::Project(id) => self.open_project(id).is_some(),
            Place::Domain(id) => self.open_domain(id).is_some(),
            Place::System => true,
        }
    }

    /// The domain that a place lies in.
    pub fn domain_of<'a>(&'a self, place: &'a Place) -> Option<&'a str> {
        match place {
            Place::Project(id) => self.projects.get(id).map(|project| project.domain_id.as_str()),
            Place::Domain(id) => Some(id),
            Place::System => None,
        }
    }

    /// The names of all roles.
    pub fn roles(&self) -> Vec<String> {
        let mut roles: Vec<String> = ROLES.map(str::to_owned).to_vec();
        for grant in self.users.values().flat_map(|user| &user.grants) {
            if !roles.contains(&grant.role) {
                roles.push(grant.role.clone());
            }
        }
        roles
    }
}

impl User {
    /// The roles assigned to the user at a place.
    pub fn assigned(&self, place: &Place) -> Vec<String> {
        let here = self.grants.iter().filter(|grant| grant.place == *place);
        here.map(|grant| grant.role.clone()).collect()
    }

    /// The roles that the user has at a place, with those that they imply.
    pub fn roles(&self, place: &Place) -> Vec<String> {
        with_implied(self.assigned(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_brings_those_it_implies_once() {
        let roles = |held: &[&str]| with_implied(held.iter().map(|role| (*role).to_owned())).join(" ");
        assert_eq!(roles(&["admin"]), "admin manager member reader");
        assert_eq!(roles(&["service", "reader", "member"]), "service reader member");
        assert_eq!(roles(&[]), "");
    }

    #[test]
    fn derived_ids_differ_by_kind_and_do_not_run_together() {
        assert_eq!(role_id("admin"), role_id("admin"));
        assert_ne!(role_id("admin"), derived_id("user", &["admin"]));
        assert_ne!(derived_id("user", &["a", "b"]), derived_id("user", &["ab"]));
        assert_eq!(role_id("admin").len(), 32);
    }
}
