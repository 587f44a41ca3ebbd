//! Trusts and application credentials: who may act for whom.
//!
//! As Keystone does since 2026, a token that came from an application credential is refused everything about trusts,
//! and a token that came from a trust everything about application credentials.

use super::{Caller, Credential, Place, Trust, forbidden, not_found, refused};
use crate::{
    exchange::{Ask, Reply},
    seed,
    state::{State, stamp},
};
use jiff::Timestamp;
use serde_json::{Value, json};

fn names(roles: Option<&Value>) -> Vec<String> {
    let roles = roles.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |role: &Value| {
        let name = role.get("name").or_else(|| role.get("id"))?;
        Some(name.as_str()?.trim_start_matches("role-").to_owned())
    };
    roles.iter().filter_map(name).collect()
}

fn expiry(value: Option<&Value>) -> Option<Timestamp> {
    value.and_then(Value::as_str)?.parse().ok()
}

fn roles_json(roles: &[String]) -> Value {
    roles.iter().map(|name| json!({ "id": seed::role_id(name), "name": name })).collect()
}

impl State {
    pub(super) fn trusts(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        if caller.credential.is_some() {
            return forbidden("Delegated tokens cannot manage trusts.");
        }
        let involved = |trust: &Trust| caller.user == trust.trustor || caller.user == trust.trustee;
        match (ask.verb(), rest) {
            ("POST", []) => self.trust_create(ask, caller),
            ("GET", []) => {
                let own = ["trustor_user_id", "trustee_user_id"].map(|key| ask.param(key));
                if !caller.is_admin() && !own.contains(&Some(caller.user.as_str())) {
                    return forbidden("identity:list_trusts");
                }
                let shown = self.identity.trusts.values().filter(|trust| {
                    ask.admits("trustor_user_id", &trust.trustor)
                        && ask.admits("trustee_user_id", &trust.trustee)
                });
                // Listings leave the roles out.
                let trusts: Vec<Value> = shown.map(|trust| trust_json(trust, false)).collect();
                Reply::ok(&json!({ "trusts": trusts, "links": { "next": null, "previous": null } }))
            }
            ("GET", [id]) => match self.identity.trusts.get(*id) {
                None => not_found("trust", id),
                Some(trust) if !caller.is_admin() && !involved(trust) => forbidden("identity:get_trust"),
                Some(trust) => Reply::ok(&json!({ "trust": trust_json(trust, true) })),
            },
            ("DELETE", [id]) => match self.identity.trusts.get(*id) {
                None => not_found("trust", id),
                Some(trust) if !caller.is_admin() && caller.user != trust.trustor => {
                    forbidden("identity:delete_trust")
                }
                Some(_) => {
                    self.identity.forget_trust(id);
                    Reply::empty(204)
                }
            },
            _ => refused(405, "The method is not allowed for this resource."),
        }
    }

    fn trust_create(&mut self, ask: &Ask, caller: &Caller) -> Reply {
        if self.identity.refuses_trusts {
            return forbidden("identity:create_trust");
        }
        let text = |key: &str| ask.text(&format!("/trust/{key}")).unwrap_or_default().to_owned();
        let body = ask.body.get("trust").unwrap_or(&Value::Null);
        let (trustor, trustee, project) =
            (text("trustor_user_id"), text("trustee_user_id"), text("project_id"));
        if trustor != caller.user {
            return forbidden("only the trustor can create a trust");
        }
        if !self.identity.users.contains_key(&trustee) {
            return not_found("user", &trustee);
        }
        let roles = names(body.get("roles"));
        if roles.is_empty() {
            return forbidden("at least one role should be specified");
        }
        let held = self.identity.roles_of(&trustor, &Place::Project(project.clone()));
        let missing = roles.iter().find(|role| !held.contains(role) || !caller.has_role(role));
        if let Some(missing) = missing {
            return not_found("role assignment with role", missing);
        }
        let asked = match body.get("allow_redelegation").and_then(Value::as_bool) {
            Some(true) => body.get("redelegation_count").and_then(Value::as_u64).unwrap_or(3),
            _ => 0,
        };
        let request = Trust {
            id: self.hex(),
            trustor,
            trustee,
            project,
            roles,
            impersonation: body.get("impersonation").and_then(Value::as_bool).unwrap_or_default(),
            redelegations: asked,
            from: None,
            expires: expiry(body.get("expires_at")),
        };
        match self.trust_made(request, caller.trust.as_deref()) {
            Ok(trust) => Reply::json(201, &json!({ "trust": trust_json(&trust, true) })),
            Err(refusal) => refusal,
        }
    }

