//! Changes of federations, which nothing could carry out.

use crate::{error::Answer, extract::Call};
use axum::extract::Path;
use magnum_db::Tenancy;
use magnum_policy::Rule;
use magnum_types::ServiceError;

fn refused(what: &str) -> ServiceError {
    ServiceError::invalid(format!("{what} a federation is not supported: this feature is not implemented"))
}

/// `POST /v1/federations`
pub async fn create(call: Call) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::FederationCreate)?;
    Err(refused("Creating").into())
}

/// `PATCH /v1/federations/{federation}`
pub async fn update(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&["rollback"])?;
    call.enforce(Rule::FederationUpdate)?;
    call.state.store.federation_get(Tenancy::Project(call.project()?), &ident).await?;
    Err(refused("Changing").into())
}

/// `DELETE /v1/federations/{federation}`
pub async fn delete(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::FederationDelete)?;
    call.state.store.federation_get(Tenancy::Project(call.project()?), &ident).await?;
    Err(refused("Deleting").into())
}
