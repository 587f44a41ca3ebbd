//! A cluster's credential is replaced: what the acting master does, and that nobody else does anything.

use crate::world::World;
use magnum_types::{
    NodeState,
    plan::{Action, PlanStep},
};

/// Sets that hold the credential or act by it, in the order in which they are applied.
const READERS: &[&str] =
    &["cloud-config", "cloud-controller-manager", "cinder-csi", "cluster-autoscaler", "magnum-auto-healer"];

fn world() -> World {
    let mut world = World::founded(3, 1);
    world.trust();
    world.template.volume_driver = Some("cinder".into());
    for label in ["auto_scaling_enabled", "auto_healing_enabled"] {
        world.set(label, "true");
    }
    world
}

fn differing<'a>(before: &'a [PlanStep], after: &'a [PlanStep]) -> Vec<&'a PlanStep> {
    after.iter().filter(|step| !before.contains(step)).collect()
}

#[test]
fn only_what_acts_by_the_credential_is_touched_and_all_of_it_must_be() {
    let mut world = world();
    let before: Vec<_> = (0..4).map(|node| world.plan(node).unwrap()).collect();
    world.rotate_credential();
    let after: Vec<_> = (0..4).map(|node| world.plan(node).unwrap()).collect();
    assert_eq!(before[1..], after[1..], "other masters and workers hold nothing of it");
    let touched = differing(&before[0], &after[0]);
    let mut names: Vec<String> = READERS.iter().map(|set| format!("add-on {set}")).collect();
    names.push("new credential in use".to_owned());
    assert_eq!(touched.iter().map(|step| step.name.clone()).collect::<Vec<_>>(), names);
    assert!(touched.iter().all(|step| !step.optional), "one that does not follow is a failure");
    let Action::KubeRolledOut { workloads, .. } = &touched[READERS.len()].action else {
        panic!("{:?}", touched[READERS.len()])
    };
    let mut waited: Vec<String> = workloads.iter().map(|(space, name)| format!("{space} {name}")).collect();
    waited.sort();
    assert_eq!(
        waited,
        [
            "kube-system daemonset/magnum-auto-healer",
            "kube-system daemonset/openstack-cloud-controller-manager",
            "kube-system deployment/cluster-autoscaler",
            "kube-system deployment/csi-cinder-controller",
        ]
    );
}

#[test]
fn pods_carry_the_credentials_id_so_that_another_makes_them_anew() {
    let manifests = |world: &World| -> Vec<(String, String)> {
        let steps = world.plan(0).unwrap().into_iter();
        let applied = steps.filter_map(|step| match step.action {
            Action::KubeApply { set, manifest, .. } => Some((set, manifest.0)),
            _ => None,
        });
        applied.filter(|(set, _)| READERS.contains(&set.as_str())).collect()
    };
    let mut world = world();
    let before = manifests(&world);
    world.rotate_credential();
    let after = manifests(&world);
    assert_eq!(after.len(), READERS.len());
    for ((set, before), (_, after)) in before.iter().zip(&after) {
        assert_ne!(before, after, "{set}");
        if *set != "cloud-config" {
            assert!(before.contains("magnum.openstack.org/credential: \"trustee\""), "{set}");
            assert!(after.contains("magnum.openstack.org/credential: \"second trustee\""), "{set}");
        }
        assert!(!after.contains("second password"), "{set}: files are base64");
    }
}

#[test]
fn nothing_is_waited_for_where_no_credential_is_new() {
    let mut world = world();
    let waits =
        |world: &World| world.plan(0).unwrap().iter().any(|step| step.name == "new credential in use");
    assert!(!waits(&world));
    world.rotate_credential();
    assert!(waits(&world));
    for node in world.nodes.iter_mut().take(1) {
        node.state = NodeState::Leaving;
    }
    assert!(
        world.plan(1).unwrap().iter().any(|step| step.name == "new credential in use"),
        "the next one acts"
    );
}
