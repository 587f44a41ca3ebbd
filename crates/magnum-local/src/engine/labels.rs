//! The labels on everything that is made, and how things are found by them.

use bollard::models::{ContainerSummary, Network};
use std::collections::HashMap;
use uuid::Uuid;

/// The id of the installation.
pub(super) const INSTALLATION: &str = "org.openstack.magnum.installation";
/// The stack whose network it is, or in whose network it is.
pub(super) const STACK: &str = "org.openstack.magnum.stack";
/// The stack that a node belongs to.
pub(super) const OWNER: &str = "org.openstack.magnum.owner";
/// Nova's id of a node.
pub(super) const SERVER: &str = "org.openstack.magnum.server";
/// A node's host name.
pub(super) const NAME: &str = "org.openstack.magnum.name";
/// A node's address, also while it does not run.
pub(super) const ADDRESS: &str = "org.openstack.magnum.address";
/// Of a network that only asks the engine for free addresses (see `network.rs`).
pub(super) const DRAFT: &str = "org.openstack.magnum.draft";
/// Of a node image: its COEs, with commas between.
pub(super) const COES: &str = "org.openstack.magnum.coes";
/// Of a node image: the release of Kubernetes whose programs it has.
pub(super) const KUBE_TAG: &str = "org.openstack.magnum.kube_tag";
/// Of a node image: Glance's `os_distro`.
pub(super) const OS_DISTRO: &str = "org.openstack.magnum.os_distro";
/// Of a node image that was made here: its recipe's SHA-256.
pub(super) const RECIPE: &str = "org.openstack.magnum.recipe";

/// The labels that a map may have.
pub(super) type Labels = HashMap<String, String>;

/// Labels from pairs.
pub(super) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Labels {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The engine's filter for things that have all of these.
pub(super) fn filter<const N: usize>(pairs: [(&str, &str); N]) -> Option<HashMap<String, Vec<String>>> {
    let wanted = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Some(HashMap::from([("label".to_owned(), wanted)]))
}

/// The id in a label.
pub(super) fn id(labels: Option<&Labels>, name: &str) -> Option<Uuid> {
    labels?.get(name)?.parse().ok()
}

/// The text in a label, empty when it is not there.
pub(super) fn text(labels: Option<&Labels>, name: &str) -> String {
    labels.and_then(|labels| labels.get(name)).cloned().unwrap_or_default()
}

/// Stacks that a container has to do with: its owner and its network's.
pub(super) fn stacks(container: &ContainerSummary) -> impl Iterator<Item = Uuid> {
    let labels = container.labels.as_ref();
    [id(labels, OWNER), id(labels, STACK)].into_iter().flatten()
}

/// Whether a network is only a draft.
pub(super) fn is_draft(network: &Network) -> bool {
    network.labels.as_ref().is_some_and(|labels| labels.contains_key(DRAFT))
}
