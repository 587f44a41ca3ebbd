//! What the checks run: each kind of operation as it should go, and each on its way back after a failure. The list of
//! names makes both the table and the tests, so no scenario is forgotten by a check.

use crate::{nodes::Fails, picture::Picture, rig::Rig};
use magnum_fakes::Call;
use magnum_types::{
    CA_ROTATE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_RESIZE, CLUSTER_UPDATE, CLUSTER_UPGRADE,
    CREDENTIAL_ROTATE, Coe, NODEGROUP_CREATE, NODEGROUP_DELETE, NodeState, OperationId, OperationState, Role,
    UPGRADE_STOP,
};

/// Hands the scenarios' names to the macro `$then`.
macro_rules! with_scenarios {
    ($then:ident($($argument:tt)*)) => {
        $then! {
            ($($argument)*) cluster_create cluster_update cluster_resize cluster_delete
            failing_create failing_update failing_resize retried_delete
            nodegroup_create nodegroup_resize nodegroup_delete delete_with_nodegroup
            failing_nodegroup_create failing_nodegroup_resize retried_nodegroup_delete
            create_of_five_managers
            kube_create kube_delete kube_master_resize
            kube_upgrade kube_nodegroup_upgrade kube_rebuild kube_stop kube_rotate credential_rotate kube_credential_rotate
            failing_kube_credential_rotate failing_credential_rotate failing_kube_rebuild failing_kube_upgrade failing_kube_rotate
            kube_create_of_three failing_kube_create kube_master_grow failing_kube_master_grow kube_resize retried_kube_delete
            kube_nodegroup_create kube_nodegroup_resize kube_nodegroup_delete kube_stop_rebuild
        }
    };
}

/// Makes of a check (an async function of a scenario and an extent) one test per scenario, and an ignored one that tries
/// every point.
macro_rules! every_scenario {
    ($($check:ident),*) => { $(with_scenarios!(tests_of($check));)* };
}

macro_rules! tests_of {
    (($check:ident) $($name:ident)*) => {
        mod $check {
            use crate::scenario::{Extent, Scenario};

            $(#[tokio::test]
            async fn $name() {
                super::$check(Scenario::named(stringify!($name)), Extent::Sample).await;
            })*

            mod at_every_point {
                use crate::scenario::{Extent, Scenario};

                $(#[tokio::test]
                #[ignore = "takes minutes"]
                async fn $name() {
                    super::super::$check(Scenario::named(stringify!($name)), Extent::Everything).await;
                })*
            }
        }
    };
}

macro_rules! names {
    (() $($name:ident)*) => { pub const NAMES: &[&str] = &[$(stringify!($name)),*]; };
}

with_scenarios!(names());

/// How many of a check's points are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    Sample,
    Everything,
}

/// Scenarios of which one point is tried in a sample, drawn by the name, so that each meets another step: Kubernetes' turn
/// of what a Swarm's scenario, or a smaller one of its own, tries at more points. Their steps are the same ones, so what
/// is to be seen is where the engines differ: registered nodes that are emptied, more masters, another stack. A world
/// costs half a second, and nine scenarios at as many points as the others have would double the time of all.
const SPARSE: &[&str] = &[
    "kube_create_of_three",
    "failing_kube_create",
    "kube_master_grow",
    "failing_kube_master_grow",
    "kube_resize",
    "retried_kube_delete",
    "kube_nodegroup_create",
    "kube_nodegroup_resize",
    "kube_nodegroup_delete",
    "kube_stop_rebuild",
];

impl Extent {
    /// Points from 1 to `last`: all, or the first, the last and every `stride`-th between. A step makes four
    /// calls of the store, so an odd stride meets each of them.
    pub fn points(self, last: u64, stride: u64) -> impl Iterator<Item = u64> {
        let all = self == Extent::Everything;
        (1..=last).filter(move |n| all || *n == 1 || *n == last || n.is_multiple_of(stride))
    }
}

/// What the cloud does to the operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    None,
    /// Heat's next create or update fails.
    StackFails,
    /// Heat's next delete fails.
    DeleteFails,
    /// A worker fails, once.
    NodeFails(Fails),
    /// Keystone makes no trusts.
    TrustRefused,
}

