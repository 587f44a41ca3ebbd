//! A new CA for a cluster.

use crate::{
    error::Answer,
    extract::Call,
    v1::clusters::{self, accept},
};
use axum::extract::Path;
use magnum_policy::Rule;
use magnum_types::{CA_ROTATE, OperationId, ServiceError, accept::CaRotateParams};

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
    let id = OperationId(call.state.entropy.uuid());
    accept::rotation(&call, &cluster.cluster, id, CA_ROTATE, &CaRotateParams::default()).await
}
