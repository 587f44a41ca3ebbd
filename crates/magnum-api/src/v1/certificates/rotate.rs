//! A new CA for a cluster.

use crate::{
    error::Answer,
    extract::Call,
    v1::{
        clusters::{self, accept},
        document::accepted,
    },
};
use axum::extract::Path;
use magnum_db::{AcceptOperation, GroupChange, Mode};
use magnum_policy::Rule;
use magnum_types::{
    CA_ROTATE, OperationId, ServiceError, Status, accept::CaRotateParams, change::EventAction,
};

/// `PATCH /v1/certificates/{cluster}`
pub async fn rotate(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let cluster = clusters::load(&call, &ident, None, Rule::CertificateRotateCa).await?;
    let template = cluster.template.as_ref().ok_or_else(|| {
        ServiceError::conflict(format!("The template of cluster {} is gone", cluster.cluster.uuid))
    })?;
    if template.tls_disabled {
        return Err(ServiceError::invalid(
            "Rotating the CA certificate of a cluster whose TLS is disabled is not supported.",
        )
        .into());
    }
    let driver = call.state.registry.of_template(template)?;
    if !driver.upgrades() {
        let text = format!("'rotate_ca_certificate' is not supported by the driver {}.", driver.name());
        return Err(ServiceError::invalid(text).into());
    }
    let state = &call.state;
    let uuid = cluster.cluster.uuid;
    let id = OperationId(state.entropy.uuid());
    let timeout = accept::time_limit(state, cluster.cluster.create_timeout);
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: uuid,
            // One that failed half-way goes on where it stopped.
            allowed: Status::admits_resize,
            new_status: Status::UpdateInProgress,
            nodegroup: GroupChange::None,
            operation: accept::operation(&call, id, CA_ROTATE, &CaRotateParams::default(), timeout)?,
            mode: Mode::Exclusive,
            event: call.pending(uuid, id, EventAction::Update),
        })
        .await?;
    accept::nudge(state, id);
    Ok(accepted(uuid))
}
