//! Keystone's way to say no; the only place that makes an error document.

use crate::{error::IdentityError, password::Busy};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Why a request is not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    /// Seconds.
    retry_after: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// 400, naming the field.
    pub fn field(field: &str, problem: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Invalid input for field '{field}': {problem}."))
    }

    /// 400 for another reason.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401; always the same words, whatever was wrong.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The request you have made requires authentication.")
    }

    /// 403: the caller may not do `action`.
    pub fn forbidden(action: &str) -> Self {
        let message = format!("You are not authorized to perform the requested action: {action}.");
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 403 that no right would change: an operator does this by the file.
    pub fn kept_in_file() -> Self {
        let message = "Users, projects, domains and role assignments of this cloud are kept in users.yaml: change them \
                       there and start Magnum anew.";
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 403: there are too many already.
    pub fn too_many(what: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, format!("There are too many {what} already: delete some first."))
    }

    /// 404 for an object.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("Could not find {what}: {id}."))
    }

    /// 404 for a path.
    pub fn no_resource() -> Self {
        Self::new(StatusCode::NOT_FOUND, "The resource could not be found.")
    }

    /// What the server refused before it read the request.
    pub fn unread(status: StatusCode) -> Self {
        let message = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "The request body is too long.",
            _ => "The request cannot be read.",
        };
        Self::new(status, message)
    }

    /// 405.
    pub fn no_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed for this resource.")
    }

    /// 409: the name is taken.
    pub fn conflict(what: &str, name: &str) -> Self {
        let message =
            format!("Conflict occurred attempting to store {what} - Duplicate entry found with name {name}.");
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 429: too many wrong tries.
    pub fn slow_down(seconds: u64) -> Self {
        let message = format!("Too many failed logins: try again in {seconds} seconds.");
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// 503: try again.
    pub fn busy() -> Self {
        let message = "The identity service is busy: try again in a second.";
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }
}

impl From<Busy> for Refusal {
    fn from(Busy: Busy) -> Self {
        Self::busy()
    }
}

impl From<IdentityError> for Refusal {
    fn from(error: IdentityError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "the identity service cannot do what was asked");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "An unexpected error prevented the server from fulfilling your request.",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default();
        let error = json!({ "code": self.status.as_u16(), "message": self.message, "title": title });
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
