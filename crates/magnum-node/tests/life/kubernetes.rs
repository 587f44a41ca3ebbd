//! What a node of Kubernetes does: programs, certificates, units that watch their files, etcd, and the API.

use crate::{
    cluster::node,
    error_of, file, fresh, only, step,
    world::{World, steps_reported},
};
use magnum_node::machine::Machine as _;
use magnum_types::plan::{
    Action, HealthCheck, Kubectl, NodeMarks, Plan, PlanStep, Proxies, StepResult, Text,
};
use magnum_x509::{CertificateAuthority, KeyAlgorithm, PrivateKey, Validity};
use serde_json::json;
use std::collections::BTreeMap;

pub const UNIT: &str = "kube-apiserver.service";
pub const KEY: &str = "/etc/kubernetes/pki/apiserver.key";
pub const CERTIFICATE: &str = "/etc/kubernetes/pki/apiserver.crt";
pub const KUBELET: &str = "/usr/local/lib/magnum/v1.20.2/kubelet";

pub fn kubectl() -> Kubectl {
    Kubectl { program: "kubectl".to_owned(), kubeconfig: "/etc/kubeconfig".to_owned() }
}

pub fn kube() -> World {
    let world = fresh();
    world.0.borrow_mut().cluster.api = "ok".to_owned();
    world
}

pub fn certificate(revision: &str) -> PlanStep {
    let action = Action::Certificate {
        identity: "kube-apiserver".to_owned(),
        key: KEY.to_owned(),
        certificate: CERTIFICATE.to_owned(),
        revision: revision.to_owned(),
    };
    step("certificate", action)
}

fn unit() -> PlanStep {
    let watches = vec!["/etc/options".to_owned(), CERTIFICATE.to_owned(), "/etc/absent".to_owned()];
    step("service", Action::Unit { name: UNIT.to_owned(), watches })
}

pub fn serving(generation: i64, options: &str, other: &str, revision: &str) -> Plan {
    let steps = vec![
        file("options", "/etc/options", options),
        file("other", "/etc/other", other),
        certificate(revision),
        unit(),
    ];
    Plan { generation, steps, health: None, proxies: Proxies::default() }
}

pub fn apply(world: &World, plan: &Plan) {
    world.offer(plan);
    world.run().unwrap();
}

#[test]
fn a_unit_is_started_anew_only_for_the_files_that_it_watches() {
    let world = kube();
    apply(&world, &serving(1, "a", "x", "r1"));
    assert_eq!(world.0.borrow().starts, 1);
    apply(&world, &serving(2, "a", "y", "r1"));
    assert_eq!(world.0.borrow().starts, 1, "another file's change is none of its business");
    apply(&world, &serving(3, "b", "y", "r1"));
    assert_eq!(world.0.borrow().starts, 2);
    assert_eq!(world.0.borrow().started[UNIT]["/etc/options"], b"b");
    world.0.borrow_mut().files.insert("/etc/absent".to_owned(), (0o644, b"now there".to_vec()));
    apply(&world, &serving(4, "b", "y", "r1"));
    assert_eq!(world.0.borrow().starts, 3);
    world.0.borrow_mut().started.clear();
    apply(&world, &serving(5, "b", "y", "r1"));
    assert_eq!((world.0.borrow().starts, world.ran("systemctl start")), (4, 1), "one that died is started");
}

#[test]
fn an_optional_step_is_told_and_does_not_stop_the_plan() {
    let world = kube();
    let missing = PlanStep {
        optional: true,
        ..step("missing", Action::Packages { programs: BTreeMap::from([("/opt/x".into(), "no-x".into())]) })
    };
    let steps = vec![missing, file("options", "/etc/options", "a"), file("other", "/etc/other", "b")];
    apply(&world, &Plan { generation: 1, steps, health: None, proxies: Proxies::default() });
    assert_eq!(steps_reported(&world, StepResult::Failed), Vec::<String>::new());
    assert_eq!(steps_reported(&world, StepResult::Done), ["missing", "options"]);
    let last = world.last_report();
    assert_eq!((last.step.as_str(), last.result), ("other", StepResult::Ready));
    assert_eq!(last.error.unwrap(), "step missing: apt-get: E: Unable to locate package no-x", "to the end");
    apply(&world, &only(2, Action::File { path: "/etc/a".into(), mode: 0o600, content: Text("a".into()) }));
    assert_eq!(world.last_report().error, None, "another plan, another matter");
}

