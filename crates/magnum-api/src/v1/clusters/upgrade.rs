//! Brings a cluster, or one of its node groups, to another template. Everything that can be wrong with the request is
//! refused in this order, last by the driver: which releases lead to which is its business.

use crate::{
    error::Answer,
    extract::{Call, FieldsBody},
    microversion::{RESIZE, UPGRADE},
    v1::{
        clusters::{accept, load, resize::named_group},
        document::accepted,
    },
};
use axum::extract::Path;
use magnum_db::{AcceptOperation, ClusterView, GroupChange, Mode, Tenancy};
use magnum_drivers::UpgradeInputs;
use magnum_policy::Rule;
use magnum_types::{
    CLUSTER_UPGRADE, ErrorKind, Labels, NodeGroup, NodeGroupId, NodeGroupPatch, OperationId, Role,
    ServiceError, Status, UPGRADE_STOP,
    accept::{ClusterUpgradeParams, UpgradeImage, UpgradeStopParams},
    change::EventAction,
};

/// `POST /v1/clusters/{cluster}/actions/upgrade`
pub async fn upgrade(call: Call, Path(ident): Path<String>, FieldsBody(mut body): FieldsBody) -> Answer {
    if call.version.explicit && !call.version.at_least(UPGRADE) {
        return Err(too_old(&call).into());
    }
    call.arguments(&[])?;
    let template = body.required_text("cluster_template", 255)?;
    let max_batch_size = body.integer("max_batch_size", 1, i32::MAX)?.unwrap_or(1);
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
    if !driver.upgrades() {
        let text = format!("'upgrade_cluster' is not supported by the driver {}.", driver.name());
        return Err(ServiceError::invalid(text).into());
    }
    let group = nodegroup.as_deref().map(|name| named_group(&cluster, name)).transpose()?;
    let from = cluster.template.as_ref().ok_or_else(|| {
        ServiceError::conflict(format!("The template of cluster {} is gone", cluster.cluster.uuid))
    })?;
    let nodes = call.state.store.nodes_of(cluster.cluster.uuid).await?;
    let inputs = UpgradeInputs {
        cluster: &cluster.cluster,
        nodegroups: &cluster.nodegroups,
        from,
        to: &wanted,
        group,
        nodes: &nodes,
    };
    let release = driver.upgrade(&inputs)?;
    let nodegroups: Vec<NodeGroupId> = inputs.image_groups().iter().map(|group| group.uuid).collect();
    let image = UpgradeImage { id: wanted.image_id.clone(), nodegroups };
    let params = ClusterUpgradeParams {
        template: wanted.uuid.to_string(),
        release,
        nodegroup: group.map(|group| group.uuid),
        max_batch_size: u32::try_from(max_batch_size).unwrap_or(1),
        labels: labels(&cluster.cluster.labels, &from.labels, &wanted.labels),
        image: Some(image).filter(|image| !image.nodegroups.is_empty()),
    };
    begin(&call, &cluster, group, &params).await
}

/// `DELETE /v1/clusters/{cluster}/actions/upgrade`: the upgrade that is going on ends where it stands.
pub async fn stop(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let cluster = load(&call, &ident, Some(Rule::ClusterUpgradeAllProjects), Rule::ClusterUpgrade).await?;
    let (state, uuid) = (&call.state, cluster.cluster.uuid);
    let none = || ServiceError::conflict(format!("No upgrade of cluster {uuid} is going on"));
    let live = state.store.live_operation(uuid).await?;
    let live = live.filter(|live| live.kind == CLUSTER_UPGRADE).ok_or_else(none)?;
    let upgrade: ClusterUpgradeParams =
        serde_json::from_value(live.params).map_err(ServiceError::internal)?;
    let params = UpgradeStopParams { release: upgrade.release, nodegroup: upgrade.nodegroup };
    let id = OperationId(state.entropy.uuid());
    let timeout = accept::time_limit(state, cluster.cluster.create_timeout);
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: uuid,
            allowed: |status| status == Status::UpdateInProgress,
            new_status: Status::UpdateInProgress,
            nodegroup: GroupChange::None,
            operation: accept::operation(&call, id, UPGRADE_STOP, &params, timeout)?,
            // What came in its place meanwhile is not stopped.
            mode: Mode::Stop(CLUSTER_UPGRADE),
            event: call.pending(uuid, id, EventAction::Update),
        })
        .await?;
    accept::nudge(state, live.id);
    accept::nudge(state, id);
    Ok(accepted(uuid))
}

/// The upgrade is on its way: the status says so before the answer does. What failed before may be asked for again.
async fn begin(
    call: &Call,
    cluster: &ClusterView,
    group: Option<&NodeGroup>,
    params: &ClusterUpgradeParams,
) -> Answer {
    let state = &call.state;
    let uuid = cluster.cluster.uuid;
    let id = OperationId(state.entropy.uuid());
    // A node may take as long as a creation may; masters go one by one, workers in batches.
    let turns = turns(&cluster.nodegroups, group, params.max_batch_size);
    let timeout = accept::time_limit(state, cluster.cluster.create_timeout).saturating_mul(turns);
    let status = NodeGroupPatch { status: Some(Status::UpdateInProgress), ..NodeGroupPatch::default() };
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: uuid,
            allowed: Status::admits_resize,
            new_status: Status::UpdateInProgress,
            nodegroup: group
                .map_or(GroupChange::None, |group| GroupChange::Patch(group.uuid, Box::new(status))),
            operation: accept::operation(call, id, CLUSTER_UPGRADE, params, timeout)?,
            mode: Mode::Exclusive,
            event: call.pending(uuid, id, EventAction::Update),
        })
        .await?;
    accept::nudge(state, id);
    Ok(accepted(uuid))
}

/// How many times somebody waits for nodes.
fn turns(groups: &[NodeGroup], group: Option<&NodeGroup>, max_batch_size: u32) -> u32 {
    let asked = |candidate: &&NodeGroup| group.is_none_or(|group| group.uuid == candidate.uuid);
    let turns = groups.iter().filter(asked).map(|group| {
        let nodes = u32::try_from(group.node_count).unwrap_or(0);
        if group.kind() == Role::Master { nodes } else { nodes.div_ceil(max_batch_size.max(1)) }
    });
    turns.sum::<u32>().max(1)
}

/// The new template's labels, with what the cluster has of its own laid over them. The release is always the new one's.
fn labels(cluster: &Labels, from: &Labels, to: &Labels) -> Labels {
    let own = |name: &str, value: &str| name != "kube_tag" && from.get(name) != Some(value);
    let own = cluster.0.iter().filter(|(name, value)| own(name, value));
    to.merged_with(&own.map(|(name, value)| (name.clone(), value.clone())).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cluster_has_of_its_own_stays_and_the_rest_follows_the_new_template() {
        let map = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let cluster = map(&[("kube_tag", "v1.33.0"), ("same", "1"), ("own", "x"), ("changed", "mine")]);
        let from = map(&[("kube_tag", "v1.33.0"), ("same", "1"), ("changed", "theirs")]);
        let to = map(&[("kube_tag", "v1.34.0"), ("same", "2"), ("new", "y")]);
        let wanted =
            map(&[("kube_tag", "v1.34.0"), ("same", "2"), ("new", "y"), ("own", "x"), ("changed", "mine")]);
        assert_eq!(labels(&cluster, &from, &to), wanted);
    }
}
