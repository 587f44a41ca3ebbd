//! One cluster.

use crate::{
    error::Answer,
    extract::Call,
    v1::clusters::{policy_target, view},
};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_policy::Rule;

/// `GET /v1/clusters/{cluster}`
pub async fn show(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let tenancy = call.tenancy(Rule::ClusterGetOneAllProjects)?;
    let cluster = call.state.store.cluster_summary(tenancy, &ident).await?;
    call.enforce_target(Rule::ClusterGet, policy_target(&cluster.cluster))?;
    Ok(Json(view::document(&cluster, call.version, &call.base)).into_response())
}