#[test]
fn manifests_are_applied_once_per_content() {
    let world = kube();
    let set = |generation, text: &str| {
        let absent = vec![
            vec!["-n".to_owned(), "kube-system".to_owned(), "cm/old".to_owned()],
            vec!["dance/ball".to_owned()],
        ];
        let manifest = Text(text.to_owned());
        only(
            generation,
            Action::KubeApply {
                kubectl: kubectl(),
                set: "base".to_owned(),
                manifest,
                client_side: false,
                absent,
            },
        )
    };
    apply(&world, &set(1, "{\"kind\": \"List\"}"));
    apply(&world, &set(2, "{\"kind\": \"List\"}"));
    let delete = "delete -n kube-system cm/old";
    assert_eq!(world.0.borrow().cluster.manifests, ["---\n{\"kind\": \"List\"}", delete]);
    apply(&world, &set(3, "kind: List"));
    assert_eq!(world.0.borrow().cluster.manifests[2..], ["---\nkind: List", delete]);
}

/// A wait is looked at often enough that it lasts an eighth longer than what it waits for, and no more than a quarter of a
/// second where that is soon.
#[test]
fn a_wait_lasts_hardly_longer_than_what_it_waits_for() {
    for (failures, least, most) in [(1, 0.25, 0.25), (8, 2.0, 2.0), (26, 15.0, 20.0)] {
        let world = kube();
        world.0.borrow_mut().failures.insert("kubectl".to_owned(), ("not yet".to_owned(), failures));
        apply(&world, &only(1, answers("")));
        let waited = world.0.borrow().now.as_secs_f64();
        assert!((least..=most).contains(&waited), "{failures} failures: {waited} s");
    }
}

fn answers(server: &str) -> Action {
    let address = "10.0.0.5:6443".to_owned();
    Action::KubeApi { kubectl: kubectl(), address, server: server.to_owned() }
}

#[test]
fn an_api_that_does_not_answer_says_why() {
    let world = kube();
    apply(&world, &only(1, answers("")));
    world.0.borrow_mut().cluster.api = "old".to_owned();
    apply(&world, &only(2, answers("")));
    let world = kube();
    world.0.borrow_mut().cluster.api = "error: not ready".to_owned();
    assert_eq!(error_of(&world, answers("")), "kubectl: error: not ready");
    let world = kube();
    world.0.borrow_mut().cluster.api = String::new();
    assert_eq!(error_of(&world, answers("")), "10.0.0.5:6443: Connection refused (os error 111)");
    assert_eq!(world.ran("kubectl"), 0, "nobody listens, so nobody is asked");
    assert_eq!(
        error_of(&world, answers("docker.service")),
        "docker.service: failed to load listeners: no certificate",
        "where the server is this machine's and does not run, its own words are the cause"
    );
}

#[test]
fn workloads_are_waited_for_until_no_old_pod_is_left() {
    let world = kube();
    let seen = |generation: i64, old: i64, new: i64| {
        json!({
            "metadata": {"generation": 2},
            "status": {"observedGeneration": generation, "replicas": old + new, "updatedReplicas": new,
                       "readyReplicas": old + new},
        })
    };
    let said = vec![seen(1, 1, 0), seen(2, 1, 1), seen(2, 0, 1)];
    world.0.borrow_mut().cluster.workloads.insert("kube-system deployment/csi".to_owned(), said);
    let workloads = ["csi", "absent"].map(|name| ("kube-system".to_owned(), format!("deployment/{name}")));
    let wait = Action::KubeRolledOut { kubectl: kubectl(), workloads: workloads.to_vec() };
    apply(&world, &only(1, wait.clone()));
    assert_eq!(world.last_report().result, StepResult::Ready);
    assert_eq!(world.ran("kubectl --kubeconfig /etc/kubeconfig --request-timeout=30s -n kube-system get"), 4);
    let world = kube();
    let stuck = vec![seen(2, 1, 1)];
    world.0.borrow_mut().cluster.workloads.insert("kube-system deployment/csi".to_owned(), stuck);
    assert_eq!(error_of(&world, wait), "deployment/csi: 1 of 2 pods are still the old ones");
}

fn is_ready() -> Action {
    Action::KubeReady { kubectl: kubectl(), node: "n0".to_owned(), kubelet: "kubelet.service".to_owned() }
}

