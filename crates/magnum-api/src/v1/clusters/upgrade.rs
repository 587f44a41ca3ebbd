//! Brings a cluster, or one of its node groups, to another template. Everything that can be wrong with the request is
//! refused in this order, and last a driver that cannot upgrade.

use crate::{
    error::Answer,
    extract::{Call, FieldsBody},
    microversion::{RESIZE, UPGRADE},
    v1::clusters::{load, resize::named_group},
};
use axum::extract::Path;
use magnum_db::Tenancy;
use magnum_policy::Rule;
use magnum_types::{ErrorKind, ServiceError};

/// `POST /v1/clusters/{cluster}/actions/upgrade`
pub async fn upgrade(call: Call, Path(ident): Path<String>, FieldsBody(mut body): FieldsBody) -> Answer {
    if call.version.explicit && !call.version.at_least(UPGRADE) {
        return Err(too_old(&call).into());
    }
    call.arguments(&[])?;
    let template = body.required_text("cluster_template", 255)?;
    body.integer("max_batch_size", 1, i32::MAX)?;
    let nodegroup = body.text("nodegroup", 255)?;
    body.finish(&[])?;
    let cluster = load(&call, &ident, Some(Rule::ClusterUpgradeAllProjects), Rule::ClusterUpgrade).await?;
    let tenancy = if call.context.is_admin { Tenancy::All } else { Tenancy::Project(call.project()?) };
    let wanted = call.state.store.template_get(tenancy, &template, call.context.is_admin).await?;
    if let Some(name) = &nodegroup {
        let group = named_group(&cluster, name)?;
        if !group.is_default && wanted.uuid.to_string() != cluster.cluster.cluster_template_id {
            return Err(ServiceError::conflict(format!(
                "Nodegroup {} can only be brought to the template of its cluster, {}: upgrade the cluster first",
                group.name, cluster.cluster.cluster_template_id
            ))
            .into());
        }
    }
    if let Some(present) = &cluster.template
        && present.coe != wanted.coe
    {
        return Err(ServiceError::conflict(format!(
            "ClusterTemplate {} is for {}, and the cluster runs {}",
            wanted.uuid, wanted.coe, present.coe
        ))
        .into());
    }
    let driver = call.state.registry.of_template(&wanted)?;
    // The operation is not built yet, so every driver answers this; it is asked once one can.
    Err(ServiceError::invalid(format!("'upgrade_cluster' is not supported by the driver {}.", driver.name()))
        .into())
}

/// At 1.7 the action was there and refused itself; before, it was not.
fn too_old(call: &Call) -> ServiceError {
    if call.version.at_least(RESIZE) {
        return ServiceError::invalid(
            "Cluster upgrade is not supported in the provided microversion: use 1.8 or later",
        );
    }
    ServiceError::new(
        ErrorKind::NotAcceptable,
        "Upgrading needs microversion 1.8 or later: send OpenStack-API-Version: container-infra 1.8",
    )
}