#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub kind: &'static str,
    pub trouble: Trouble,
    /// Workers before, for a cluster that is there.
    pub before: i32,
    /// Workers that are asked for.
    pub after: i32,
    /// What the cluster has, and the operation is about, beside its two default groups.
    pub extra: Extra,
    /// What the cluster runs.
    pub engine: Coe,
    /// Masters before.
    pub masters: i32,
    /// Masters that are asked for.
    pub masters_after: i32,
    /// What the one point of a sample is drawn by, where it has only one.
    pub drawn: Option<u64>,
    /// Nodes get another image.
    pub image: bool,
}

/// A further node group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extra {
    None,
    /// The operation makes it.
    Asked,
    /// It is there, with `before` workers in it as in the default group.
    There,
}

impl Scenario {
    pub fn named(name: &str) -> Self {
        let extra = match name {
            "nodegroup_create" | "failing_nodegroup_create" | "kube_nodegroup_create" => Extra::Asked,
            _ if name.contains("nodegroup") => Extra::There,
            _ => Extra::None,
        };
        let (kind, trouble, before, after) = match name {
            "kube_create" => (CLUSTER_CREATE, Trouble::None, 0, 2),
            "kube_create_of_three" => (CLUSTER_CREATE, Trouble::None, 0, 1),
            "failing_kube_create" => (CLUSTER_CREATE, Trouble::StackFails, 0, 2),
            "kube_delete" => (CLUSTER_DELETE, Trouble::None, 1, 0),
            "retried_kube_delete" => (CLUSTER_DELETE, Trouble::DeleteFails, 1, 0),
            "kube_master_resize" | "kube_master_grow" => (CLUSTER_RESIZE, Trouble::None, 1, 1),
            "failing_kube_master_grow" => (CLUSTER_RESIZE, Trouble::StackFails, 1, 1),
            "kube_resize" => (CLUSTER_RESIZE, Trouble::None, 2, 1),
            "kube_nodegroup_create" => (NODEGROUP_CREATE, Trouble::None, 1, 2),
            "kube_nodegroup_resize" => (CLUSTER_RESIZE, Trouble::None, 2, 1),
            "kube_nodegroup_delete" => (NODEGROUP_DELETE, Trouble::None, 1, 0),
            "kube_upgrade" | "kube_nodegroup_upgrade" => (CLUSTER_UPGRADE, Trouble::None, 2, 2),
            "kube_stop" | "kube_stop_rebuild" => (UPGRADE_STOP, Trouble::None, 2, 2),
            "kube_rebuild" => (CLUSTER_UPGRADE, Trouble::None, 1, 1),
            "failing_kube_rebuild" => (CLUSTER_UPGRADE, Trouble::StackFails, 1, 1),
            "kube_rotate" => (CA_ROTATE, Trouble::None, 1, 1),
            "credential_rotate" | "kube_credential_rotate" => (CREDENTIAL_ROTATE, Trouble::None, 1, 1),
            "failing_kube_credential_rotate" => {
                (CREDENTIAL_ROTATE, Trouble::NodeFails(Fails::After(0)), 1, 1)
            }
            "failing_credential_rotate" => (CREDENTIAL_ROTATE, Trouble::TrustRefused, 1, 1),
            "failing_kube_upgrade" => (CLUSTER_UPGRADE, Trouble::NodeFails(Fails::Upgrading), 1, 1),
            "failing_kube_rotate" => (CA_ROTATE, Trouble::NodeFails(Fails::After(0)), 1, 1),
            "nodegroup_create" => (NODEGROUP_CREATE, Trouble::None, 1, 2),
            "nodegroup_resize" => (CLUSTER_RESIZE, Trouble::None, 2, 1),
            "nodegroup_delete" => (NODEGROUP_DELETE, Trouble::None, 1, 0),
            "delete_with_nodegroup" => (CLUSTER_DELETE, Trouble::None, 1, 0),
            "failing_nodegroup_create" => (NODEGROUP_CREATE, Trouble::StackFails, 1, 2),
            "failing_nodegroup_resize" => (CLUSTER_RESIZE, Trouble::StackFails, 1, 2),
            "retried_nodegroup_delete" => (NODEGROUP_DELETE, Trouble::DeleteFails, 1, 0),
            "cluster_create" => (CLUSTER_CREATE, Trouble::None, 0, 2),
            "create_of_five_managers" => (CLUSTER_CREATE, Trouble::None, 0, 1),
            "cluster_update" => (CLUSTER_UPDATE, Trouble::None, 2, 3),
            "cluster_resize" => (CLUSTER_RESIZE, Trouble::None, 2, 1),
            "cluster_delete" => (CLUSTER_DELETE, Trouble::None, 2, 0),
            "failing_create" => (CLUSTER_CREATE, Trouble::StackFails, 0, 2),
            "failing_update" => (CLUSTER_UPDATE, Trouble::StackFails, 2, 3),
            "failing_resize" => (CLUSTER_RESIZE, Trouble::StackFails, 2, 1),
            "retried_delete" => (CLUSTER_DELETE, Trouble::DeleteFails, 2, 0),
            other => panic!("no scenario {other}"),
        };
        let engine = if name.contains("kube_") { Coe::Kubernetes } else { Coe::SwarmMode };
        let masters = match name {
            "kube_master_resize" | "kube_rebuild" | "failing_kube_rebuild" | "kube_create_of_three" => 3,
            "create_of_five_managers" => 5,
            _ => 1,
        };
        let masters_after = match name {
            "kube_master_resize" => 1,
            "kube_master_grow" | "failing_kube_master_grow" => 3,
            _ => masters,
        };
        let image = name.contains("rebuild");
        let sum = |sum: u64, byte: u8| sum.wrapping_mul(31).wrapping_add(u64::from(byte));
        let drawn = SPARSE.contains(&name).then(|| name.bytes().fold(7, sum));
        Self { kind, trouble, before, after, extra, engine, masters, masters_after, drawn, image }
    }