#[test]
fn readiness_is_the_word_of_the_kubelet_that_was_started_last() {
    let plan = |generation, options: &str| {
        let kubelet =
            Action::Unit { name: "kubelet.service".to_owned(), watches: vec!["/etc/options".to_owned()] };
        let steps = vec![
            file("options", "/etc/options", options),
            step("kubelet", kubelet),
            step("node ready", is_ready()),
        ];
        Plan { generation, steps, health: None, proxies: Proxies::default() }
    };
    let seconds = |world: &World, plan: &Plan| {
        let before = world.0.borrow().now;
        apply(world, plan);
        (world.0.borrow().now - before).as_secs()
    };
    let world = kube();
    let mut before = node("True");
    before.said = Some(world.0.borrow().now.as_secs());
    world.0.borrow_mut().cluster.nodes.insert("n0".to_owned(), before);
    assert_eq!(seconds(&world, &plan(1, "a")), 0, "told in the second of the start");
    world.0.borrow_mut().now += std::time::Duration::from_secs(100);
    assert_eq!(seconds(&world, &plan(2, "a")), 0, "nothing was started, so the last word holds");
    let waited = seconds(&world, &plan(3, "b"));
    assert!((60..80).contains(&waited), "an old word is not taken for the new kubelet's: {waited} s");
    let mut now = node("True");
    now.said = Some(world.0.borrow().now.as_secs());
    world.0.borrow_mut().cluster.nodes.insert("n0".to_owned(), now);
    assert_eq!(seconds(&world, &plan(4, "c")), 0);
}

#[test]
fn a_node_that_is_not_ready_says_why() {
    let world = kube();
    let mut sick = node("False");
    sick.message = "container runtime network not ready".to_owned();
    world.0.borrow_mut().cluster.nodes.insert("n0".to_owned(), sick);
    let error = error_of(&world, is_ready());
    assert_eq!(error, "n0 is not ready: container runtime network not ready");
    let error = error_of(&kube(), is_ready());
    assert_eq!(error, "kubectl: Error from server (NotFound): nodes \"n0\" not found");
}

#[test]
fn the_api_is_told_the_nodes_range_once() {
    let world = kube();
    let action =
        Action::PodRange { kubectl: kubectl(), node: "n0".to_owned(), range: "10.100.3.0/24".to_owned() };
    assert!(error_of(&world, action.clone()).contains("not found"), "the kubelet makes the node known");
    world.0.borrow_mut().cluster.nodes.insert("n0".to_owned(), node("False"));
    let range = |world: &World| world.0.borrow().cluster.nodes["n0"].range.clone();
    apply(&world, &only(2, action.clone()));
    assert_eq!(range(&world), "10.100.3.0/24");
    world.0.borrow_mut().cluster.nodes.get_mut("n0").unwrap().range = "10.100.9.0/24".to_owned();
    apply(&world, &only(3, action));
    assert_eq!(range(&world), "10.100.9.0/24", "it cannot be changed");
}

#[test]
fn versions_are_told_as_the_programs_say_them() {
    let world = kube();
    world.0.borrow_mut().files.insert(KUBELET.to_owned(), (0o755, b"Kubernetes v1.20.2\n".to_vec()));
    apply(&world, &only(1, Action::KubeVersion { kubelet: KUBELET.to_owned() }));
    let facts = world.last_report().facts;
    assert_eq!(
        (facts["kube_version"].0.as_str(), facts["container_version"].0.as_str()),
        ("v1.20.2", "1.6.20~ds1")
    );
}

#[test]
fn marks_are_given_and_only_given_ones_taken_back() {
    let world = kube();
    let mut operators = node("True");
    operators.labels = BTreeMap::from([("disk".into(), "ssd".into()), ("kept".into(), "1".into())]);
    operators.taints = vec!["own:NoExecute".to_owned()];
    world.0.borrow_mut().cluster.nodes.insert("n0".to_owned(), operators);
    let marks = |generation, labels: &[(&str, &str)], taints: &[&str]| {
        let marks = NodeMarks {
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            taints: taints.iter().map(|taint| (*taint).to_owned()).collect(),
        };
        let nodes = BTreeMap::from([("n0".to_owned(), marks), ("unknown".to_owned(), NodeMarks::default())]);
        only(generation, Action::KubeMarks { kubectl: kubectl(), nodes })
    };
    apply(&world, &marks(1, &[("role", "a"), ("kept", "1")], &["gpu=yes:NoSchedule"]));
    let present = || world.0.borrow().cluster.nodes["n0"].clone();
    assert_eq!((present().labels["role"].as_str(), present().taints.len()), ("a", 2));
    let edits = world.ran("kubectl");
    apply(&world, &marks(2, &[("role", "a"), ("kept", "1")], &["gpu=yes:NoSchedule"]));
    assert_eq!(world.ran("kubectl"), edits + 1, "it only looks");
    apply(&world, &marks(3, &[("other", "b")], &["gpu=no:NoSchedule"]));
    assert_eq!(present().labels.keys().collect::<Vec<_>>(), ["disk", "kept", "other"]);
    assert_eq!(present().taints, ["own:NoExecute", "gpu=no:NoSchedule"]);
    apply(&world, &marks(4, &[], &[]));
    assert_eq!(present().labels.keys().collect::<Vec<_>>(), ["disk", "kept"]);
    assert_eq!(present().taints, ["own:NoExecute"]);
}

