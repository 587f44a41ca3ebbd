//! Trusts: a user lets another act with its roles in one of its projects.
//!
//! A user makes trusts of its own roles only, sees those that it gave or was given, and ends those that it gave. Whoever
//! acts by an impersonating trust is the trustor here, and may hand the trust on if it says so. A session by an
//! application credential is refused everything about trusts, as Keystone does since 2026.

use super::{
    caller::Caller,
    fields::{Body, Fields, stamp},
    listing::{self, Query, link},
    refusal::Refusal,
    roles::role_document,
};
use crate::{
    identity::Identity,
    made::{MAX_OBJECTS, Trust},
    people::{role_id, with_implied},
    session::Session,
    state::State,
};
use axum::{
    body::Bytes,
    extract::{Path, State as Shared},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

/// How often a trust may be handed on; Keystone's own bound.
const MAX_REDELEGATIONS: u64 = 3;
const FIELDS: [&str; 9] = [
    "trustor_user_id",
    "trustee_user_id",
    "project_id",
    "impersonation",
    "roles",
    "expires_at",
    "allow_redelegation",
    "redelegation_count",
    "remaining_uses",
];

/// Lists leave the roles out.
fn document(identity: &Identity, trust: &Trust, with_roles: bool) -> Value {
    let path = format!("OS-TRUST/trusts/{}", trust.id);
    let mut document = json!({
        "id": trust.id, "trustor_user_id": trust.trustor_user_id, "trustee_user_id": trust.trustee_user_id,
        "project_id": trust.project_id, "impersonation": trust.impersonation,
        "expires_at": trust.expires_at.map(stamp), "deleted_at": null, "remaining_uses": null,
        "redelegation_count": trust.redelegations, "redelegated_trust_id": trust.parent,
        "links": { "self": link(identity, &path) },
    });
    if let (true, Some(fields)) = (with_roles, document.as_object_mut()) {
        let roles = trust.roles.iter().map(|name| role_document(identity, name)).collect();
        fields.insert("roles".to_owned(), roles);
        let links =
            json!({ "self": link(identity, &format!("{path}/roles")), "next": null, "previous": null });
        fields.insert("roles_links".to_owned(), links);
    }
    document
}

fn not_by_credential(session: &Session) -> Result<(), Refusal> {
    match &session.credential {
        Some(_) => Err(Refusal::forbidden("Delegated tokens cannot manage trusts.")),
        None => Ok(()),
    }
}

/// A trust that the caller may see.
fn visible<'s>(caller: &'s Caller, id: &str, action: &str) -> Result<&'s Trust, Refusal> {
    not_by_credential(&caller.session)?;
    let trust = caller.state.made.trusts.get(id).ok_or_else(|| Refusal::not_found("trust", id))?;
    let user = &caller.session.user.id;
    if !caller.session.is_admin() && *user != trust.trustor_user_id && *user != trust.trustee_user_id {
        return Err(Refusal::forbidden(action));
    }
    Ok(trust)
}

/// `GET /v3/OS-TRUST/trusts`.
pub(super) async fn list(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    not_by_credential(&caller.session)?;
    let filters = ["trustor_user_id", "trustee_user_id"];
    let is_own = filters.iter().any(|filter| query.get(*filter) == Some(&caller.session.user.id));
    if !is_own && !caller.session.is_admin() {
        return Err(Refusal::forbidden("identity:list_trusts"));
    }
    let trusts = caller.state.made.trusts.values().map(|trust| document(&identity, trust, false)).collect();
    Ok(listing::list(&identity, "OS-TRUST/trusts", trusts, &query, &filters))
}

/// `GET /v3/OS-TRUST/trusts/{trust}`.
pub(super) async fn show(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let trust = visible(&caller, &id, "identity:get_trust")?;
    Ok(listing::one("trust", document(&identity, trust, true)))
}