    /// The points of a check that are tried, of `last` ones: see [`Extent::points`].
    pub fn points(self, extent: Extent, last: u64, stride: u64) -> impl Iterator<Item = u64> {
        let drawn = self.drawn.filter(|_| extent == Extent::Sample);
        let only = drawn.and_then(|drawn| drawn.checked_rem(last)).map(|point| point + 1);
        extent
            .points(last, if only.is_some() { 1 } else { stride })
            .filter(move |point| only.is_none_or(|only| *point == only))
    }

    /// How it ends when nothing but its own trouble happens.
    pub fn end(self) -> OperationState {
        match self.trouble {
            Trouble::StackFails | Trouble::NodeFails(_) | Trouble::TrustRefused => OperationState::Failed,
            Trouble::None | Trouble::DeleteFails => OperationState::Done,
        }
    }

    /// A world in which the operation is accepted and nothing of it done.
    pub async fn accepted(self) -> (Rig, OperationId) {
        let rig = match self.engine {
            Coe::Kubernetes => Rig::kubernetes(self.masters).await,
            _ => Rig::swarm(self.masters).await,
        };
        let rig = match self.kind {
            CLUSTER_CREATE => rig,
            _ => rig.living(self.before).await,
        };
        if self.extra == Extra::There {
            rig.add_nodegroup(self.before).await;
        }
        match self.trouble {
            Trouble::None => {}
            Trouble::StackFails => rig.cloud.next_stack_fails("No valid host was found."),
            Trouble::DeleteFails => rig.cloud.next_delete_fails("the network is in use"),
            Trouble::NodeFails(when) => rig.nodes.fail("-node-", when),
            Trouble::TrustRefused => rig.cloud.refuse_trusts(true),
        }
        if (self.engine, self.kind) == (Coe::Kubernetes, CLUSTER_DELETE) {
            rig.leave_things();
        }
        let operation = self.accept(&rig).await;
        (rig, operation)
    }

    /// Accepts the operation in a world that is there.
    pub async fn accept(self, rig: &Rig) -> OperationId {
        match self.kind {
            CLUSTER_CREATE => rig.accept_create(self.after).await,
            CLUSTER_UPDATE => rig.accept_update(self.after).await,
            CLUSTER_UPGRADE if self.image => rig.accept_rebuild().await,
            CLUSTER_UPGRADE => rig.accept_upgrade(self.extra == Extra::There).await,
            UPGRADE_STOP => {
                // The master is done, and workers are being emptied, or about to be made anew.
                let (upgrade, wanted) = match self.image {
                    true => (rig.accept_rebuild_of_workers().await, NodeState::Rebuilding),
                    false => (rig.accept_upgrade(false).await, NodeState::Draining),
                };
                let conductor = rig.conductor(None);
                for _ in 0..16 {
                    assert_eq!(conductor.turn(upgrade).await, None);
                    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
                    if nodes.iter().any(|node| node.role == Role::Worker && node.state == wanted) {
                        break;
                    }
                }
                rig.accept_upgrade_stop().await
            }
            CA_ROTATE => rig.accept_rotate().await,
            CREDENTIAL_ROTATE => rig.accept_credential_rotate().await,
            CLUSTER_RESIZE if self.masters_after != self.masters => {
                rig.accept_master_resize(self.masters_after).await
            }
            CLUSTER_RESIZE if self.extra == Extra::There => rig.accept_group_resize(self.after).await,
            CLUSTER_RESIZE => rig.accept_resize(self.after).await,
            NODEGROUP_CREATE => rig.accept_nodegroup(self.after).await,
            NODEGROUP_DELETE => rig.accept_nodegroup_delete().await,
            CLUSTER_DELETE => rig.accept_delete().await,
            other => panic!("no way to accept {other}"),
        }
    }

