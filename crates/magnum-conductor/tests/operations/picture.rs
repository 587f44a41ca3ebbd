//! Everything of a cluster that somebody could see once an operation has ended, in a form that two runs can be compared
//! by: ids, addresses and times are left out, counts and words are kept.

use crate::rig::Rig;
use magnum_secrets::CertificateStore;
use magnum_types::{OperationState, RotationPhase, Status};
use std::{collections::BTreeMap, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Status and reason; `None` when the row is gone.
    pub status: Option<(Status, Option<String>)>,
    /// Name, count, status and reason of each group.
    pub groups: Vec<String>,
    /// Name and status of each stack.
    pub stacks: Vec<(String, String)>,
    /// How many of each kind the cloud holds for the cluster.
    pub owned: BTreeMap<String, usize>,
    /// Kind and state of each operation, the oldest first.
    pub operations: Vec<(String, OperationState)>,
    /// The notifications, the oldest first.
    pub told: Vec<String>,
    /// Whether the cluster's own credential opens Keystone.
    pub credential_works: bool,
    /// How many of the cluster's certificates can be loaded.
    pub certificates: usize,
    /// Which of the authorities' phases a rotation stands in.
    pub rotation: Option<RotationPhase>,
    /// How often the credential was replaced, whether the one before is still good, and how many are kept.
    pub former: (u32, bool, usize),
    /// How many facts and shared secrets there are.
    pub facts: usize,
    /// Name, state and release of each registered node.
    pub nodes: Vec<String>,
    /// What the cluster runs, by its row and by its template.
    pub release: (Option<String>, Option<String>),
    /// Whether a node could register, and a client find the API.
    pub join_secret: bool,
    pub api_address: bool,
}

impl Picture {
    /// Takes the picture; the outbox can be read once only.
    pub async fn of(rig: &Rig) -> Self {
        // Nodes go on after an operation has ended: each has the plan that the end left it.
        rig.nodes.report().await;
        let view = rig.view().await;
        let conductor = rig.conductor(None);
        let handle = rig.store.handle_get(rig.cluster).await.unwrap();
        let (mut credential_works, mut certificates) = (false, 0);
        if let Some(view) = &view {
            if let Ok(session) = conductor.world.cluster_session(&view.cluster, &handle) {
                credential_works = session.token().await.is_ok();
            }
            let store: &dyn CertificateStore = conductor.world.certificates.as_ref();
            let references = [
                &view.cluster.ca_cert_ref,
                &view.cluster.magnum_cert_ref,
                &view.cluster.etcd_ca_cert_ref,
                &view.cluster.front_proxy_ca_cert_ref,
            ];
            for reference in references.into_iter().flatten() {
                certificates += usize::from(store.load(reference).await.is_ok());
            }
        }
        let groups = view.iter().flat_map(|view| &view.nodegroups).map(|group| {
            format!("{} {} {} {:?}", group.name, group.node_count, group.status, group.status_reason)
        });
        let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
        let nodes =
            nodes.iter().map(|node| format!("{} {:?} {:?}", node.name, node.state, node.wanted_release));
        let mut nodes: Vec<String> = nodes.collect();
        nodes.sort();
        let release = view.as_ref().map_or((None, None), |view| {
            let template = view.template.as_ref().map(|template| template.name.clone());
            (view.cluster.coe_version.clone(), template)
        });
        let operations = rig.store.operations_of(rig.cluster).await.unwrap();
        let told = rig.store.outbox_take(100, "the picture", Duration::ZERO).await.unwrap();
        Self {
            status: view.as_ref().map(|view| (view.cluster.status, view.cluster.status_reason.clone())),
            groups: groups.collect(),
            stacks: rig.cloud.stacks(),
            owned: owned(rig),
            operations: operations.into_iter().map(|operation| (operation.kind, operation.state)).collect(),
            told: told.iter().map(|row| format!("{:?} {:?}", row.event.action, row.event.outcome)).collect(),
            credential_works,
            certificates,
            rotation: handle.rotation.as_ref().map(|rotation| rotation.phase),
            former: (
                handle.former_credentials.generation,
                handle.former_credentials.replaced.is_some(),
                handle.former_credentials.kept.len(),
            ),
            facts: conductor.world.facts(&handle).unwrap().len(),
            nodes,
            release,
            join_secret: handle.join_secret_hash.is_some(),
            api_address: view.is_some_and(|view| view.cluster.api_address.is_some()),
        }
    }
}

/// How many of each kind are left in the cloud.
pub fn owned(rig: &Rig) -> BTreeMap<String, usize> {
    let mut owned = BTreeMap::new();
    for left in rig.cloud.leftovers() {
        // "floating ip 8f… (172.24.4.3)"
        let (words, _) = left.split_once(" (").expect("a kind, an id and some words");
        let (kind, _) = words.rsplit_once(' ').expect("a kind and an id");
        *owned.entry(kind.to_owned()).or_default() += 1;
    }
    owned
}
