//! One operation of a cluster.

use crate::{
    error::Answer,
    extract::Call,
    v1::{clusters, operations::view},
};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_db::DbError;
use magnum_policy::Rule;

/// `GET /v1/clusters/{cluster}/operations/{operation}`
pub async fn show(call: Call, Path((cluster, ident)): Path<(String, String)>) -> Answer {
    call.arguments(&[])?;
    let cluster =
        clusters::load(&call, &cluster, Some(Rule::ClusterGetOneAllProjects), Rule::ClusterGet).await?;
    // Operations have no names: what is no UUID is none of them.
    let Ok(id) = ident.parse() else {
        return Err(DbError::NotFound { noun: "Operation", ident }.into());
    };
    let uuid = cluster.cluster.uuid;
    let operation = call.state.store.operation_summary(uuid, id).await?;
    Ok(Json(view::document(&operation, uuid, &call.base)).into_response())
}
