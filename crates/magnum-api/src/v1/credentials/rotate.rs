//! Rotates the credential by which a cluster acts on the cloud.

use crate::{error::Answer, extract::Call, microversion::CREDENTIALS, v1::clusters};
use axum::extract::Path;
use magnum_policy::Rule;
use magnum_types::{ErrorKind, ServiceError};

/// `PATCH /v1/credentials/{cluster}`
pub async fn rotate(call: Call, Path(ident): Path<String>) -> Answer {
    if !call.version.at_least(CREDENTIALS) {
        return Err(ServiceError::new(
            ErrorKind::NotAcceptable,
            "Rotating credentials needs microversion 1.12 or later: send OpenStack-API-Version: container-infra 1.12",
        )
        .into());
    }
    call.arguments(&[])?;
    let cluster = clusters::load(&call, &ident, None, Rule::CredentialRotate).await?;
    let template = cluster.template.as_ref().ok_or_else(|| {
        ServiceError::conflict(format!("The template of cluster {} is gone", cluster.cluster.uuid))
    })?;
    let driver = call.state.registry.of_template(template)?;
    // No driver can yet; it is asked once one can.
    Err(ServiceError::invalid(format!(
        "'rotate_credential' is not supported by the driver {}.",
        driver.name()
    ))
    .into())
}
