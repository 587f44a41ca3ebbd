//! The token check that keystonemiddleware does for other services: a valid `X-Auth-Token` becomes a
//! [`RequestContext`]; without one the answer is 401 with a challenge, and 503 while Keystone does not answer.
//! Identity headers that come from outside (`X-User-Id`, `X-Roles` …) are never read, so they cannot deceive.

use crate::{error::ApiError, extract::call::credentials, layers::request_id::RequestId, state::AppState};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use magnum_openstack::ValidToken;
use magnum_types::{RequestContext, context::Caller};
use secrecy::SecretString;
use std::sync::Arc;

/// Longer tokens are not passed on to Keystone.
const MAX_TOKEN_BYTES: usize = 8192;

/// The layer.
pub async fn layer(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let token = token(&request);
    match authenticate(&state, token, request_id).await {
        Ok((context, token)) => {
            request.extensions_mut().insert(token);
            request.extensions_mut().insert(Arc::clone(&context));
            let mut response = next.run(request).await;
            response.extensions_mut().insert(context);
            response
        }
        Err(error) => error.into_response(),
    }
}

type Authenticated = (Arc<RequestContext>, Arc<ValidToken>);

/// The token that the request carries.
fn token(request: &Request) -> Option<SecretString> {
    let token = request.headers().get("x-auth-token")?.to_str().ok()?;
    (!token.is_empty() && token.len() <= MAX_TOKEN_BYTES).then(|| SecretString::from(token))
}

async fn authenticate(
    state: &AppState,
    token: Option<SecretString>,
    request_id: String,
) -> Result<Authenticated, ApiError> {
    let unauthorized = || ApiError::unauthorized(&state.settings.www_authenticate_uri);
    let token = token.ok_or_else(unauthorized)?;
    let valid = crate::cloud::validate(state, &token).await?.ok_or_else(unauthorized)?;
    let caller = caller(&valid);
    let is_admin = state.enforcer.is_admin(&credentials(&caller, None));
    Ok((Arc::new(RequestContext { request_id, caller, token, is_admin }), valid))
}

fn caller(valid: &ValidToken) -> Caller {
    Caller {
        user_id: valid.user_id.clone(),
        user_name: valid.user_name.clone(),
        user_domain_id: valid.user_domain_id.clone(),
        user_domain_name: valid.user_domain_name.clone(),
        project_id: valid.project_id.clone(),
        project_name: valid.project_name.clone(),
        project_domain_id: valid.project_domain_id.clone(),
        domain_id: valid.domain_id.clone(),
        system_scope: valid.system_scope.then(|| "all".to_owned()),
        roles: valid.roles.clone(),
        trust_id: valid.trust.as_ref().map(|trust| trust.id.clone()),
        methods: valid.methods.clone(),
    }
}
