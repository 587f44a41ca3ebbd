//! Which templates a living cluster can be brought to: releases that lead to one another, and images that its nodes can
//! be made anew from without losing what only they have. And which releases a further group of workers may have.

use super::{shape, versions};
use crate::{
    error::DriverError,
    inputs::{GroupInputs, UpgradeInputs},
};
use magnum_types::{Cluster, NodeGroup, NodeRegistration, NodeState, Role};

/// The release that the nodes are to run.
pub(super) fn check(inputs: &UpgradeInputs<'_>) -> Result<String, DriverError> {
    let to = shape::value(&inputs.to.labels, "kube_tag");
    match inputs.group {
        Some(group) if group.kind() == Role::Worker => group_release(inputs, group, to)?,
        _ => cluster_release(inputs, to)?,
    }
    image(inputs)?;
    Ok(to.to_owned())
}

/// A further group of workers, beside masters of which the one that is behind counts.
pub(super) fn check_group(inputs: &GroupInputs<'_>) -> Result<(), DriverError> {
    let GroupInputs { cluster, group, nodes } = *inputs;
    let masters = masters_releases(cluster, nodes)
        .first()
        .copied()
        .or(cluster.coe_version.as_deref())
        .unwrap_or_else(|| shape::value(&cluster.labels, "kube_tag"));
    versions::check_group(masters, &shape::release_of(cluster, group))
}

fn release<'a>(cluster: &'a Cluster, node: &'a NodeRegistration) -> &'a str {
    shape::release_of_node(cluster, node)
}

/// The releases that the masters run, oldest first; an upgrade that was stopped leaves them apart.
fn masters_releases<'a>(cluster: &'a Cluster, nodes: &'a [NodeRegistration]) -> Vec<&'a str> {
    let counts = |node: &&NodeRegistration| {
        node.role == Role::Master && !matches!(node.state, NodeState::Leaving | NodeState::Gone)
    };
    let mut releases: Vec<&str> = nodes.iter().filter(counts).map(|node| release(cluster, node)).collect();
    releases.sort_by_key(|runs| runs.parse::<versions::Release>().ok());
    releases
}

/// One group of workers follows the masters, wherever they are.
fn group_release(inputs: &UpgradeInputs<'_>, group: &NodeGroup, to: &str) -> Result<(), DriverError> {
    let masters = masters_releases(inputs.cluster, inputs.nodes);
    if let Some(masters) = masters.into_iter().find(|runs| *runs != to) {
        return Err(DriverError::Field {
            field: "nodegroup",
            problem: format!("the masters run {masters}, not {to}: upgrade the whole cluster first"),
        });
    }
    for node in inputs.nodes.iter().filter(|node| node.nodegroup == group.uuid) {
        let from = release(inputs.cluster, node);
        versions::check(to)?;
        if from.parse::<versions::Release>() > to.parse::<versions::Release>() {
            versions::check_upgrade(from, to, &[])?;
        }
    }
    Ok(())
}

fn cluster_release(inputs: &UpgradeInputs<'_>, to: &str) -> Result<(), DriverError> {
    let mut masters = masters_releases(inputs.cluster, inputs.nodes);
    if masters.is_empty() {
        let known = inputs.cluster.coe_version.as_deref();
        masters.push(known.unwrap_or_else(|| shape::value(&inputs.cluster.labels, "kube_tag")));
    }
    let kubelets: Vec<&str> = inputs.nodes.iter().map(|node| release(inputs.cluster, node)).collect();
    // The newest must not go back, nor the oldest leave a minor out.
    masters.into_iter().try_for_each(|from| versions::check_upgrade(from, to, &kubelets))
}

/// A node that is made anew keeps its addresses and its volumes, and loses the disk that came of its image.
fn image(inputs: &UpgradeInputs<'_>) -> Result<(), DriverError> {
    let groups = inputs.image_groups();
    if groups.is_empty() {
        return Ok(());
    }
    let refused = |problem: String| Err(DriverError::Field { field: "cluster_template", problem });
    let (from, to) = (inputs.from.cluster_distro.as_deref(), inputs.to.cluster_distro.as_deref());
    if from != to {
        return refused(format!(
            "its image is of {}, and the cluster's nodes are of {from}: name an image of {from}, or make a new cluster",
            to.unwrap_or("no known distribution"),
            from = from.unwrap_or("no known distribution")
        ));
    }
    let size = |name: &str| shape::value(&inputs.cluster.labels, name).parse::<i64>().unwrap_or(0);
    if size("boot_volume_size") > 0 {
        return refused(
            "it names another image, and the cluster's nodes boot from volumes, which cannot be made anew in place: \
             make a node group of that image"
                .to_owned(),
        );
    }
    let masters: i32 =
        groups.iter().filter(|group| group.kind() == Role::Master).map(|group| group.node_count).sum();
    if (1..3).contains(&masters) && size("etcd_volume_size") == 0 {
        return refused(
            "it names another image, and the only master has the cluster's data on its own disk: upgrade the groups of \
             workers one by one, or resize the cluster to three masters first"
                .to_owned(),
        );
    }
    Ok(())
}
