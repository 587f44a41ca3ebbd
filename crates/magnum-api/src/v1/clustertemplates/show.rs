//! One template. A public one is shown to everybody who has a token.

use crate::{error::Answer, extract::Call, v1::clustertemplates::view};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_policy::Rule;

/// `GET /v1/clustertemplates/{template}`
pub async fn show(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let tenancy = call.tenancy(Rule::ClusterTemplateGetOneAllProjects)?;
    let template = call.state.store.template_get(tenancy, &ident, call.context.is_admin).await?;
    if !template.public {
        call.enforce_on(Rule::ClusterTemplateGet, &template.project_id, &template.user_id)?;
    }
    Ok(Json(view::document(&template, &call.base)).into_response())
}
