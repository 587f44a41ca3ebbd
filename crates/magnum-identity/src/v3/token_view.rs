//! What a token says about itself.

use super::{catalog, fields::stamp, roles::role_reference};
use crate::{
    identity::Identity,
    people::{Place, User},
    session::Session,
    state::State,
};
use serde_json::{Map, Value, json};

/// The document of a token; with the catalog, unless it has no scope or the caller wants none.
pub(super) fn document(identity: &Identity, state: &State, session: &Session, with_catalog: bool) -> Value {
    let claims = &session.claims;
    let mut token = Map::new();
    let mut put = |key: &str, value: Value| token.insert(key.to_owned(), value);
    put("methods", json!(claims.methods));
    put("user", user(state, &session.user));
    put("audit_ids", json!(claims.audit_ids));
    put("expires_at", stamp(claims.expires_at()).into());
    put("issued_at", stamp(claims.issued_at()).into());
    match &session.place {
        None => {}
        Some(Place::System) => {
            put("system", json!({ "all": true }));
        }
        Some(Place::Domain(id)) => {
            put("domain", domain(state, id));
        }
        Some(Place::Project(id)) => {
            let project = state.people.projects.get(id).map(|project| {
                json!({ "id": id, "name": project.name, "domain": domain(state, &project.domain_id) })
            });
            put("project", project.unwrap_or_default());
            put("is_domain", false.into());
        }
    }
    if session.place.is_some() {
        put("roles", session.roles.iter().map(|name| role_reference(name)).collect());
        if with_catalog {
            put("catalog", catalog::document(identity, session.project_id()));
        }
    }
    if let Some(trust) = &session.trust {
        let people = |id: &str| json!({ "id": id });
        put(
            "OS-TRUST:trust",
            json!({
                "id": trust.id, "impersonation": trust.impersonation,
                "trustor_user": people(&trust.trustor_user_id), "trustee_user": people(&trust.trustee_user_id),
            }),
        );
    }
    if let Some(credential) = &session.credential {
        put(
            "application_credential",
            json!({ "id": credential.id, "name": credential.name, "restricted": !credential.unrestricted }),
        );
    }
    json!({ "token": token })
}

fn user(state: &State, user: &User) -> Value {
    json!({
        "id": user.id, "name": user.name, "domain": domain(state, &user.domain_id), "password_expires_at": null,
    })
}

fn domain(state: &State, id: &str) -> Value {
    json!({ "id": id, "name": state.people.domain(id).map(|domain| domain.name.as_str()) })
}
