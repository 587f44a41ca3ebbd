//! A node's life against a machine, an engine and servers in memory: plans applied once and again, failures and what
//! is said about them, and a stop at every single operation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod certificates;
mod cluster;
mod etcd;
mod files;
mod kubernetes;
mod servers;
mod world;

use magnum_node::{machine::Command, server::Signal, state::State};
use magnum_types::plan::{Action, Plan, PlanStep, Proxies, StepResult, Text};
use std::{collections::BTreeMap, panic, time::Duration};
use world::{Stopped, World, steps_reported};

fn step(name: &str, action: Action) -> PlanStep {
    PlanStep { name: name.to_owned(), timeout: 300, optional: false, yields: false, action }
}

fn file(name: &str, path: &str, content: &str) -> PlanStep {
    step(name, Action::File { path: path.to_owned(), mode: 0o644, content: Text(content.to_owned()) })
}

fn engine(generation: i64, options: &str, membership: Action, manager: bool) -> Plan {
    let programs =
        BTreeMap::from([("docker".into(), "docker-cli".into()), ("dockerd".into(), "docker.io".into())]);
    let volume = Action::Volume {
        volume_id: String::new(),
        mount: "/var/lib/docker".to_owned(),
        file_system: "ext4".to_owned(),
    };
    let mut steps = vec![
        file("options", "/etc/docker/daemon.json", options),
        step("key", Action::NodeKey { path: "/etc/docker/tls/key.pem".to_owned() }),
        step("volume", volume),
        step("packages", Action::Packages { programs }),
        step("service", Action::Unit { name: "docker.service".to_owned(), watches: Vec::new() }),
        step("membership", membership),
        step("ready", Action::SwarmReady { manager }),
    ];
    if manager {
        steps.push(step("tokens", Action::SwarmTokens {}));
    }
    steps.extend([step("version", Action::EngineVersion {}), step("signal", Action::Signal {})]);
    Plan { generation, steps, health: None, proxies: Proxies::default() }
}

fn founding(generation: i64, options: &str) -> Plan {
    engine(generation, options, Action::SwarmInit { advertise_address: "10.0.0.1".to_owned() }, true)
}

fn joining() -> Action {
    Action::SwarmJoin {
        token: Text("SWMTKN-secret".to_owned()),
        managers: vec!["10.0.0.1:2377".to_owned(), "10.0.0.2:2377".to_owned()],
        advertise_address: "10.0.0.9".to_owned(),
    }
}

fn fresh() -> World {
    let world = World::default();
    {
        let mut inner = world.0.borrow_mut();
        inner.programs = vec!["apt-get".to_owned()];
        // As in Debian 12: there is no docker-cli, docker.io brings both.
        inner.packages.insert("docker.io".to_owned(), vec!["docker".to_owned(), "dockerd".to_owned()]);
        inner.swarm_state = "inactive".to_owned();
        inner.files.insert("/dev/disk/by-id/virtio-b79e8da3-587d-412b-b".to_owned(), (0o600, vec![]));
    }
    world
}

fn only(generation: i64, action: Action) -> Plan {
    Plan { generation, steps: vec![step("it", action)], health: None, proxies: Proxies::default() }
}

/// Runs a plan that has one step which fails, and gives the reported error.
fn error_of(world: &World, action: Action) -> String {
    let generation = world.0.borrow().plans.iter().filter_map(|plan| plan["generation"].as_i64()).max();
    world.offer(&only(generation.unwrap_or(0) + 1, action));
    let error = world.run().unwrap_err().to_string();
    let report = world.last_report();
    assert_eq!((report.result, report.step.as_str()), (StepResult::Failed, "it"));
    assert!(error.contains(report.error.as_deref().unwrap()), "{error}");
    report.error.unwrap()
}

