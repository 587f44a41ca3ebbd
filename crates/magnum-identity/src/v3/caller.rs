//! Who makes a request: the session that `X-Auth-Token` opens, with the state that it was checked against.

use super::refusal::Refusal;
use crate::{identity::Identity, session::Session, state::State};
use axum::extract::FromRequestParts;
use http::request::Parts;

pub(crate) struct Caller {
    pub session: Session,
    pub state: State,
}

impl FromRequestParts<Identity> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, identity: &Identity) -> Result<Self, Refusal> {
        let state = identity.0.store.state();
        let token = parts.headers.get("x-auth-token").and_then(|token| token.to_str().ok());
        let session = token.and_then(|token| identity.0.session(&state, token));
        session.map(|session| Self { session, state }).ok_or_else(Refusal::unauthorized)
    }
}
