//! One cluster.

use crate::{
    error::Answer,
    extract::Call,
    v1::clusters::{load, view},
};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_policy::Rule;

/// `GET /v1/clusters/{cluster}`
pub async fn show(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let cluster = load(&call, &ident, Some(Rule::ClusterGetOneAllProjects), Rule::ClusterGet).await?;
    Ok(Json(view::document(&cluster, call.version, &call.base)).into_response())
}
