//! A failure says why: whatever went wrong, and wherever, `status_reason` and the failed groups' own (which the API shows as
//! `faults`) name the first cause in the words of the service that refused, with the resource and the node's name.

use crate::rig::{Drove, Rig};
use magnum_db::NodeReport;
use magnum_fakes::Part;
use magnum_types::{Coe, NodeState, OperationId, OperationState, Status};

/// Where in a member, and the words of Nova or Neutron; `%s` is the way to it.
const CAUSES: [(Part, &str); 5] = [
    (
        Part::Server,
        "Forbidden: resources.%s: Quota exceeded for instances: Requested 1, but already used 10 of 10 instances \
         (HTTP 403)",
    ),
    (
        Part::Server,
        "ResourceInError: resources.%s: Went to status ERROR due to \"Message: No valid host was found. There are \
         not enough hosts available., Code: 500\"",
    ),
    (
        Part::Server,
        "BadRequest: resources.%s: Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, \
         image is 4294967296 bytes. (HTTP 400)",
    ),
    (
        Part::Port,
        "IpAddressInUseClient: resources.%s: Unable to complete operation for network 2222. The IP address 10.0.0.9 \
         is in use.",
    ),
    (
        Part::Port,
        "IpAddressAlreadyAllocatedClient: resources.%s: IP address 10.0.0.9 already allocated in subnet 3333 \
         (HTTP 409)",
    ),
];

const ENGINES: [Coe; 2] = [Coe::Kubernetes, Coe::SwarmMode];

async fn world(engine: Coe) -> Rig {
    match engine {
        Coe::Kubernetes => Rig::kubernetes(1).await,
        _ => Rig::swarm(1).await,
    }
}

/// How a member's resources are called: the way to it, its server, its port.
fn member(engine: Coe, master: bool) -> (&'static str, &'static str, &'static str) {
    match (engine, master) {
        (Coe::Kubernetes, true) => ("kube_masters", "kube-master", "kube_master_eth0"),
        (Coe::Kubernetes, false) => ("kube_minions", "kube-minion", "kube_minion_eth0"),
        (_, true) => ("swarm_primary_master", "swarm-master", "swarm_master_eth0"),
        (_, false) => ("swarm_nodes", "swarm-node", "swarm_node_eth0"),
    }
}

fn told(verb: &str, node: &str, names: (&str, &str, &str), (part, said): (Part, &str)) -> String {
    let (group, server, port) = names;
    let (resource, kind) = match part {
        Part::Server => (server, "OS::Nova::Server"),
        Part::Port => (port, "OS::Neutron::Port"),
    };
    let index = node.rsplit('-').next().unwrap();
    let words = said.replace("%s", resource);
    format!("the stack's {verb} failed: node {node}: {group}.{index}.{resource} ({kind}): {words}")
}

async fn assert_tells(rig: &Rig, status: Status, wanted: &str, about: &str) {
    let view = rig.view().await.unwrap();
    assert_eq!(view.cluster.status, status, "{about}");
    assert_eq!(view.cluster.status_reason.as_deref(), Some(wanted), "{about}");
    let failed: Vec<_> = view.nodegroups.iter().filter(|group| group.status.is_failed()).collect();
    assert!(!failed.is_empty(), "{about}");
    for group in failed {
        assert_eq!(group.status_reason.as_deref(), Some(wanted), "{about}: {}", group.name);
    }
}

const KUBELET: &str = "the unit kubelet.service was started three times and ended each time";

/// Servers register as they come, and the one of this name fails.
async fn fails_at_the_kubelet(rig: &Rig, operation: OperationId, name: &str) -> String {
    let conductor = rig.conductor(None);
    for _ in 0..200 {
        if let Some(ended) = conductor.turn(operation).await {
            assert_eq!(ended, Drove::Ended(OperationState::Failed));
            return format!("node {name}: step \"kubelet\" failed: {KUBELET}");
        }
        rig.register_servers().await;
        let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
        for node in nodes.iter().filter(|node| node.name == name && node.state == NodeState::Ready) {
            let report = NodeReport {
                state: Some(NodeState::Failed),
                generation: node.generation,
                step: Some("kubelet".to_owned()),
                error: Some(KUBELET.to_owned()),
            };
            rig.store.node_report(&node.instance_id, report).await.unwrap();
        }
    }
    panic!("it never ends");
}

#[tokio::test]
async fn a_create_that_fails_says_why() {
    for engine in ENGINES {
        let names = member(engine, true);
        let word = if engine == Coe::Kubernetes { "master" } else { "primary-master" };
        let node = format!("c1-abcdefghijkl-{word}-0");
        // Each try needs a world of its own here: a Swarm tries one cause of each part.
        let causes = match engine {
            Coe::Kubernetes => &CAUSES[..],
            _ => &CAUSES[2..4],
        };
        for cause in causes.iter().copied() {
            let rig = world(engine).await;
            rig.cloud.next_stack_fails_at(cause.0, cause.1);
            let create = rig.accept_create(1).await;
            assert_eq!(rig.finish(create).await, OperationState::Failed);
            let wanted = told("create", &node, names, cause);
            assert_tells(&rig, Status::CreateFailed, &wanted, cause.1).await;
            assert_eq!(rig.cloud.leftovers(), Vec::<String>::new(), "{}", cause.1);
        }
        let rig = world(engine).await;
        let create = rig.accept_create(1).await;
        let wanted = fails_at_the_kubelet(&rig, create, &node).await;
        assert_tells(&rig, Status::CreateFailed, &wanted, "kubelet").await;
        assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_node_group_that_cannot_be_made_says_why() {
    for engine in ENGINES {
        let (names, node) = (member(engine, false), "c1-further-mnopqrstuvwx-node-0");
        let rig = world(engine).await.living(1).await;
        for cause in CAUSES {
            rig.cloud.next_stack_fails_at(cause.0, cause.1);
            let create = rig.accept_nodegroup(1).await;
            assert_eq!(rig.finish(create).await, OperationState::Failed);
            let wanted = told("create", node, names, cause);
            assert_tells(&rig, Status::UpdateFailed, &wanted, cause.1).await;
            let delete = rig.accept_nodegroup_delete().await;
            assert_eq!(rig.finish(delete).await, OperationState::Done, "{}", cause.1);
            rig.pass(5);
        }
        let create = rig.accept_nodegroup(1).await;
        let wanted = fails_at_the_kubelet(&rig, create, node).await;
        assert_tells(&rig, Status::UpdateFailed, &wanted, "kubelet").await;
    }
}

#[tokio::test]
async fn a_resize_that_fails_says_why() {
    for engine in ENGINES {
        let (names, node) = (member(engine, false), "c1-abcdefghijkl-node-1");
        let rig = world(engine).await.living(1).await;
        for cause in CAUSES {
            rig.cloud.next_stack_fails_at(cause.0, cause.1);
            let resize = rig.accept_resize(2).await;
            assert_eq!(rig.finish(resize).await, OperationState::Failed);
            let wanted = told("update", node, names, cause);
            assert_tells(&rig, Status::UpdateFailed, &wanted, cause.1).await;
            assert_eq!((rig.workers().await, rig.cloud.servers().len()), (1, 2), "{}", cause.1);
            rig.pass(5);
        }
        let resize = rig.accept_resize(2).await;
        let wanted = fails_at_the_kubelet(&rig, resize, node).await;
        assert_tells(&rig, Status::UpdateFailed, &wanted, "kubelet").await;
    }
}
