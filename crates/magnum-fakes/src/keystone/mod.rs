//! Keystone: users, projects, roles, tokens, trusts and application credentials, with the rules that decide who may.

mod delegations;
mod people;
mod tokens;

use crate::{
    exchange::{Ask, Reply, Spoken},
    state::State,
};
use indexmap::IndexMap;
use jiff::Timestamp;

#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub id: String,
    pub name: String,
    pub domain: String,
    pub password: String,
    pub enabled: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub id: String,
    pub name: String,
    pub domain: String,
}

/// Where a role is held, or what a token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Nowhere,
    Project(String),
    Domain(String),
    System,
}

#[derive(Debug, Clone)]
pub(crate) struct Trust {
    pub id: String,
    pub trustor: String,
    pub trustee: String,
    pub project: String,
    pub roles: Vec<String>,
    pub impersonation: bool,
    pub redelegations: u64,
    pub from: Option<String>,
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub id: String,
    pub name: String,
    pub user: String,
    pub project: String,
    pub secret: String,
    pub roles: Vec<String>,
    pub unrestricted: bool,
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The acting user.
    pub user: String,
    pub place: Place,
    pub roles: Vec<String>,
    pub methods: Vec<&'static str>,
    pub issued: Timestamp,
    pub expires: Timestamp,
    pub trust: Option<String>,
    pub credential: Option<String>,
    pub audit: String,
}

/// Who makes a call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub user: String,
    pub project: Option<String>,
    pub place: Place,
    pub roles: Vec<String>,
    pub trust: Option<String>,
    pub credential: Option<String>,
}

impl Caller {
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// An admin of the cloud; an admin of a domain is none.
    pub fn is_admin(&self) -> bool {
        self.has_role("admin") && !matches!(self.place, Place::Domain(_) | Place::Nowhere)
    }

    /// Who may change the users of a domain.
    fn administers(&self, domain: &str) -> bool {
        self.is_admin() || (self.has_role("admin") && self.place == Place::Domain(domain.to_owned()))
    }

    /// The project, or nothing that any object belongs to.
    pub fn project(&self) -> &str {
        self.project.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Identity {
    pub domains: Vec<Domain>,
    pub projects: Vec<Project>,
    pub users: IndexMap<String, User>,
    /// User, place, role's name.
    pub grants: Vec<(String, Place, String)>,
    pub trusts: IndexMap<String, Trust>,
    pub credentials: IndexMap<String, Credential>,
    pub tokens: IndexMap<String, Token>,
    pub token_seconds: u32,
    pub refuses_trusts: bool,
}

impl Identity {
    pub fn roles_of(&self, user: &str, place: &Place) -> Vec<String> {
        let held = self.grants.iter().filter(|(who, at, _)| who == user && at == place);
        held.map(|(_, _, role)| role.clone()).collect()
    }

    pub fn domain(&self, id: &str) -> Option<&Domain> {
        self.domains.iter().find(|domain| domain.id == id)
    }

    pub fn project(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }

    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.users.values().find(|user| user.name == name)
    }

    /// Takes away a user with everything that rests on it, as Keystone does.
    pub fn forget_user(&mut self, id: &str) -> bool {
        let known = self.users.shift_remove(id).is_some();
        self.grants.retain(|(user, _, _)| user != id);
        self.credentials.retain(|_, credential| credential.user != id);
        self.trusts.retain(|_, trust| trust.trustor != id && trust.trustee != id);
        self.forget_dead_tokens();
        known
    }

    /// Takes away a trust and what was handed on of it.
    pub fn forget_trust(&mut self, id: &str) -> bool {
        let known = self.trusts.shift_remove(id).is_some();
        let handed_on: Vec<String> =
            self.trusts.values().filter(|t| t.from.as_deref() == Some(id)).map(|t| t.id.clone()).collect();
        for next in handed_on {
            self.forget_trust(&next);
        }
        self.forget_dead_tokens();
        known
    }

    /// Drops the tokens whose user, trust or application credential is gone.
    pub fn forget_dead_tokens(&mut self) {
        let (users, trusts, credentials) = (&self.users, &self.trusts, &self.credentials);
        self.tokens.retain(|_, token| {
            users.contains_key(&token.user)
                && token.trust.as_ref().is_none_or(|id| trusts.contains_key(id))
                && token.credential.as_ref().is_none_or(|id| credentials.contains_key(id))
        });
    }
}

pub(super) fn refused(status: u16, message: &str) -> Reply {
    Reply::refusal(Spoken::Keystone, status, message)
}

pub(super) fn not_found(noun: &str, id: &str) -> Reply {
    refused(404, &format!("Could not find {noun}: {id}."))
}

pub(super) fn forbidden(action: &str) -> Reply {
    refused(403, &format!("You are not authorized to perform the requested action: {action}."))
}

impl State {
    /// Who the token of a call belongs to; `None` when it is unknown or has expired.
    pub fn caller(&self, ask: &Ask) -> Option<Caller> {
        let token = self.token(ask.header("x-auth-token")?)?;
        let project = match &token.place {
            Place::Project(id) => Some(id.clone()),
            _ => None,
        };
        Some(Caller {
            user: token.user.clone(),
            project,
            place: token.place.clone(),
            roles: token.roles.clone(),
            trust: token.trust.clone(),
            credential: token.credential.clone(),
        })
    }

    fn token(&self, id: &str) -> Option<&Token> {
        let now = self.now();
        let token = self.identity.tokens.get(id).filter(|token| now < token.expires)?;
        let trust = token.trust.as_ref().and_then(|id| self.identity.trusts.get(id));
        let ended = trust.and_then(|trust| trust.expires).is_some_and(|end| end <= now);
        (!ended).then_some(token)
    }

    pub fn keystone(&mut self, ask: &Ask, rest: &[&str]) -> Reply {
        if let ("POST", ["auth", "tokens"]) = (ask.verb(), rest) {
            return self.authenticate(ask);
        }
        let Some(caller) = self.caller(ask) else {
            return refused(401, "The request you have made requires authentication.");
        };
        match (ask.verb(), rest) {
            (_, ["auth", "tokens"]) => self.subject_token(ask, &caller),
            (_, ["users" | "domains" | "projects" | "regions" | "services", ..])
                if !rest.contains(&"application_credentials") =>
            {
                self.people(ask, rest, &caller)
            }
            (_, ["users", user, "application_credentials", rest @ ..]) => {
                self.application_credentials(ask, user, rest, &caller)
            }
            (_, ["OS-TRUST", "trusts", rest @ ..]) => self.trusts(ask, rest, &caller),
            _ => refused(404, "The resource could not be found."),
        }
    }
}
