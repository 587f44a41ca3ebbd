//! Gives each request an id of our own, in the answer's `X-Openstack-Request-Id` and in every log line. An id that
//! the caller sent along (a *global* one) is logged beside it, never used in its place: it is not ours to trust.

use crate::state::AppState;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue};

/// The header, in requests (global id) and answers (ours).
pub const HEADER: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// The id of this request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The id that the caller's own request had, e.g. Horizon's.
#[derive(Clone, Debug)]
pub struct GlobalRequestId(pub String);

/// Draws the id and puts it in the answer.
pub async fn layer(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = format!("req-{}", state.entropy.uuid());
    if let Some(global) = request.headers().get(&HEADER).and_then(|value| value.to_str().ok())
        && is_request_id(global)
    {
        let global = GlobalRequestId(global.to_owned());
        request.extensions_mut().insert(global);
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn is_request_id(text: &str) -> bool {
    text.strip_prefix("req-").is_some_and(|uuid| uuid::Uuid::try_parse(uuid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::is_request_id;

    #[test]
    fn only_a_real_request_id_is_taken_over_from_outside() {
        assert!(is_request_id("req-4b2c41a5-35f5-4d5c-8d53-5b1e6a1f2a77"));
        assert!(!is_request_id("req-evil\u{1b}[31m"));
        assert!(!is_request_id("4b2c41a5-35f5-4d5c-8d53-5b1e6a1f2a77"));
    }
}
