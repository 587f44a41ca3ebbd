//! Rotates the credential by which a cluster acts on the cloud. The new one is a trust of whoever asks, which only that
//! user's own token can make.

use crate::{
    error::Answer,
    extract::Call,
    microversion::CREDENTIALS,
    v1::clusters::{self, accept},
};
use axum::extract::Path;
use magnum_policy::Rule;
use magnum_types::{
    CREDENTIAL_ROTATE, Cluster, CredentialKind, ErrorKind, OperationId, ServiceError,
    accept::CredentialRotateParams, places,
};
use secrecy::ExposeSecret as _;

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
    let view = clusters::load(&call, &ident, None, Rule::CredentialRotate).await?;
    let cluster = &view.cluster;
    let template = view
        .template
        .as_ref()
        .ok_or_else(|| ServiceError::conflict(format!("The template of cluster {} is gone", cluster.uuid)))?;
    let driver = call.state.registry.of_template(template)?;
    if !driver.rotates_credentials() {
        let text = format!("'rotate_credential' is not supported by the driver {}.", driver.name());
        return Err(ServiceError::invalid(text).into());
    }
    replaceable(&call, cluster).await?;
    vouches(&call, cluster)?;
    let id = OperationId(call.state.entropy.uuid());
    let params = parameters(&call, id)?;
    accept::rotation(&call, cluster, id, CREDENTIAL_ROTATE, &params).await
}

/// Whether the present credential is one that another can take the place of.
async fn replaceable(call: &Call, cluster: &Cluster) -> Result<(), ServiceError> {
    let handle = call.state.store.handle_get(cluster.uuid).await?;
    let why = match handle.credential {
        Some(CredentialKind::Trust) if cluster.trust_id.is_some() => return Ok(()),
        Some(CredentialKind::ApplicationCredential) => {
            "Heat keeps its application credential for the stack and cannot be given another one"
        }
        _ => {
            "it was not made by this release, and its nodes keep the credential in files that Magnum does not know"
        }
    };
    let text = format!("The credential of cluster {} cannot be replaced: {why}.", cluster.uuid);
    Err(ServiceError::invalid(text))
}

/// Whether the caller can make a trust for the cluster.
fn vouches(call: &Call, cluster: &Cluster) -> Result<(), ServiceError> {
    let caller = &call.context.caller;
    if caller.methods.iter().any(|method| method == "application_credential") {
        return Err(ServiceError::forbidden(
            "Rotating a cluster's credential makes a trust, which Keystone lets nobody make by an application \
             credential: ask with a password or token login",
        ));
    }
    if caller.project_id.as_deref() != Some(cluster.project_id.as_str()) {
        return Err(ServiceError::forbidden(format!(
            "Rotating the credential of cluster {} makes a trust in its project: ask with a login to project {}",
            cluster.uuid, cluster.project_id
        )));
    }
    Ok(())
}

/// What the conductor needs from the caller; the token is sealed for this operation alone.
fn parameters(call: &Call, operation: OperationId) -> Result<CredentialRotateParams, ServiceError> {
    let place = places::operation_token(operation);
    let token = call.context.token.expose_secret().as_bytes();
    Ok(CredentialRotateParams {
        sealed_token: call.state.sealing.seal(&place, token).map_err(ServiceError::internal)?,
        roles: call.context.caller.roles.clone(),
    })
}
