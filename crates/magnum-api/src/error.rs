//! The only place that makes an error document. Handlers return an [`ApiError`]; it travels as an extension of an
//! empty response, and [`documents`] writes the body once the request id is known. Router answers without a body
//! (404, 405) get the same shape with an empty title and detail, as clients know it. What is our fault is logged
//! here, once, with its causes.

use crate::layers::request_id::RequestId;
use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use magnum_types::{ErrorKind, ServiceError};
use serde_json::{Value, json};
use std::{error::Error as StdError, fmt::Write as _, sync::Arc};

/// Where clients read about microversions.
const MICROVERSION_GUIDE: &str =
    "https://docs.openstack.org/api-guide/container-infrastructure-management/microversions.html";

/// What a handler or layer returns instead of an answer.
#[derive(Debug)]
pub struct ApiError(Arc<Failure>);

/// A handler's result.
pub type Answer = Result<Response, ApiError>;

/// Marks an answer whose body stays as it is, whatever its status.
#[derive(Clone, Copy, Debug)]
pub struct AsIs;

#[derive(Debug)]
enum Failure {
    Service(ServiceError),
    Unauthorized { www_authenticate_uri: String },
    MicroversionUnsupported { maximum: u16 },
}

impl ApiError {
    /// The token is missing or not accepted.
    pub fn unauthorized(www_authenticate_uri: &str) -> Self {
        Self(Arc::new(Failure::Unauthorized { www_authenticate_uri: www_authenticate_uri.to_owned() }))
    }

    /// The asked microversion is not served.
    pub fn microversion_unsupported(maximum: u16) -> Self {
        Self(Arc::new(Failure::MicroversionUnsupported { maximum }))
    }
}

/// Every error type that the crates below turn into a [`ServiceError`] works with `?` in a handler.
impl<E: Into<ServiceError>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(Arc::new(Failure::Service(error.into())))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &*self.0 {
            Failure::Service(error) => status_of(error.kind),
            Failure::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Failure::MicroversionUnsupported { .. } => StatusCode::NOT_ACCEPTABLE,
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The layer that writes the documents.
pub async fn documents(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<AsIs>().is_some() {
        return response;
    }
    let failure = response.extensions().get::<Arc<Failure>>().cloned();
    let document = match failure.as_deref() {
        Some(Failure::Service(error)) => {
            if status.is_server_error() {
                tracing::error!(
                    request_id = %id,
                    status = status.as_u16(),
                    "request failed: {}", chain(error)
                );
            }
            let code = match error.kind {
                ErrorKind::NotAcceptable => "",
                _ if status.is_server_error() => "server",
                _ => "client",
            };
            document(&id, code, status, &error.public)
        }
        Some(Failure::Unauthorized { .. }) => json!({"error": {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }}),
        Some(Failure::MicroversionUnsupported { maximum }) => json!({"errors": [{
            "request_id": id,
            "code": "magnum.microversion-unsupported",
            "status": 406,
            "title": "Requested microversion is unsupported",
            "detail": "",
            "max_version": format!("1.{maximum}"),
            "min_version": "1.1",
            "links": [{"rel": "help", "href": MICROVERSION_GUIDE}],
        }]}),
        None => document(&id, "", status, ""),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(Failure::Unauthorized { www_authenticate_uri }) = failure.as_deref()
        && let Ok(challenge) = HeaderValue::from_str(&format!("Keystone uri=\"{www_authenticate_uri}\""))
    {
        parts.headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    Response::from_parts(parts, Body::from(document.to_string()))
}

/// One error in the shape that clients parse; the title is the text up to its first full stop.
fn document(request_id: &str, code: &str, status: StatusCode, detail: &str) -> Value {
    let title = detail.split_once('.').map_or(detail, |(title, _)| title);
    json!({"errors": [{
        "request_id": request_id,
        "code": code,
        "status": status.as_u16(),
        "title": title,
        "detail": detail,
        "links": [],
    }]})
}

/// The error and its causes, each after a colon. Public texts hold no secret, and so must causes.
fn chain(error: &ServiceError) -> String {
    let mut text = error.public.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_ends_at_the_first_full_stop() {
        let made = document("req-1", "client", StatusCode::BAD_REQUEST, "First part. Second part.");
        assert_eq!(made["errors"][0]["title"], "First part");
        assert_eq!(made["errors"][0]["detail"], "First part. Second part.");
        assert_eq!(made["errors"][0]["request_id"], "req-1");
    }

    #[test]
    fn the_log_text_names_every_cause() {
        let error = ServiceError::internal("the disk is full");
        assert!(chain(&error).ends_with(": the disk is full"));
    }
}
