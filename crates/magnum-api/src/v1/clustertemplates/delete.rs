//! Takes a template away; refused while a cluster is made from it.

use crate::{error::Answer, extract::Call, v1::clustertemplates::load};
use axum::{extract::Path, response::IntoResponse};
use http::StatusCode;
use magnum_policy::Rule;

/// `DELETE /v1/clustertemplates/{template}`
pub async fn delete(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let template =
        load(&call, &ident, Rule::ClusterTemplateDeleteAllProjects, Rule::ClusterTemplateDelete).await?;
    call.state.store.template_delete(template.uuid).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
