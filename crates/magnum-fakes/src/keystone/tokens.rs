//! Authentication, and what a token says about itself.

use super::{Caller, Credential, Place, Token, User, forbidden, not_found, refused};
use crate::{
    exchange::{Ask, Reply},
    seed,
    state::{State, stamp},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Who somebody proved to be, before a scope is settled.
struct Proof {
    user: String,
    methods: Vec<&'static str>,
    credential: Option<Credential>,
    /// A token given in exchange: its end and audit id bind the new one.
    token: Option<Token>,
}

impl State {
    pub(super) fn authenticate(&mut self, ask: &Ask) -> Reply {
        let token = match self.prove(ask).and_then(|proof| self.scope(ask, proof)) {
            Ok(token) => token,
            Err(refusal) => return refusal,
        };
        let id = format!("gAAAAA{}{}", self.hex(), self.hex());
        let body = self.token_body(&token);
        self.identity.tokens.insert(id.clone(), token);
        Reply::json(201, &body).with_header("x-subject-token", id)
    }

    fn prove(&self, ask: &Ask) -> Result<Proof, Reply> {
        let denied = || refused(401, "The request you have made requires authentication.");
        let Some(identity) = ask.body.pointer("/auth/identity") else {
            return Err(refused(400, "Invalid input for field 'identity': it is required."));
        };
        let text = |pointer: &str| identity.pointer(pointer).and_then(Value::as_str);
        match text("/methods/0") {
            Some("password") => {
                let user = self.user_of(identity.pointer("/password/user")).ok_or_else(denied)?;
                let right = text("/password/user/password").is_some_and(|given| given == user.password);
                if !right || !user.enabled {
                    return Err(denied());
                }
                Ok(Proof { user: user.id.clone(), methods: vec!["password"], credential: None, token: None })
            }
            Some("token") => {
                let old = text("/token/id").and_then(|id| self.token(id)).ok_or_else(denied)?;
                if old.trust.is_some() || old.credential.is_some() {
                    return Err(forbidden(
                        "a token by a trust or an application credential is not exchanged",
                    ));
                }
                let mut methods = old.methods.clone();
                methods.push("token");
                methods.dedup();
                Ok(Proof { user: old.user.clone(), methods, credential: None, token: Some(old.clone()) })
            }
            Some("application_credential") => {
                let id = text("/application_credential/id").unwrap_or_default();
                let found = self.identity.credentials.get(id).ok_or_else(denied)?;
                let live = found.expires.is_none_or(|end| self.now() < end);
                if !live || text("/application_credential/secret") != Some(found.secret.as_str()) {
                    return Err(denied());
                }
                Ok(Proof {
                    user: found.user.clone(),
                    methods: vec!["application_credential"],
                    credential: Some(found.clone()),
                    token: None,
                })
            }
            _ => Err(denied()),
        }
    }

    fn user_of(&self, user: Option<&Value>) -> Option<&User> {
        let user = user?;
        if let Some(id) = user.get("id").and_then(Value::as_str) {
            return self.identity.users.get(id);
        }
        let name = user.get("name").and_then(Value::as_str)?;
        let domain = self.domain_of(user.get("domain"))?;
        self.identity.users.values().find(|user| user.name == name && user.domain == domain)
    }

    fn domain_of(&self, domain: Option<&Value>) -> Option<String> {
        let domain = domain?;
        let is = |key: &str, held: &str| domain.get(key).and_then(Value::as_str) == Some(held);
        let found = self.identity.domains.iter().find(|held| is("id", &held.id) || is("name", &held.name));
        found.map(|domain| domain.id.clone())
    }

    fn project_of(&self, project: &Value) -> Option<String> {
        if let Some(id) = project.get("id").and_then(Value::as_str) {
            return self.identity.project(id).map(|project| project.id.clone());
        }
        let (name, domain) = (project.get("name")?.as_str()?, self.domain_of(project.get("domain"))?);
        let found = self.identity.projects.iter().find(|p| p.name == name && p.domain == domain);
        found.map(|project| project.id.clone())
    }

    fn scope(&self, ask: &Ask, proof: Proof) -> Result<Token, Reply> {
        let denied = || refused(401, "The request you have made requires authentication.");
        let now = self.now();
        let end = self.after(self.identity.token_seconds);
        let mut token = Token {
            user: proof.user.clone(),
            place: Place::Nowhere,
            roles: Vec::new(),
            methods: proof.methods,
            issued: now,
            expires: proof.token.as_ref().map_or(end, |old| old.expires.min(end)),
            trust: None,
            credential: None,
            audit: self.hex(),
        };
        if let Some(credential) = proof.credential {
            let place = Place::Project(credential.project.clone());
            let held = self.identity.roles_of(&credential.user, &place);
            if credential.roles.iter().any(|role| !held.contains(role)) {
                return Err(denied());
            }
            token.expires = credential.expires.map_or(token.expires, |end| end.min(token.expires));
            (token.place, token.roles, token.credential) = (place, credential.roles, Some(credential.id));
            return Ok(token);
        }
        let scope = ask.body.pointer("/auth/scope").unwrap_or(&Value::Null);
        if let Some(trust) = scope.get("OS-TRUST:trust") {
            let id = trust.get("id").and_then(Value::as_str).unwrap_or_default();
            return self.scope_by_trust(token, id, now);
        }
        token.place = match scope {
            Value::Null => return Ok(token),
            scope if scope.get("system").is_some() => Place::System,
            scope => match (scope.get("project"), scope.get("domain")) {
                (Some(project), _) => Place::Project(self.project_of(project).ok_or_else(denied)?),
                (None, Some(domain)) => Place::Domain(self.domain_of(Some(domain)).ok_or_else(denied)?),
                (None, None) => return Ok(token),
            },
        };
        token.roles = self.identity.roles_of(&token.user, &token.place);
        if token.roles.is_empty() {
            return Err(denied());
        }
        Ok(token)
    }

    fn scope_by_trust(&self, mut token: Token, id: &str, now: Timestamp) -> Result<Token, Reply> {
        let live = |end: Option<Timestamp>| end.is_none_or(|end| now < end);
        let found = self.identity.trusts.get(id).filter(|trust| live(trust.expires));
        let trust =
            found.ok_or_else(|| refused(401, "The request you have made requires authentication."))?;
        if trust.trustee != token.user {
            return Err(forbidden("user is not a trustee"));
        }
        let trustor = self.identity.users.get(&trust.trustor).filter(|user| user.enabled);
        let place = Place::Project(trust.project.clone());
        let held = trustor.map(|user| self.identity.roles_of(&user.id, &place)).unwrap_or_default();
        if trust.roles.iter().any(|role| !held.contains(role)) {
            return Err(refused(403, "Trustee has no delegated roles."));
        }
        if trust.impersonation {
            token.user.clone_from(&trust.trustor);
        }
        token.expires = trust.expires.map_or(token.expires, |end| end.min(token.expires));
        (token.place, token.roles, token.trust) = (place, trust.roles.clone(), Some(trust.id.clone()));
        Ok(token)
    }

    /// `GET` and `DELETE` of the token named in `X-Subject-Token`.
    pub(super) fn subject_token(&mut self, ask: &Ask, caller: &Caller) -> Reply {
        let subject = ask.header("x-subject-token").unwrap_or_default();
        let own = ask.header("x-auth-token") == Some(subject);
        if !own && !caller.is_admin() && !caller.has_role("service") {
            return forbidden("identity:validate_token");
        }
        let Some(token) = self.token(subject) else {
            return not_found("token", "it is unknown or has expired");
        };
        if ask.verb() == "DELETE" {
            self.identity.tokens.shift_remove(subject);
            return Reply::empty(204);
        }
        Reply::ok(&self.token_body(token)).with_header("x-subject-token", subject)
    }

    fn token_body(&self, token: &Token) -> Value {
        let domain = |id: &str| {
            let name = self.identity.domain(id).map(|domain| domain.name.clone());
            json!({ "id": id, "name": name })
        };
        let user = |id: &str| match self.identity.users.get(id) {
            Some(user) => {
                json!({ "id": id, "name": user.name, "domain": domain(&user.domain), "password_expires_at": null })
            }
            None => json!({ "id": id }),
        };
        let mut body = json!({
            "methods": token.methods, "user": user(&token.user), "audit_ids": [token.audit],
            "expires_at": format!("{}.000000Z", stamp(token.expires).trim_end_matches('Z')),
            "issued_at": format!("{}.000000Z", stamp(token.issued).trim_end_matches('Z')),
        });
        let Some(fields) = body.as_object_mut() else { return body };
        let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
        match &token.place {
            Place::Nowhere => {}
            Place::System => {
                put("system", json!({ "all": true }));
            }
            Place::Domain(id) => {
                put("domain", domain(id));
            }
            Place::Project(id) => {
                if let Some(project) = self.identity.project(id) {
                    put(
                        "project",
                        json!({ "id": id, "name": project.name, "domain": domain(&project.domain) }),
                    );
                }
                put("is_domain", json!(false));
            }
        }
        if token.place != Place::Nowhere {
            let roles: Vec<Value> =
                token.roles.iter().map(|name| json!({ "id": seed::role_id(name), "name": name })).collect();
            put("roles", roles.into());
            put("catalog", seed::catalog(&self.base_url, &token.place));
        }
        if let Some(trust) = token.trust.as_ref().and_then(|id| self.identity.trusts.get(id)) {
            put(
                "OS-TRUST:trust",
                json!({
                    "id": trust.id, "impersonation": trust.impersonation,
                    "trustor_user": { "id": trust.trustor }, "trustee_user": { "id": trust.trustee },
                }),
            );
        }
        if let Some(credential) = token.credential.as_ref().and_then(|id| self.identity.credentials.get(id)) {
            put(
                "application_credential",
                json!({ "id": credential.id, "name": credential.name, "restricted": !credential.unrestricted }),
            );
        }
        json!({ "token": body })
    }
}
