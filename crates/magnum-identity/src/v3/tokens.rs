//! `GET`, `HEAD` and `DELETE /v3/auth/tokens`: asking about a token, and ending it.
//!
//! Admins and services ask about any token, everybody else about the own user's. Admins end any token, everybody
//! else the own user's.

use super::{
    caller::Caller,
    listing::{Query, is_on},
    refusal::Refusal,
    token_view,
};
use crate::{identity::Identity, made::MAX_REVOKED, session::Session};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};

/// The token in question, as it was sent and as it is.
fn subject(identity: &Identity, caller: &Caller, headers: &HeaderMap) -> Result<(String, Session), Refusal> {
    let given = headers.get("x-subject-token").and_then(|token| token.to_str().ok());
    let token = given.ok_or_else(|| Refusal::field("X-Subject-Token", "it is required"))?;
    let session = identity.0.session(&caller.state, token);
    // The token itself is not repeated: error documents end up in logs.
    Ok((token.to_owned(), session.ok_or_else(|| Refusal::not_found("token", "it is not valid"))?))
}

fn is_own(caller: &Caller, subject: &Session) -> bool {
    caller.session.user.id == subject.user.id || caller.session.claims.user_id == subject.claims.user_id
}

pub(super) async fn validate(
    State(identity): State<Identity>,
    caller: Caller,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (token, subject) = subject(&identity, &caller, &headers)?;
    if !is_own(&caller, &subject) && !caller.session.validates_tokens() {
        return Err(Refusal::forbidden("identity:validate_token"));
    }
    let document = token_view::document(&identity, &caller.state, &subject, !is_on(&query, "nocatalog"));
    Ok(([("x-subject-token", token)], Json(document)).into_response())
}

pub(super) async fn revoke(
    State(identity): State<Identity>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let (_, subject) = subject(&identity, &caller, &headers)?;
    if !is_own(&caller, &subject) && !caller.session.is_admin() {
        return Err(Refusal::forbidden("identity:revoke_token"));
    }
    let Some(id) = subject.claims.audit_ids.first().cloned() else { return Err(Refusal::unauthorized()) };
    let (now, end) = (identity.0.clock.now(), subject.claims.expires_at());
    identity
        .change(move |_, made| {
            made.forget_ended(now);
            if made.revoked.len() >= MAX_REVOKED {
                return Err(Refusal::busy());
            }
            made.revoked.insert(id, end);
            Ok(StatusCode::NO_CONTENT)
        })
        .await
}
