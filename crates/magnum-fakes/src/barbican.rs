//! Barbican: secrets, certificate containers and who uses them. A project's secrets are nobody else's, admins included.

use crate::{
    exchange::{Ask, Reply, Spoken},
    keystone::Caller,
    state::{State, stamp},
};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub name: String,
    pub project: String,
    pub payload: String,
    pub created: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub name: String,
    pub project: String,
    pub kind: String,
    pub secret_refs: Vec<Value>,
    pub consumers: Vec<Value>,
    pub created: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Vault {
    pub secrets: IndexMap<String, Secret>,
    pub containers: IndexMap<String, Container>,
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::refusal(Spoken::Barbican, status, message)
}

fn missing(noun: &str) -> Reply {
    refused(404, &format!("Not Found. Sorry but your {noun} is in another castle."))
}

/// One page of a listing.
fn page<'a, T>(ask: &Ask, items: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    let number = |key: &str, default: usize| ask.param(key).and_then(|v| v.parse().ok()).unwrap_or(default);
    items.skip(number("offset", 0)).take(number("limit", 10)).collect()
}

impl State {
    fn reference(&self, kind: &str, id: &str) -> String {
        format!("{}/key-manager/v1/{kind}/{id}", self.base_url)
    }

    pub fn barbican(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        let changes = ask.verb() != "GET";
        if changes && !["member", "creator", "admin"].iter().any(|role| caller.has_role(role)) {
            return refused(
                403,
                "Secret creation attempt not allowed - please review your user/project privileges",
            );
        }
        match rest {
            ["secrets", rest @ ..] => self.secrets(ask, rest, caller),
            ["containers", rest @ ..] => self.containers(ask, rest, caller),
            _ => missing("resource"),
        }
    }

    fn secrets(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        let text = |key: &str| ask.body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (ask.verb(), rest) {
            ("POST", []) => {
                let id = self.uuid();
                let secret = Secret {
                    name: text("name"),
                    project: caller.project().to_owned(),
                    payload: text("payload"),
                    created: self.now(),
                };
                self.vault.secrets.insert(id.clone(), secret);
                Reply::json(201, &json!({ "secret_ref": self.reference("secrets", &id) }))
            }
            ("GET", []) => {
                let own: Vec<(&String, &Secret)> = self
                    .vault
                    .secrets
                    .iter()
                    .filter(|(_, s)| s.project == caller.project() && ask.admits("name", &s.name))
                    .collect();
                let shown: Vec<Value> =
                    page(ask, own.iter()).iter().map(|(id, secret)| self.secret_json(id, secret)).collect();
                Reply::ok(&json!({ "secrets": shown, "total": own.len() }))
            }
            (verb, [id, rest @ ..]) => {
                let Some(secret) = self.vault.secrets.get(*id) else { return missing("secret") };
                if secret.project != caller.project() {
                    return refused(
                        403,
                        "Secret retrieval attempt not allowed - please review your user/project privileges",
                    );
                }
                match (verb, rest) {
                    ("GET", []) => Reply::ok(&self.secret_json(id, secret)),
                    ("GET", ["payload"]) => Reply::text(200, &secret.payload),
                    ("DELETE", []) => {
                        self.vault.secrets.shift_remove(*id);
                        Reply::empty(204)
                    }
                    _ => refused(405, "Method not allowed"),
                }
            }
            _ => refused(405, "Method not allowed"),
        }
    }

    fn secret_json(&self, id: &str, secret: &Secret) -> Value {
        json!({
            "name": secret.name, "secret_ref": self.reference("secrets", id), "status": "ACTIVE",
            "secret_type": "opaque", "created": stamp(secret.created), "content_types": { "default": "text/plain" },
        })
    }

    fn containers(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        match (ask.verb(), rest) {
            ("POST", []) => self.container_create(ask, caller),
            ("GET", []) => {
                let own: Vec<(&String, &Container)> =
                    self.vault.containers.iter().filter(|(_, c)| c.project == caller.project()).collect();
                let shown: Vec<Value> =
                    page(ask, own.iter()).iter().map(|(id, held)| self.container_json(id, held)).collect();
                Reply::ok(&json!({ "containers": shown, "total": own.len() }))
            }
            (verb, [id, rest @ ..]) => {
                let Some(container) = self.vault.containers.get_mut(*id) else { return missing("container") };
                if container.project != caller.project() {
                    return refused(
                        403,
                        "Container retrieval attempt not allowed - please review your user/project privileges",
                    );
                }
                match (verb, rest) {
                    ("GET", []) => {}
                    ("DELETE", []) => {
                        self.vault.containers.shift_remove(*id);
                        return Reply::empty(204);
                    }
                    ("POST", ["consumers"]) if !container.consumers.contains(&ask.body) => {
                        container.consumers.push(ask.body.clone());
                    }
                    ("POST", ["consumers"]) => {}
                    ("DELETE", ["consumers"]) => container.consumers.retain(|held| *held != ask.body),
                    _ => return refused(405, "Method not allowed"),
                }
                match self.vault.containers.get(*id) {
                    Some(container) => Reply::ok(&self.container_json(id, container)),
                    None => missing("container"),
                }
            }
            _ => refused(405, "Method not allowed"),
        }
    }

    fn container_create(&mut self, ask: &Ask, caller: &Caller) -> Reply {
        let text = |key: &str| ask.body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let secret_refs = ask.body.get("secret_refs").and_then(Value::as_array).cloned().unwrap_or_default();
        for secret in &secret_refs {
            let reference = secret.get("secret_ref").and_then(Value::as_str).unwrap_or_default();
            let id = reference.rsplit('/').next().unwrap_or_default();
            if !self.vault.secrets.contains_key(id) {
                return refused(404, &format!("Secret provided doesn't exist: {reference}"));
            }
        }
        let id = self.uuid();
        let container = Container {
            name: text("name"),
            project: caller.project().to_owned(),
            kind: text("type"),
            secret_refs,
            consumers: Vec::new(),
            created: self.now(),
        };
        self.vault.containers.insert(id.clone(), container);
        Reply::json(201, &json!({ "container_ref": self.reference("containers", &id) }))
    }

    fn container_json(&self, id: &str, container: &Container) -> Value {
        json!({
            "name": container.name, "type": container.kind, "secret_refs": container.secret_refs,
            "container_ref": self.reference("containers", id), "consumers": container.consumers,
            "status": "ACTIVE", "created": stamp(container.created),
        })
    }
}
