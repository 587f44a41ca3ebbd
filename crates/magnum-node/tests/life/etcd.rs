//! The members of etcd.

use crate::{
    error_of,
    kubernetes::{apply, kube},
    only,
    world::World,
};
use magnum_types::plan::{Action, Etcdctl, StepResult};

fn etcdctl() -> Etcdctl {
    Etcdctl {
        program: "etcdctl".to_owned(),
        endpoints: "https://127.0.0.1:2379".to_owned(),
        ca: "/ca".to_owned(),
        certificate: "/cert".to_owned(),
        key: "/key".to_owned(),
    }
}

fn url(number: u8) -> String {
    format!("https://10.0.0.{number}:2380")
}

fn members(add: Option<u8>, remove: &[&str]) -> Action {
    let add = add.map(|number| (format!("m{number}"), url(number)));
    let remove = remove.iter().map(|name| (*name).to_owned()).collect();
    Action::EtcdMembers { etcdctl: etcdctl(), add, remove, remove_urls: Vec::new() }
}

/// With these members; one without a name has not started.
fn with(numbers: &[u8], waiting: &[u8]) -> World {
    let world = kube();
    let member = |number: &u8, name: String| (u64::from(*number) + 0xf0, name, url(*number));
    let started = numbers.iter().map(|number| member(number, format!("m{number}")));
    let waiting = waiting.iter().map(|number| member(number, String::new()));
    world.0.borrow_mut().cluster.members = started.chain(waiting).collect();
    world
}

fn told(world: &World) -> String {
    world.last_report().facts["etcd_members"].0.clone()
}

#[test]
fn members_of_etcd_are_listed_in_order_also_those_that_have_not_started() {
    let world = kube();
    world.0.borrow_mut().cluster.members =
        vec![(u64::MAX, "m1".to_owned(), "https://10.0.0.2:2380".to_owned())];
    let add = Some(("m0".to_owned(), "https://10.0.0.1:2380".to_owned()));
    apply(
        &world,
        &only(
            1,
            Action::EtcdMembers {
                etcdctl: etcdctl(),
                add,
                remove: vec!["gone".to_owned()],
                remove_urls: Vec::new(),
            },
        ),
    );
    let wanted = "m0=https://10.0.0.1:2380,m1=https://10.0.0.2:2380";
    assert_eq!(world.last_report().facts["etcd_members"].0, wanted);
    apply(&world, &only(2, Action::EtcdReady { etcdctl: etcdctl() }));
    assert_eq!(world.last_report().facts["etcd_members"].0, wanted);
}

#[test]
fn a_member_is_added_once_and_named_by_what_this_node_remembers() {
    let world = with(&[2], &[]);
    apply(&world, &only(1, members(Some(1), &[])));
    world.0.borrow_mut().cluster.learners.clear();
    apply(&world, &only(2, members(Some(1), &[])));
    assert_eq!(told(&world), format!("m1={},m2={}", url(1), url(2)));
    assert_eq!(world.0.borrow().cluster.members.len(), 2);
}

#[test]
fn a_member_that_another_node_added_is_listed_by_its_id() {
    let world = with(&[2], &[1]);
    apply(&world, &only(1, Action::EtcdReady { etcdctl: etcdctl() }));
    assert_eq!(told(&world), format!("f1={},m2={}", url(1), url(2)));
    apply(&world, &only(2, members(None, &["f1"])));
    assert_eq!(told(&world), format!("m2={}", url(2)), "and is taken out by that name");
}

#[test]
fn no_member_is_added_while_another_has_not_started_or_etcd_is_sick() {
    let world = with(&[2], &[3]);
    assert_eq!(error_of(&world, members(Some(1), &[])), "etcd's member f3 has not started yet");
    let world = with(&[2], &[]);
    world.0.borrow_mut().cluster.etcd_sick = true;
    assert_eq!(error_of(&world, members(Some(1), &[])), "etcdctl: Error: unhealthy cluster");
    assert_eq!(world.0.borrow().cluster.members.len(), 1);
}