    /// Servers of the cluster before: the manager and the workers of each group.
    pub fn servers_before(self) -> i32 {
        let groups = if self.extra == Extra::There { 2 } else { 1 };
        self.masters + groups * self.before
    }

    /// Servers once it has ended well.
    pub fn servers_after(self) -> i32 {
        match (self.kind, self.extra) {
            (CLUSTER_DELETE, _) => 0,
            (CLUSTER_CREATE, _) => self.masters + self.after,
            (NODEGROUP_DELETE, _) => 1 + self.before,
            (CLUSTER_UPGRADE, Extra::None) => self.masters + self.after,
            (_, Extra::None) => self.masters_after + self.after,
            (_, Extra::Asked | Extra::There) => 1 + self.before + self.after,
        }
    }

    /// Accepts it once more after it failed. A group that could not be made is taken away first.
    pub async fn accept_again(self, rig: &Rig) -> OperationId {
        rig.cloud.refuse_trusts(false);
        match (self.kind, self.extra) {
            (CLUSTER_UPDATE, _) => rig.accept_resize(self.after).await,
            (NODEGROUP_CREATE, _) => {
                let delete = rig.accept_nodegroup_delete().await;
                assert_eq!(rig.finish(delete).await, OperationState::Done, "a failed group can be deleted");
                rig.pass(5);
                self.accept(rig).await
            }
            _ => self.accept(rig).await,
        }
    }

    /// Runs it with nothing but its own trouble.
    pub async fn clean_run(self) -> CleanRun {
        let (rig, operation) = self.accepted().await;
        rig.cloud.clear_log();
        let conductor = rig.conductor(None);
        let drove = conductor.drive(operation).await;
        assert_eq!(drove, crate::rig::Drove::Ended(self.end()), "the clean run");
        let calls = rig.cloud.log();
        CleanRun { store_calls: conductor.point.calls(), calls, picture: Picture::of(&rig).await }
    }
}

/// What a run without faults did, and how the world looked then.
pub struct CleanRun {
    pub store_calls: u64,
    pub calls: Vec<Call>,
    pub picture: Picture,
}

impl CleanRun {
    /// How many calls of the cloud change something.
    pub fn writes(&self) -> u64 {
        self.calls.iter().filter(|call| is_write(call)).count() as u64
    }
}

/// Whether a call changes something; authentication does not.
pub fn is_write(call: &Call) -> bool {
    !matches!(call.method.as_str(), "GET" | "HEAD") && !call.path.ends_with("/auth/tokens")
}

#[tokio::test]
async fn every_kind_of_operation_has_a_scenario() {
    let rig = Rig::new().await;
    let scenarios: Vec<_> = NAMES.iter().map(|name| Scenario::named(name).kind).collect();
    let kinds = rig.conductor(None).kinds();
    assert!(kinds.len() >= 4, "{kinds:?}");
    for kind in kinds {
        assert!(
            scenarios.contains(&kind),
            "{kind} has no scenario: add it to Scenario::named and with_scenarios"
        );
    }
}

#[tokio::test]
async fn a_living_cluster_has_everything_and_a_deleted_one_nothing() {
    let made = Scenario::named("cluster_create").clean_run().await.picture;
    assert!(made.credential_works && made.join_secret && made.api_address, "{made:?}");
    assert_eq!(made.certificates, 2);
    let count = |kind: &str| made.owned.get(kind).copied().unwrap_or(0);
    assert_eq!(
        (count("stack"), count("server"), count("user"), count("container")),
        (1, 3, 1, 2),
        "{made:?}"
    );
    // The creator's trust in the cluster, and what Heat made of it.
    assert_eq!((count("trust"), count("secret")), (2, 6), "{made:?}");
    assert!(count("volume") >= 2 && count("load balancer") >= 1 && count("floating ip") >= 1, "{made:?}");

    let gone = Scenario::named("cluster_delete").clean_run().await.picture;
    assert_eq!((gone.status, gone.owned.len(), gone.stacks.len()), (None, 0, 0));
}