#[test]
fn a_fresh_machine_becomes_a_manager() {
    let world = fresh();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    assert_eq!(world.file("/etc/docker/daemon.json"), "{}");
    assert!(world.file("/etc/docker/tls/key.pem").contains("BEGIN PRIVATE KEY"));
    assert_eq!(world.0.borrow().files["/etc/docker/tls/key.pem"].0, 0o600);
    let inner = world.0.borrow();
    assert_eq!((inner.founded, inner.mounted.as_slice()), (1, ["/var/lib/docker".to_owned()].as_slice()));
    assert_eq!(inner.signals, [Signal::Success]);
    let facts = |step: &str| inner.reports.iter().find(|report| report.step == step).unwrap().facts.clone();
    assert_eq!(facts("tokens")["swarm_worker_token"].0, "SWMTKN-worker");
    assert_eq!(facts("tokens")["swarm_manager_token"].0, "SWMTKN-manager");
    assert_eq!(facts("tokens")["swarm_founder"].0, world::INSTANCE);
    assert_eq!(facts("version")["engine_version"].0, "20.10.24");
    drop(inner);
    let done =
        ["options", "key", "volume", "packages", "service", "membership", "ready", "tokens", "version"];
    assert_eq!(steps_reported(&world, StepResult::Done), done);
    assert_eq!(steps_reported(&world, StepResult::Ready), ["signal"]);
}

#[test]
fn the_same_plan_in_a_later_generation_changes_nothing() {
    let world = fresh();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    let before = (world.0.borrow().starts, world.0.borrow().files.len());
    world.0.borrow_mut().commands.clear();
    world.offer(&founding(2, "{}"));
    world.run().unwrap();
    assert_eq!((world.0.borrow().starts, world.0.borrow().files.len()), before);
    for command in ["apt-get", "mkfs", "mount", "docker swarm init", "systemctl restart"] {
        assert_eq!(world.ran(command), 0, "{command} again");
    }
    assert_eq!(world.0.borrow().signals.len(), 1, "Heat is told once");
    assert_eq!(steps_reported(&world, StepResult::Ready).len(), 2, "the server is told each time");
}

#[test]
fn a_changed_file_starts_the_unit_anew() {
    let world = fresh();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    world.offer(&founding(2, "{\"debug\": true}"));
    world.run().unwrap();
    assert_eq!(world.0.borrow().starts, 2);
    assert_eq!(world.0.borrow().started["docker.service"]["/etc/docker/daemon.json"], b"{\"debug\": true}");
}

/// The promise of the program: a stop at any operation, before or after it took effect, and a start anew give the
/// same machine as an undisturbed run.
#[test]
fn a_stop_at_any_operation_is_made_good_by_a_new_start() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut stops = 0;
    'stops: for number in 1.. {
        for after in [false, true] {
            let world = fresh();
            world.offer(&founding(1, "{}"));
            world.0.borrow_mut().stop = Some((number, after));
            let run = panic::catch_unwind(panic::AssertUnwindSafe(|| world.run()));
            match run {
                Ok(result) => {
                    result.unwrap();
                    break 'stops;
                }
                Err(thrown) if thrown.is::<Stopped>() => stops += 1,
                Err(thrown) => {
                    panic::set_hook(hook);
                    panic::resume_unwind(thrown);
                }
            }
            // Meanwhile the plan got new options, as by a second manager that came.
            world.0.borrow_mut().stop = None;
            world.offer(&founding(2, "{\"new\": 1}"));
            world.run().unwrap();
            let inner = world.0.borrow();
            assert_eq!((inner.founded, inner.mounted.len()), (1, 1), "stop {number} {after}");
            let seen = &inner.started["docker.service"];
            for path in ["/etc/docker/daemon.json", "/etc/docker/tls/key.pem"] {
                assert_eq!(seen[path], inner.files[path].1, "stop {number} {after}: {path} is not what runs");
            }
            assert!(
                inner.signals.iter().all(|signal| *signal == Signal::Success) && !inner.signals.is_empty()
            );
            let founder = |report: &magnum_types::plan::Report| report.facts.contains_key("swarm_founder");
            assert!(inner.reports.iter().any(founder), "stop {number} {after}: nobody founded");
            let last = inner.reports.last().unwrap();
            assert_eq!((last.generation, last.result), (2, StepResult::Ready), "stop {number} {after}");
        }
    }
    panic::set_hook(hook);
    assert!(stops > 80, "only {stops} stops were tried");
}