#[test]
fn a_member_comes_without_a_vote_and_the_next_one_after_it_has_one() {
    let world = with(&[2], &[]);
    apply(&world, &only(1, members(Some(1), &[])));
    assert_eq!(world.last_report().facts["etcd_learners"].0, "m1");
    assert_eq!(error_of(&world, members(Some(3), &[])), "etcd's member m1 has not started yet");
    world.0.borrow_mut().cluster.members[1].1 = "m1".to_owned();
    world.0.borrow_mut().cluster.behind = 1000;
    let words = "etcdctl: Error: etcdserver: can only promote a learner member which is in sync with leader";
    assert_eq!(error_of(&world, members(Some(3), &[])), words);
    world.0.borrow_mut().cluster.behind = 1;
    apply(&world, &only(9, members(Some(3), &[])));
    assert_eq!(told(&world), format!("m1={},m2={},m3={}", url(1), url(2), url(3)));
    assert_eq!(world.last_report().facts["etcd_learners"].0, "m3", "one at a time");
    world.0.borrow_mut().cluster.members[2].1 = "m3".to_owned();
    apply(&world, &only(10, members(None, &[])));
    assert_eq!(world.last_report().facts["etcd_learners"].0, "");
}

#[test]
fn who_waits_for_a_member_that_never_starts_turns_to_a_newer_plan() {
    let world = with(&[2], &[]);
    apply(&world, &only(1, members(Some(1), &[])));
    let waits = |generation| {
        let mut plan = only(generation, members(Some(3), &[]));
        plan.steps[0].yields = true;
        plan
    };
    let gives_up = only(
        3,
        Action::EtcdMembers { etcdctl: etcdctl(), add: None, remove: Vec::new(), remove_urls: vec![url(1)] },
    );
    // The newer plan is there as soon as the first one waits.
    world.0.borrow_mut().plans.clear();
    world.offer(&waits(2));
    world.0.borrow_mut().comes_later = Some(serde_json::to_value(&gives_up).unwrap());
    let begun = world.0.borrow().now;
    world.live(3);
    assert_eq!(told(&world), format!("m2={}", url(2)), "the one that never started is out again");
    let took = world.0.borrow().now - begun;
    assert!(took < std::time::Duration::from_secs(30), "it did not wait to the step's end: {took:?}");
    assert!(world.0.borrow().reports.iter().all(|report| report.result != StepResult::Failed));
}

#[test]
fn members_are_taken_out_in_whatever_order_etcd_lets_them_go() {
    // Of four, one has not started: while it counts, etcd lets none go that serves.
    let world = with(&[1, 2, 3], &[4]);
    let command =
        "etcdctl --endpoints https://127.0.0.1:2379 --cacert /ca --cert /cert --key /key --write-out json";
    let kept = ("Error: etcdserver: unhealthy cluster".to_owned(), 1);
    world.0.borrow_mut().failures.insert(format!("{command} member remove f2"), kept);
    apply(&world, &only(1, members(None, &["m2", "m3", "f4"])));
    assert_eq!(told(&world), format!("m1={}", url(1)));
    let removals: Vec<String> = world
        .0
        .borrow()
        .commands
        .iter()
        .filter_map(|line| line.split_once(" member remove ").map(|(_, id)| id.to_owned()))
        .collect();
    assert_eq!(removals, ["f4", "f2", "f3", "f2"], "one that is kept holds up no other");
}

#[test]
fn a_namesake_at_another_address_is_not_taken_for_the_member() {
    let world = with(&[1, 2], &[]);
    world.0.borrow_mut().cluster.members[0].2 = url(9);
    let error = error_of(&world, members(Some(1), &[]));
    assert_eq!(error, format!("etcd has another member m1 at {}", url(9)));
}

#[test]
fn members_leave_before_another_comes_and_the_last_one_stays() {
    let world = with(&[1, 2, 3], &[]);
    apply(&world, &only(1, members(Some(4), &["m3", "gone", "m1"])));
    assert_eq!(told(&world), format!("m2={},m4={}", url(2), url(4)));
    let world = with(&[1, 2], &[]);
    let error = error_of(&world, members(Some(4), &["m1", "m2"]));
    assert_eq!(error, "m1, m2 would be etcd's last to go");
    assert_eq!(world.0.borrow().cluster.members.len(), 2);
}

#[test]
fn a_local_member_that_does_not_serve_is_waited_for() {
    let world = with(&[1], &[]);
    let sick = ("Error: unhealthy cluster".to_owned(), 3);
    world.0.borrow_mut().failures.insert("etcdctl".to_owned(), sick);
    apply(&world, &only(1, Action::EtcdReady { etcdctl: etcdctl() }));
    assert_eq!((told(&world), world.last_report().result), (format!("m1={}", url(1)), StepResult::Ready));
}
