//! One line per request: who, what, how it ended, how long it took. Bodies, query strings and tokens stay out.

use crate::layers::request_id::{GlobalRequestId, RequestId};
use axum::{extract::Request, middleware::Next, response::Response};
use magnum_types::RequestContext;
use std::{sync::Arc, time::Instant};

/// Writes the line after the answer is known.
pub async fn layer(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let global = request.extensions().get::<GlobalRequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let begun = Instant::now();
    let response = next.run(request).await;
    // The token layer leaves the context on the answer, since it runs inside of this one.
    let caller = response.extensions().get::<Arc<RequestContext>>().map(|context| &context.caller);
    tracing::info!(
        request_id = %id,
        global_request_id = %global,
        method = %method,
        path = %path,
        status = response.status().as_u16(),
        milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        user = caller.map_or("-", |caller| caller.user_id.as_str()),
        project = caller.and_then(|caller| caller.project_id.as_deref()).unwrap_or("-"),
        "request answered"
    );
    response
}
