//! `/healthcheck`, for load balancers: no token, plain text, 503 while the operator's file exists.

use crate::{error::AsIs, state::AppState};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;

/// The handler.
pub async fn show(State(state): State<AppState>) -> Response {
    if let Some(file) = &state.settings.healthcheck_disable_file
        && tokio::fs::try_exists(file).await.unwrap_or(false)
    {
        return (StatusCode::SERVICE_UNAVAILABLE, Extension(AsIs), "DISABLED BY FILE").into_response();
    }
    (StatusCode::OK, "OK").into_response()
}