#[test]
fn nodes_that_leave_are_emptied_and_those_that_stay_get_work_again() {
    let world = kube();
    for (name, ready) in [("n0", "True"), ("n1", "Unknown"), ("n2", "True"), ("n3", "True")] {
        world.0.borrow_mut().cluster.nodes.insert(name.to_owned(), node(ready));
    }
    world.0.borrow_mut().cluster.nodes.get_mut("n3").unwrap().cordoned = true;
    world.0.borrow_mut().cluster.nodes.get_mut("n0").unwrap().stubborn = 2;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let drain = |generation, leaving: &[&str], untouched: &[&str]| {
        let (nodes, untouched) = (names(leaving), names(untouched));
        only(generation, Action::KubeDrain { kubectl: kubectl(), nodes, untouched })
    };
    let seen = || {
        let inner = world.0.borrow();
        inner.cluster.nodes.values().map(|node| (node.cordoned, node.drained)).collect::<Vec<_>>()
    };
    apply(&world, &drain(1, &["n0", "n1", "unknown"], &[]));
    assert_eq!(seen(), [(true, true), (true, false), (false, false), (true, false)]);
    apply(&world, &drain(2, &["n1"], &["n0"]));
    assert_eq!(seen().iter().map(|(cordoned, _)| *cordoned).collect::<Vec<_>>(), [true, true, false, true]);
    apply(&world, &drain(3, &[], &[]));
    assert_eq!(seen().iter().map(|(cordoned, _)| *cordoned).collect::<Vec<_>>(), [false, false, false, true]);
    assert!(world.0.borrow().cluster.nodes["n0"].annotations.is_empty());
}

#[test]
fn health_is_told_between_plans() {
    let world = kube();
    for (name, ready) in [("n0", "True"), ("n1", "Unknown")] {
        world.0.borrow_mut().cluster.nodes.insert(name.to_owned(), node(ready));
    }
    let health = Some(HealthCheck::Kubernetes { kubectl: kubectl(), every: 6, authorities: vec![] });
    world.offer(&Plan { generation: 1, steps: vec![], health, proxies: Proxies::default() });
    world.live(8);
    let told: Vec<_> = world.0.borrow().reports.iter().filter_map(|report| report.health.clone()).collect();
    let wanted = [("api", "ok"), ("n0.Ready", "True"), ("n1.Ready", "Unknown")];
    assert_eq!(told[0], wanted.map(|(thing, found)| (thing.to_owned(), found.to_owned())).into());
    assert_eq!(told.len(), 3, "at 0, 6 and 12 seconds of 14");
    world.0.borrow_mut().cluster.api = "The connection to the server 10.0.0.1:6443 was refused\n".to_owned();
    world.live(1);
    let last = world.last_report();
    assert_eq!((last.generation, last.result), (1, StepResult::Alive));
    let refused = "kubectl: The connection to the server 10.0.0.1:6443 was refused";
    assert_eq!(last.health.unwrap(), BTreeMap::from([("api".to_owned(), refused.to_owned())]));
}

