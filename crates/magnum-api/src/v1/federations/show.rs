//! One federation.

use crate::{error::Answer, extract::Call, v1::federations::view};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_db::Tenancy;
use magnum_policy::Rule;

/// `GET /v1/federations/{federation}`
pub async fn show(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let federation = call.state.store.federation_get(Tenancy::Project(call.project()?), &ident).await?;
    call.enforce_on(Rule::FederationGet, &federation.project_id, &call.context.caller.user_id)?;
    Ok(Json(view::document(&federation, &call.base)).into_response())
}