#[test]
fn a_worker_joins_by_the_next_manager_when_one_does_not_answer() {
    let world = fresh();
    world.0.borrow_mut().failures.insert(
        "docker swarm join --advertise-addr 10.0.0.9 --token SWMTKN-secret 10.0.0.1:2377".to_owned(),
        ("Error response from daemon: rpc error: connection refused".to_owned(), 9),
    );
    world.offer(&engine(1, "{}", joining(), false));
    world.run().unwrap();
    assert_eq!(world.0.borrow().joined, 1);
    assert_eq!(world.ran("docker swarm join"), 2);
}

#[test]
fn a_join_that_broke_off_is_cleared_away_and_tried_again() {
    let world = fresh();
    world.0.borrow_mut().swarm_state = "error".to_owned();
    world.offer(&engine(1, "{}", joining(), false));
    world.run().unwrap();
    assert_eq!((world.ran("docker swarm leave"), world.0.borrow().joined), (1, 1));
}

#[test]
fn a_member_in_trouble_is_not_thrown_out_of_its_swarm() {
    let world = fresh();
    world.offer(&engine(1, "{}", joining(), false));
    world.run().unwrap();
    world.0.borrow_mut().swarm_state = "error".to_owned();
    world.0.borrow_mut().swarm_error = "raft: no quorum".to_owned();
    world.offer(&engine(2, "{}", joining(), false));
    let error = world.run().unwrap_err().to_string();
    assert!(error.contains("raft: no quorum"), "{error}");
    assert_eq!(world.ran("docker swarm leave"), 0);
}

#[test]
fn a_failed_step_is_reported_with_its_first_error_line_and_heat_is_told() {
    let world = fresh();
    world.0.borrow_mut().packages.clear();
    let programs = BTreeMap::from([("dockerd".to_owned(), "docker.io".to_owned())]);
    let error = error_of(&world, Action::Packages { programs });
    assert_eq!(error, "apt-get: E: Unable to locate package docker.io");
    let reason = "c-primary-master-0: step it: apt-get: E: Unable to locate package docker.io";
    assert_eq!(world.0.borrow().signals, [Signal::Failure(reason.to_owned())]);
    assert!(world.0.borrow().now < Duration::from_secs(301), "within the step's time");
}

#[test]
fn a_unit_that_does_not_start_is_explained_by_its_own_words() {
    let world = fresh();
    let failure = ("Job for docker.service failed because the control process exited".to_owned(), 99);
    world.0.borrow_mut().failures.insert("systemctl restart".to_owned(), failure.clone());
    world.0.borrow_mut().failures.insert("systemctl start".to_owned(), failure);
    let error = error_of(&world, Action::Unit { name: "docker.service".to_owned(), watches: Vec::new() });
    assert_eq!(error, "docker.service: failed to load listeners: no certificate");
}

#[test]
fn a_short_trouble_is_survived() {
    let world = fresh();
    world.0.borrow_mut().failures.insert("apt-get".to_owned(), ("E: Could not get lock".to_owned(), 3));
    world.0.borrow_mut().lost_reports = 2;
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    assert_eq!(steps_reported(&world, StepResult::Failed), Vec::<String>::new());
    assert_eq!(world.0.borrow().signals, [Signal::Success]);
}

#[test]
fn after_a_failure_a_newer_plan_is_applied() {
    let world = fresh();
    world.0.borrow_mut().failures.insert("docker swarm init".to_owned(), ("boom".to_owned(), 10_000));
    world.offer(&founding(1, "{}"));
    world.run().unwrap_err();
    world.0.borrow_mut().failures.clear();
    world.offer(&founding(2, "{}"));
    world.run().unwrap();
    assert_eq!(world.last_report().result, StepResult::Ready);
}

#[test]
fn after_success_heat_hears_of_no_failure() {
    let world = fresh();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    world.offer(&only(2, Action::Unit { name: "gone.service".to_owned(), watches: Vec::new() }));
    world.0.borrow_mut().failures.insert("systemctl".to_owned(), ("no such unit".to_owned(), 99));
    world.run().unwrap_err();
    assert_eq!(world.last_report().result, StepResult::Failed);
    assert_eq!(world.0.borrow().signals, [Signal::Success]);
}