#[test]
fn the_end_of_an_authority_is_told_a_month_before() {
    let world = kube();
    let authority = |days| {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let validity = Validity::starting(world.wall(), days).unwrap();
        CertificateAuthority::create("k1", key, validity).unwrap().certificate_pem().to_owned()
    };
    let (old, new) = (authority(400), authority(1825));
    let write = |path: &str, text: String| {
        world.0.borrow_mut().files.insert(path.to_owned(), (0o644, text.into_bytes()));
    };
    write("/pki/ca.crt", old.clone());
    write("/pki/etcd-ca.crt", new.clone());
    let authorities = vec!["/pki/ca.crt".to_owned(), "/pki/etcd-ca.crt".to_owned()];
    let health = Some(HealthCheck::Kubernetes { kubectl: kubectl(), every: 2, authorities });
    world.offer(&Plan { generation: 1, steps: vec![], health, proxies: Proxies::default() });
    let told = |days| {
        world.0.borrow_mut().days = days;
        world.live(2);
        world.last_report().health.unwrap()["certificates"].clone()
    };
    assert_eq!(told(0), "ok");
    assert_eq!(told(369), "ok");
    let ends = told(371);
    assert!(
        ends.starts_with("the authority CN=k1 ends at 2027-") && ends.contains("coe ca rotate"),
        "{ends}"
    );
    write("/pki/ca.crt", format!("{new}{old}"));
    assert_eq!(told(371), "ok", "while it is being rotated the old one may end");
    world.0.borrow_mut().files.remove("/pki/etcd-ca.crt");
    assert_eq!(told(371), "/pki/etcd-ca.crt: there is no such file");
}

#[test]
fn an_older_api_is_asked_by_its_older_path() {
    let world = kube();
    world.0.borrow_mut().cluster.api = "old".to_owned();
    let health = Some(HealthCheck::Kubernetes { kubectl: kubectl(), every: 60, authorities: vec![] });
    world.offer(&Plan { generation: 1, steps: vec![], health, proxies: Proxies::default() });
    world.live(2);
    assert_eq!(world.last_report().health.unwrap()["api"], "ok");
}

#[test]
fn a_plan_without_a_check_ends_the_looking() {
    let world = kube();
    let health = Some(HealthCheck::Kubernetes { kubectl: kubectl(), every: 2, authorities: vec![] });
    world.offer(&Plan { generation: 1, steps: vec![], health, proxies: Proxies::default() });
    world.live(4);
    world.offer(&Plan { generation: 2, steps: vec![], health: None, proxies: Proxies::default() });
    world.live(2);
    let told = world.ran("kubectl");
    world.live(9);
    assert_eq!(world.ran("kubectl"), told);
}

#[test]
fn a_node_that_cannot_be_emptied_is_named_and_does_not_take_the_time_of_others() {
    let world = kube();
    for name in ["n0", "n1"] {
        world.0.borrow_mut().cluster.nodes.insert(name.to_owned(), node("True"));
    }
    world.0.borrow_mut().cluster.nodes.get_mut("n0").unwrap().stubborn = 9999;
    let nodes = vec!["n0".to_owned(), "n1".to_owned()];
    let error = error_of(&world, Action::KubeDrain { kubectl: kubectl(), nodes, untouched: vec![] });
    assert_eq!(error, "n0: kubectl: error: unable to drain node \"n0\": disruption budget");
    assert!(world.0.borrow().cluster.nodes["n1"].drained);
    assert!(world.ran("kubectl --kubeconfig /etc/kubeconfig --request-timeout=30s drain n0 --ignore-daemonsets --delete-emptydir-data --force --timeout=145s") == 1, "half of 300 s");
}

#[test]
fn gone_nodes_are_deleted_and_unknown_ones_are_no_error() {
    let world = kube();
    for name in ["n0", "n1"] {
        world.0.borrow_mut().cluster.nodes.insert(name.to_owned(), node("Unknown"));
    }
    let nodes = vec!["n0".to_owned(), "never".to_owned()];
    apply(&world, &only(1, Action::KubeForget { kubectl: kubectl(), nodes }));
    assert_eq!(world.0.borrow().cluster.nodes.keys().collect::<Vec<_>>(), ["n1"]);
}

#[test]
fn pods_that_read_a_certificate_at_their_start_are_made_anew_with_it_on_this_node_only() {
    let world = kube();
    let anew = |generation| {
        only(
            generation,
            Action::KubePodsAnew {
                kubectl: kubectl(),
                node: "m1".to_owned(),
                namespace: "kube-system".to_owned(),
                label: "k8s-app=webhook".to_owned(),
                watches: vec!["/etc/webhook/server.crt".to_owned()],
            },
        )
    };
    let write = |text: &str| {
        let file = (0o644, text.as_bytes().to_vec());
        world.0.borrow_mut().files.insert("/etc/webhook/server.crt".to_owned(), file);
    };
    write("first");
    apply(&world, &anew(1));
    apply(&world, &anew(2));
    let wanted = "kube-system k8s-app=webhook --field-selector=spec.nodeName=m1";
    assert_eq!(world.0.borrow().cluster.manifests, [wanted], "once for one certificate");
    write("second");
    apply(&world, &anew(3));
    assert_eq!(world.0.borrow().cluster.manifests, [wanted, wanted]);
}