/// `GET /v3/OS-TRUST/trusts/{trust}/roles`.
pub(super) async fn roles(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Refusal> {
    let trust = visible(&caller, &id, "identity:list_roles_for_trust")?;
    let roles = trust.roles.iter().map(|name| role_document(&identity, name)).collect();
    Ok(listing::list(&identity, "roles", roles, &query, &[]))
}

/// `GET` and `HEAD /v3/OS-TRUST/trusts/{trust}/roles/{role}`.
pub(super) async fn role(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path((id, role)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let trust = visible(&caller, &id, "identity:get_role_for_trust")?;
    let name = trust.roles.iter().find(|name| role_id(name) == role);
    let name = name.ok_or_else(|| Refusal::not_found("role", &role))?;
    Ok(listing::one("role", role_document(&identity, name)))
}

/// `DELETE /v3/OS-TRUST/trusts/{trust}`, with what was handed on of it, and the tokens by it.
pub(super) async fn delete(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let trust = visible(&caller, &id, "identity:delete_trust")?;
    if !caller.session.is_admin() && caller.session.user.id != trust.trustor_user_id {
        return Err(Refusal::forbidden("identity:delete_trust"));
    }
    identity
        .change(move |_, made| {
            made.trust_delete(&id);
            Ok::<_, Refusal>(StatusCode::NO_CONTENT)
        })
        .await
}

/// `POST /v3/OS-TRUST/trusts`.
pub(super) async fn create(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Refusal> {
    not_by_credential(&caller.session)?;
    let body = Body::parse(&body)?;
    let fields = body.object("trust")?;
    let trust = wanted(&identity, &caller, &fields)?;
    let shown = document(&identity, &trust, true);
    let (session, now) = (caller.session, identity.0.clock.now());
    identity
        .change(move |state, made| {
            // Looked at again: the caller's trust or the trustee may have gone meanwhile.
            allowed(state, &session, &trust)?;
            let is_live =
                session.trust.as_ref().is_none_or(|parent| state.live_trust(&parent.id, now).is_some());
            if !is_live {
                return Err(Refusal::unauthorized());
            }
            if made.trusts.len() >= MAX_OBJECTS {
                return Err(Refusal::too_many("trusts"));
            }
            made.trusts.insert(trust.id.clone(), trust);
            Ok(())
        })
        .await?;
    Ok((StatusCode::CREATED, listing::one("trust", shown)).into_response())
}

/// The trust that a body asks for, within what the caller may give.
fn wanted(identity: &Identity, caller: &Caller, fields: &Fields<'_>) -> Result<Trust, Refusal> {
    fields.only(&FIELDS)?;
    if fields.value("remaining_uses").is_some() {
        return Err(fields.wrong("remaining_uses", "this identity service does not count uses: leave it out"));
    }
    let parent = caller.session.trust.as_ref();
    let may_hand_on = fields.flag("allow_redelegation")?.unwrap_or(false);
    let asked = fields.count("redelegation_count")?;
    let redelegations = match (may_hand_on, asked, parent) {
        (false, ..) => 0,
        (true, Some(count), _) if count > MAX_REDELEGATIONS => {
            let problem = format!("a trust can be handed on {MAX_REDELEGATIONS} times at most");
            return Err(fields.wrong("redelegation_count", &problem));
        }
        (true, None, None) => MAX_REDELEGATIONS,
        (true, Some(count), None) => count,
        (true, asked, Some(parent)) => {
            let left = parent.redelegations.saturating_sub(1);
            if asked.is_some_and(|count| count != 0 && count != left) {
                return Err(fields
                    .wrong("redelegation_count", "a trust that is handed on keeps what is left: omit it"));
            }
            asked.unwrap_or(left)
        }
    };
    let roles = fields.roles("roles", |id| caller.state.role(id))?;
    let end = fields.future("expires_at", identity.0.clock.now())?;
    let latest = parent.and_then(|parent| parent.expires_at);
    if let (Some(end), Some(latest)) = (end, latest)
        && end > latest
    {
        return Err(Refusal::forbidden("hand on a trust for longer than it lasts"));
    }
    let impersonation = fields.flag("impersonation")?.ok_or_else(|| fields.missing("impersonation"))?;
    let trust = Trust {
        id: identity.0.new_id(),
        trustor_user_id: fields.required("trustor_user_id")?.to_owned(),
        trustee_user_id: fields.required("trustee_user_id")?.to_owned(),
        project_id: fields.required("project_id")?.to_owned(),
        roles,
        impersonation,
        redelegations,
        parent: parent.map(|parent| parent.id.clone()),
        expires_at: end.or(latest),
    };
    allowed(&caller.state, &caller.session, &trust)?;
    Ok(trust)
}

/// Whether the session may give the trust.
fn allowed(state: &State, session: &Session, trust: &Trust) -> Result<(), Refusal> {
    if session.user.id != trust.trustor_user_id {
        return Err(Refusal::forbidden("The authenticated user should match the trustor"));
    }
    if trust.roles.is_empty() {
        return Err(Refusal::forbidden("At least one role should be specified"));
    }
    if state.user(&trust.trustee_user_id).is_none() {
        return Err(Refusal::not_found("user", &trust.trustee_user_id));
    }
    let held = match &session.trust {
        None => session.user.roles(&crate::people::Place::Project(trust.project_id.clone())),
        Some(parent) => {
            if parent.redelegations == 0 {
                return Err(Refusal::forbidden("hand on a trust that may not be handed on"));
            }
            if trust.impersonation && !parent.impersonation {
                return Err(Refusal::forbidden("hand on a trust with more impersonation than it has"));
            }
            if parent.project_id != trust.project_id {
                return Err(Refusal::forbidden("hand on a trust in another project"));
            }
            with_implied(parent.roles.iter().cloned())
        }
    };
    match trust.roles.iter().find(|role| !held.contains(role)) {
        Some(missing) => Err(Refusal::not_found("role", missing)),
        None => Ok(()),
    }
}
