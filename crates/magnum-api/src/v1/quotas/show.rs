//! One project's quota; where nobody set one, the default that counts.

use crate::{
    error::Answer,
    extract::Call,
    v1::quotas::{check_resource, view},
};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_db::DbError;
use magnum_policy::Rule;
use magnum_types::ServiceError;

/// `GET /v1/quotas/{project}/{resource}`
pub async fn show(call: Call, Path((project, resource)): Path<(String, String)>) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::QuotaGet)?;
    if !call.context.is_admin && call.project()? != project {
        return Err(
            ServiceError::forbidden("Only an administrator can see the quota of another project").into()
        );
    }
    check_resource(&resource)?;
    let document = match call.state.store.quota_get(&project, &resource).await {
        Ok(quota) => view::document(&quota),
        Err(DbError::NotFound { .. }) => {
            view::default_document(&project, call.state.settings.max_clusters_per_project)
        }
        Err(error) => return Err(ServiceError::from(error).into()),
    };
    Ok(Json(document).into_response())
}
