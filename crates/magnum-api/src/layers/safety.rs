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
