//! Bounds on a single request: it ends within a time, and a panic in it becomes a 500 instead of a torn connection.

use crate::{error::ApiError, state::AppState};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use magnum_types::{ErrorKind, ServiceError};
use std::any::Any;

/// Answers 503 when the request takes longer than the settings allow.
pub async fn time_limit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(state.settings.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(elapsed) => ApiError::from(
            ServiceError::new(ErrorKind::Unavailable, "The request took too long. Try again later.")
                .caused_by(elapsed),
        )
        .into_response(),
    }
}

/// What a caught panic answers; the payload goes to the log as the error's cause.
pub fn answer_to_panic(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without a message".to_owned());
    ApiError::from(ServiceError::internal(format!("panic: {text}"))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use tower::{ServiceBuilder, ServiceExt as _};
    use tower_http::catch_panic::CatchPanicLayer;

    #[tokio::test]
    async fn a_panic_becomes_a_document_that_keeps_its_text_to_itself() {
        let layers = ServiceBuilder::new()
            .layer(from_fn(crate::error::documents))
            .layer(CatchPanicLayer::custom(answer_to_panic));
        let broken = async || -> &'static str { panic!("the secret is 42") };
        let app: Router = Router::new().route("/", get(broken)).layer(layers);
        let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains("\"code\":\"server\"") && !text.contains("42"), "{text}");
    }
}