#[test]
fn a_volume_with_data_is_mounted_as_it_is() {
    let world = fresh();
    world.0.borrow_mut().file_system = "ext4".to_owned();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    assert_eq!((world.ran("mkfs"), world.ran("mount")), (0, 1));
    assert_eq!(
        world.file("/etc/fstab"),
        "/dev/disk/by-id/virtio-b79e8da3-587d-412b-b /var/lib/docker ext4 defaults,nofail 0 2\n"
    );
}

#[test]
fn what_the_image_mounts_there_is_covered_by_the_volume() {
    let world = fresh();
    let line = b"/dev/vda2 /var/lib/docker ext4 rw 0 0\n".to_vec();
    world.0.borrow_mut().files.insert("/proc/self/mounts".to_owned(), (0o444, line));
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    assert_eq!(world.ran("mount"), 1);
}

#[test]
fn a_volume_that_is_not_attached_is_named() {
    let world = fresh();
    world.0.borrow_mut().files.clear();
    let mount = "/var/lib/docker".to_owned();
    let action = Action::Volume { volume_id: "feedc0de-1".to_owned(), mount, file_system: "ext4".to_owned() };
    assert_eq!(error_of(&world, action), "volume feedc0de-1 is not attached");
}

#[test]
fn a_path_that_climbs_is_refused_at_once() {
    let world = fresh();
    let action =
        Action::File { path: "/etc/../root/x".to_owned(), mode: 0o644, content: Text("x".to_owned()) };
    assert!(error_of(&world, action).contains("no absolute path"));
    assert_eq!(world.0.borrow().now, Duration::ZERO);
}

fn member(id: &str, status: &str, manager: &str, running: usize) -> (String, String, String, String, usize) {
    (id.to_owned(), status.to_owned(), "Active".to_owned(), manager.to_owned(), running)
}

#[test]
fn leaving_nodes_are_emptied_and_the_tasks_awaited() {
    let world = fresh();
    world.0.borrow_mut().nodes = BTreeMap::from([
        ("n0".to_owned(), member("id0", "Ready", "", 3)),
        ("n1".to_owned(), member("id1", "Down", "", 5)),
        ("n2".to_owned(), member("id2", "Ready", "", 2)),
    ]);
    world.offer(&only(1, Action::SwarmDrain { nodes: vec!["n0".to_owned(), "n1".to_owned()] }));
    world.run().unwrap();
    let inner = world.0.borrow();
    assert_eq!(inner.nodes["n0"].2, "Drain");
    assert_eq!(inner.nodes["n0"].4, 0, "it was waited for");
    assert_eq!(inner.nodes["n1"].2, "Drain", "a dead node is drained too, but not waited for");
    assert_eq!(inner.nodes["n2"].2, "Active");
}

#[test]
fn nodes_that_stay_after_all_get_work_again_unless_an_operator_drained_them() {
    let world = fresh();
    world.0.borrow_mut().nodes = BTreeMap::from([
        ("n0".to_owned(), member("id0", "Ready", "", 0)),
        ("n1".to_owned(), member("id1", "Ready", "", 0)),
        ("n2".to_owned(), member("id2", "Ready", "", 0)),
    ]);
    world.0.borrow_mut().nodes.get_mut("n2").unwrap().2 = "Drain".to_owned();
    for (generation, leaving) in [(1, vec!["n0", "n1"]), (2, vec!["n1"]), (3, vec![])] {
        let nodes = leaving.into_iter().map(str::to_owned).collect();
        world.offer(&only(generation, Action::SwarmDrain { nodes }));
        world.run().unwrap();
        let inner = world.0.borrow();
        let available: Vec<&str> = inner.nodes.values().map(|node| node.2.as_str()).collect();
        let expected = match generation {
            1 => ["Drain", "Drain", "Drain"],
            2 => ["Active", "Drain", "Drain"],
            _ => ["Active", "Active", "Drain"],
        };
        assert_eq!(available, expected, "generation {generation}");
    }
}

