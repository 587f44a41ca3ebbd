//! A registered node as caller, and bodies in the nodes' own wire format (strict JSON, unlike the tenants' dialect).

use crate::{error::ApiError, extract::body, state::AppState};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::{header, request::Parts};
use magnum_db::DbError;
use magnum_types::{NodeRegistration, ServiceError};
use magnum_x509::token::sha256_hex;
use serde::de::DeserializeOwned;

/// Longer tokens are not even hashed.
const MAX_TOKEN_BYTES: usize = 256;

/// The node that asks, by its bearer token.
pub struct Node(pub NodeRegistration);

impl FromRequestParts<AppState> for Node {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let unauthorized = || ApiError::unauthorized(&state.settings.www_authenticate_uri);
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|token| !token.is_empty() && token.len() <= MAX_TOKEN_BYTES)
            .ok_or_else(unauthorized)?;
        // A token is 256 random bits: looking its hash up tells an attacker nothing by its timing.
        match state.store.node_by_token_hash(&sha256_hex(token.as_bytes())).await {
            Ok(node) => Ok(Self(node)),
            Err(DbError::NotFound { .. }) => Err(unauthorized()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A body that is exactly a `T`.
pub struct NodeBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for NodeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let value = body::read(request, state).await?;
        let read = serde_json::from_value(value);
        Ok(Self(read.map_err(|error| ServiceError::invalid(format!("The request body is wrong: {error}")))?))
    }
}
