//! How many clusters and nodes there are: of the caller's project, or for administrators of any or all.

use crate::{error::Answer, extract::Call};
use axum::{Json, response::IntoResponse};
use magnum_db::Tenancy;
use magnum_policy::Rule;
use magnum_types::ServiceError;
use serde_json::json;

/// `GET /v1/stats`
pub async fn show(call: Call) -> Answer {
    let arguments = call.arguments(&["project_id", "type"])?;
    call.enforce(Rule::StatsGetAll)?;
    if let Some(kind) = arguments.get("type").filter(|kind| *kind != "cluster") {
        return Err(ServiceError::invalid(format!("Invalid value for type: {kind:?}; use cluster")).into());
    }
    let project = arguments.get("project_id");
    let tenancy = match project {
        _ if !call.context.is_admin => {
            let own = call.project()?;
            if project.is_some_and(|project| project != own) {
                return Err(ServiceError::forbidden(
                    "Only an administrator can ask for the stats of another project",
                )
                .into());
            }
            Tenancy::Project(own)
        }
        Some(project) => Tenancy::Project(project),
        None => Tenancy::All,
    };
    let stats = call.state.store.stats_get(tenancy).await?;
    Ok(Json(json!({"clusters": stats.clusters, "nodes": stats.nodes})).into_response())
}
