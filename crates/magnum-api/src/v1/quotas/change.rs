//! Setting, changing and taking away a project's quota. Unlike elsewhere a change is the object itself, no patch.

use crate::{
    cloud,
    error::Answer,
    extract::{Call, FieldsBody, fields::Fields},
    v1::quotas::{check_resource, view},
};
use axum::{Json, extract::Path, response::IntoResponse};
use http::StatusCode;
use magnum_policy::Rule;
use magnum_types::{ServiceError, quota::CLUSTER_RESOURCE};

/// Fields that only the server sets.
const READ_ONLY: &[&str] = &["id", "created_at", "updated_at"];
/// The limit of a quota that does not say one.
const DEFAULT_LIMIT: i32 = 1;

struct Asked {
    project_id: Option<String>,
    resource: Option<String>,
    hard_limit: Option<i32>,
}

impl Asked {
    fn read(mut fields: Fields) -> Result<Self, ServiceError> {
        let asked = Self {
            project_id: fields.text("project_id", 255)?,
            resource: fields.text("resource", 255)?,
            hard_limit: fields.integer("hard_limit", 0, i32::MAX)?,
        };
        fields.finish(READ_ONLY)?;
        Ok(asked)
    }
}

/// `POST /v1/quotas`
pub async fn create(call: Call, FieldsBody(body): FieldsBody) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::QuotaCreate)?;
    let asked = Asked::read(body)?;
    let project = asked
        .project_id
        .ok_or_else(|| ServiceError::invalid("Mandatory field missing: give a value for project_id"))?;
    let resource = asked.resource.unwrap_or_else(|| CLUSTER_RESOURCE.to_owned());
    check_resource(&resource)?;
    cloud::check_project(&call, &project).await?;
    let limit = asked.hard_limit.unwrap_or(DEFAULT_LIMIT);
    let quota = call.state.store.quota_create(&project, &resource, limit).await?;
    Ok((StatusCode::CREATED, Json(view::document(&quota))).into_response())
}

/// `PATCH /v1/quotas/{project}/{resource}`
pub async fn update(
    call: Call,
    Path((project, resource)): Path<(String, String)>,
    FieldsBody(body): FieldsBody,
) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::QuotaUpdate)?;
    let asked = Asked::read(body)?;
    check_resource(&resource)?;
    for (name, body, path) in
        [("project_id", &asked.project_id, &project), ("resource", &asked.resource, &resource)]
    {
        if body.as_ref().is_some_and(|body| body != path) {
            return Err(ServiceError::invalid(format!(
                "Invalid value for {name}: a quota keeps its {name}, which is {path}"
            ))
            .into());
        }
    }
    let limit = asked
        .hard_limit
        .ok_or_else(|| ServiceError::invalid("Mandatory field missing: give a value for hard_limit"))?;
    let quota = call.state.store.quota_update(&project, &resource, limit).await?;
    Ok((StatusCode::ACCEPTED, Json(view::document(&quota))).into_response())
}

/// `DELETE /v1/quotas/{project}/{resource}`
pub async fn delete(call: Call, Path((project, resource)): Path<(String, String)>) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::QuotaDelete)?;
    check_resource(&resource)?;
    call.state.store.quota_delete(&project, &resource).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
