//! Bodies: JSON under one of the media types that clients use for it (415 otherwise), within the size limit (413).

use crate::{
    error::ApiError,
    extract::{
        fields::Fields,
        patch::{self, PatchOp},
    },
    state::AppState,
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, header};
use magnum_types::{ErrorKind, ServiceError};
use serde_json::Value;

/// Media types that mean JSON. `application/json-patch+json` is not among them, and upstream refuses it too.
const JSON: &[&str] = &["application/json", "text/json", "text/javascript", "application/javascript"];

/// A body that is an object.
#[derive(Debug)]
pub struct FieldsBody(pub Fields);

/// A body that is a list of patch operations.
#[derive(Debug)]
pub struct PatchBody(pub Vec<PatchOp>);

impl FromRequest<AppState> for FieldsBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self(Fields::of(read(request, state).await?)?))
    }
}

impl FromRequest<AppState> for PatchBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self(patch::read(read(request, state).await?)?))
    }
}

/// The JSON value of a body.
pub(crate) async fn read(request: Request, state: &AppState) -> Result<Value, ServiceError> {
    let content_type = media_type(request.headers());
    let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
            ServiceError::new(
                ErrorKind::TooLarge,
                format!("The request body is larger than {} bytes", state.settings.max_body_size),
            )
        } else {
            ServiceError::invalid("The request body could not be read").caused_by(rejection)
        }
    })?;
    if bytes.is_empty() {
        return Err(ServiceError::invalid("The request body is missing: send a JSON document"));
    }
    if !JSON.contains(&content_type.as_str()) {
        return Err(ServiceError::new(
            ErrorKind::UnsupportedMediaType,
            format!("Unknown mimetype: {content_type:?}; send application/json"),
        ));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| ServiceError::invalid(format!("The request body is not valid JSON: {error}")))
}

/// The media type without its parameters, in small letters, at most 100 characters.
fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase().chars().take(100).collect())
        .unwrap_or_default()
}