    /// Makes a trust, handed on from the trust that the caller came by, if any.
    pub fn trust_made(&mut self, mut trust: Trust, from: Option<&str>) -> Result<Trust, Reply> {
        if let Some(parent) = from.and_then(|id| self.identity.trusts.get(id)) {
            if parent.redelegations == 0 {
                return Err(refused(403, "Remaining redelegation depth of 0 out of allowed range of [0..3]"));
            }
            if trust.roles.iter().any(|role| !parent.roles.contains(role)) {
                return Err(refused(403, "Some of requested roles are not in redelegated trust"));
            }
            trust.redelegations = parent.redelegations - 1;
            trust.from = Some(parent.id.clone());
        }
        self.identity.trusts.insert(trust.id.clone(), trust.clone());
        Ok(trust)
    }

    pub(super) fn application_credentials(
        &mut self,
        ask: &Ask,
        user: &str,
        rest: &[&str],
        caller: &Caller,
    ) -> Reply {
        if caller.trust.is_some() {
            return refused(403, "Cannot manage application credentials with a token issued via delegation.");
        }
        let restricted = caller.credential.as_ref().and_then(|id| self.identity.credentials.get(id));
        let restricted = restricted.is_some_and(|credential| !credential.unrestricted);
        match (ask.verb(), rest) {
            ("POST" | "DELETE", _) if restricted => {
                let words = "Using method 'application_credential' is not allowed for managing additional \
                             application credentials.";
                forbidden(words)
            }
            ("POST", []) if caller.user != user => {
                forbidden("Cannot create an application credential for another user.")
            }
            ("POST", []) => self.credential_create(ask, user, caller),
            _ if caller.user != user && !caller.is_admin() => {
                forbidden("identity:list_application_credentials")
            }
            ("GET", []) => {
                let own = self
                    .identity
                    .credentials
                    .values()
                    .filter(|credential| credential.user == user && ask.admits("name", &credential.name));
                let shown: Vec<Value> = own.map(credential_json).collect();
                Reply::ok(&json!({ "application_credentials": shown, "links": { "next": null } }))
            }
            (verb, [id]) => match (verb, self.identity.credentials.get(*id)) {
                (_, None) => not_found("Application Credential", id),
                ("GET", Some(found)) => {
                    Reply::ok(&json!({ "application_credential": credential_json(found) }))
                }
                ("DELETE", Some(_)) => {
                    self.identity.credentials.shift_remove(*id);
                    self.identity.forget_dead_tokens();
                    Reply::empty(204)
                }
                _ => refused(405, "The method is not allowed for this resource."),
            },
            _ => refused(405, "The method is not allowed for this resource."),
        }
    }

    fn credential_create(&mut self, ask: &Ask, user: &str, caller: &Caller) -> Reply {
        let body = ask.body.get("application_credential").unwrap_or(&Value::Null);
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.identity.credentials.values().any(|held| held.user == user && held.name == name) {
            let words =
                "Conflict occurred attempting to store application_credential - Duplicate entry found.";
            return refused(409, words);
        }
        let asked = names(body.get("roles"));
        let roles = if asked.is_empty() { caller.roles.clone() } else { asked };
        if let Some(missing) = roles.iter().find(|role| !caller.has_role(role)) {
            return refused(400, &format!("Could not find role assignment with role: {missing}."));
        }
        let secret = body.get("secret").and_then(Value::as_str).map_or_else(|| self.hex(), str::to_owned);
        let credential = Credential {
            id: self.hex(),
            name,
            user: user.to_owned(),
            project: caller.project().to_owned(),
            secret,
            roles,
            unrestricted: body.get("unrestricted").and_then(Value::as_bool).unwrap_or_default(),
            expires: expiry(body.get("expires_at")),
        };
        let mut shown = credential_json(&credential);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("secret".to_owned(), credential.secret.clone().into());
        }
        self.identity.credentials.insert(credential.id.clone(), credential);
        Reply::json(201, &json!({ "application_credential": shown }))
    }
}

fn trust_json(trust: &Trust, roles: bool) -> Value {
    let roles = if roles { roles_json(&trust.roles) } else { json!([]) };
    json!({
        "id": trust.id, "trustor_user_id": trust.trustor, "trustee_user_id": trust.trustee,
        "project_id": trust.project, "roles": roles, "impersonation": trust.impersonation,
        "redelegation_count": trust.redelegations, "redelegated_trust_id": trust.from,
        "expires_at": trust.expires.map(stamp), "deleted_at": null, "remaining_uses": null,
    })
}

fn credential_json(credential: &Credential) -> Value {
    json!({
        "id": credential.id, "name": credential.name, "user_id": credential.user,
        "project_id": credential.project, "roles": roles_json(&credential.roles),
        "unrestricted": credential.unrestricted, "expires_at": credential.expires.map(stamp),
        "description": null,
    })
}
