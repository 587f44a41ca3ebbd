//! One node group.

use crate::{
    error::Answer,
    extract::Call,
    v1::{
        clusters::{self, resize::named_group},
        nodegroups::{check_version, view},
    },
};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_policy::Rule;

/// `GET /v1/clusters/{cluster}/nodegroups/{nodegroup}`
pub async fn show(call: Call, Path((cluster, ident)): Path<(String, String)>) -> Answer {
    check_version(&call)?;
    call.arguments(&[])?;
    let cluster =
        clusters::load(&call, &cluster, Some(Rule::NodeGroupGetOneAllProjects), Rule::NodeGroupGet).await?;
    let group = named_group(&cluster, &ident)?;
    Ok(Json(view::document(group, &cluster.cluster, &call.base)).into_response())
}