#[test]
fn tasks_that_never_end_are_named_in_the_failure() {
    let world = fresh();
    world.0.borrow_mut().nodes = BTreeMap::from([("n0".to_owned(), member("id0", "Ready", "", 9999))]);
    let error = error_of(&world, Action::SwarmDrain { nodes: vec!["n0".to_owned()] });
    assert!(error.ends_with("tasks still run on n0"), "{error}");
}

#[test]
fn gone_nodes_are_forgotten_managers_after_demotion_and_strangers_left_alone() {
    let world = fresh();
    world.0.borrow_mut().nodes = BTreeMap::from([
        ("m1".to_owned(), member("id1", "Down", "Unreachable", 0)),
        ("n2".to_owned(), member("id2", "Ready", "", 0)),
    ]);
    world.offer(&only(1, Action::SwarmForget { nodes: vec!["m1".to_owned(), "never-seen".to_owned()] }));
    world.run().unwrap();
    assert_eq!(world.0.borrow().nodes.keys().collect::<Vec<_>>(), ["n2"]);
    assert_eq!(world.ran("docker node demote id1"), 1);
}

#[test]
fn registration_waits_until_the_server_knows_the_member() {
    let world = fresh();
    world.0.borrow_mut().refuse = (5, 409);
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    assert_eq!(world.0.borrow().signals, [Signal::Success]);
}

#[test]
fn a_refused_registration_is_told_to_heat_once() {
    let world = fresh();
    world.0.borrow_mut().refuse = (20, 403);
    world.offer(&Plan { generation: 1, steps: vec![], health: None, proxies: Proxies::default() });
    world.run().unwrap();
    let reason = format!("{}: registration: the server answers 403: not a member", world::INSTANCE);
    assert_eq!(world.0.borrow().signals, [Signal::Failure(reason)]);
}

#[test]
fn a_token_that_is_not_known_any_more_is_renewed_with_the_same_key() {
    let world = fresh();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    world.0.borrow_mut().token = "another".to_owned();
    world.offer(&founding(2, "{}"));
    world.run().unwrap();
    assert_eq!(world.0.borrow().registrations.len(), 2);
    assert_eq!(world.last_report().generation, 2);
}

#[test]
fn a_plan_of_a_newer_server_fails_with_a_clear_word() {
    let world = fresh();
    let step = serde_json::json!({"name": "x", "timeout": 1, "action": "dance"});
    world.0.borrow_mut().plans.push(serde_json::json!({"generation": 4, "steps": [step]}));
    let error = world.run().unwrap_err().to_string();
    assert!(error.contains("does not understand the plan") && error.contains("dance"), "{error}");
    assert_eq!(world.last_report().generation, 4);
}

#[test]
fn another_instances_state_is_not_used() {
    let world = fresh();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    let path = "/var/lib/magnum-node/state.json";
    let mut state: State = serde_json::from_str(&world.file(path)).unwrap();
    let key = state.key.clone();
    state.instance_id = "another".to_owned();
    let bytes = serde_json::to_vec(&state).unwrap();
    world.0.borrow_mut().files.insert(path.to_owned(), (0o600, bytes));
    world.0.borrow_mut().registrations.clear();
    world.run().unwrap();
    let state: State = serde_json::from_str(&world.file(path)).unwrap();
    assert!(state.key != key && state.instance_id == world::INSTANCE);
}

#[test]
fn no_secret_is_shown_by_debug() {
    let world = fresh();
    world.offer(&founding(1, "{}"));
    world.run().unwrap();
    let path = "/var/lib/magnum-node/state.json";
    assert_eq!(world.0.borrow().files[path].0, 0o600);
    let state: State = serde_json::from_str(&world.file(path)).unwrap();
    let shown = format!("{state:?}");
    assert!(!shown.contains("PRIVATE KEY") && !shown.contains("token-1"), "{shown}");
    let command = Command::new("docker", &["swarm", "join"]).secret("SWMTKN-secret").plain("10.0.0.1:2377");
    assert_eq!(format!("{command:?}"), "docker swarm join [secret] 10.0.0.1:2377");
    let reports = format!("{:?}", world.0.borrow().reports);
    assert!(reports.contains("swarm_worker_token") && !reports.contains("SWMTKN"), "{reports}");
}
