//! The certificates of a node's identities: made, kept, renewed, and never half there.

use crate::{
    cluster::node,
    kubernetes::{CERTIFICATE, KEY, UNIT, apply, certificate, kube, kubectl, serving},
    only, step,
    world::{INSTANCE, Stopped, World},
};
use magnum_node::state::State;
use magnum_types::plan::{Action, Plan, Proxies, StepResult, Text};
use magnum_x509::{CertificateRequest, NameAttribute, PrivateKey};
use std::panic;

#[test]
fn a_certificate_is_made_once_per_revision() {
    let world = kube();
    apply(&world, &serving(1, "a", "x", "r1"));
    let first = world.file(KEY);
    assert!(first.contains("BEGIN PRIVATE KEY"));
    assert_eq!((world.0.borrow().files[KEY].0, world.0.borrow().files[CERTIFICATE].0), (0o600, 0o644));
    apply(&world, &serving(2, "a", "x", "r1"));
    assert_eq!((world.0.borrow().signed.len(), world.file(KEY) == first), (1, true));
    apply(&world, &serving(3, "a", "x", "r2"));
    assert_eq!((world.0.borrow().signed.len(), world.file(KEY) == first), (2, false));
    assert_eq!(world.file(CERTIFICATE), world.0.borrow().signed[1].1);
    assert_eq!(world.0.borrow().starts, 2, "what runs with it is started anew");
}

#[test]
fn a_certificate_is_renewed_between_plans_when_a_third_of_its_life_is_left() {
    let world = kube();
    world.offer(&serving(1, "a", "x", "r1"));
    world.live(5);
    assert_eq!(world.0.borrow().signed.len(), 1);
    world.0.borrow_mut().days = 58;
    world.live(5);
    assert_eq!(world.0.borrow().signed.len(), 1, "more than a third is left");
    world.0.borrow_mut().days = 61;
    world.live(5);
    assert_eq!((world.0.borrow().signed.len(), world.0.borrow().starts), (2, 2));
    assert_eq!(world.0.borrow().started[UNIT][CERTIFICATE], world.0.borrow().signed[1].1.as_bytes());
}

#[test]
fn a_file_that_is_gone_or_another_is_made_anew() {
    for (path, content) in [(KEY, None), (CERTIFICATE, None), (CERTIFICATE, Some("something else"))] {
        let world = kube();
        apply(&world, &serving(1, "a", "x", "r1"));
        match content {
            None => drop(world.0.borrow_mut().files.remove(path)),
            Some(text) => drop(world.0.borrow_mut().files.insert(path.to_owned(), (0o644, text.into()))),
        }
        apply(&world, &serving(2, "a", "x", "r1"));
        assert_eq!(world.0.borrow().signed.len(), 2, "{path} {content:?}");
        assert_eq!(world.file(CERTIFICATE), world.0.borrow().signed[1].1);
    }
}

#[test]
fn the_old_pair_stays_until_the_new_certificate_has_come() {
    let world = kube();
    apply(&world, &serving(1, "a", "x", "r1"));
    let old = (world.file(KEY), world.file(CERTIFICATE));
    world.0.borrow_mut().failures.insert("certificate".to_owned(), ("connection refused".to_owned(), 999));
    world.offer(&serving(2, "a", "x", "r2"));
    let error = world.run().unwrap_err().to_string();
    assert!(error.contains("the certificate of kube-apiserver: no answer: connection refused"), "{error}");
    assert_eq!((world.file(KEY), world.file(CERTIFICATE)), old);
    assert_eq!(world.0.borrow().starts, 1);
    world.0.borrow_mut().failures.clear();
    world.run().unwrap();
    assert_eq!(world.file(CERTIFICATE), world.0.borrow().signed[1].1);
}

#[test]
fn a_token_that_is_not_known_at_the_signing_is_renewed() {
    let world = kube();
    apply(&world, &only(1, Action::NodeKey { path: "/key".to_owned() }));
    // The plan is asked with the good token; then the registration is lost.
    let forget = Action::Unit { name: "forgets.service".to_owned(), watches: Vec::new() };
    world.0.borrow_mut().forgets = Some("systemctl restart forgets.service".to_owned());
    let steps = vec![step("forget", forget), certificate("r1")];
    apply(&world, &Plan { generation: 2, steps, health: None, proxies: Proxies::default() });
    assert_eq!((world.0.borrow().registrations.len(), world.0.borrow().signed.len()), (2, 1));
    assert_eq!(world.last_report().result, StepResult::Ready);
}

#[test]
fn a_renewal_that_fails_is_tried_again_once_an_hour() {
    let world = kube();
    world.offer(&serving(1, "a", "x", "r1"));
    world.live(2);
    world.0.borrow_mut().days = 61;
    world.0.borrow_mut().failures.insert("certificate".to_owned(), ("away".to_owned(), usize::MAX));
    // A call that brings nothing takes two seconds here.
    let begun = world.0.borrow().now;
    world.live(2500);
    let hours = (world.0.borrow().now - begun).as_secs() / 3600;
    let failed = world.0.borrow().reports.iter().filter(|report| report.result == StepResult::Failed).count();
    assert!(hours >= 1 && failed as u64 == hours + 1, "{failed} tries in {hours} hours and a bit");
    world.0.borrow_mut().failures.clear();
    world.live(2);
    assert_eq!(world.0.borrow().signed.len(), 2);
    assert_eq!(world.last_report().result, StepResult::Ready);
}

#[test]
fn a_restart_that_failed_after_a_renewal_is_made_good() {
    let world = kube();
    world.offer(&serving(1, "a", "x", "r1"));
    world.live(2);
    world.0.borrow_mut().days = 61;
    world.0.borrow_mut().failures.insert("systemctl restart".to_owned(), ("no memory".to_owned(), 2));
    world.live(2500);
    assert_eq!((world.0.borrow().signed.len(), world.0.borrow().starts), (2, 2));
    assert_eq!(world.0.borrow().started[UNIT][CERTIFICATE], world.0.borrow().signed[1].1.as_bytes());
}

#[test]
fn an_identity_that_no_plan_wants_any_more_is_not_renewed() {
    let world = kube();
    apply(&world, &serving(1, "a", "x", "r1"));
    world.offer(&only(2, Action::NoFile { path: "/etc/other".to_owned() }));
    world.live(2);
    world.0.borrow_mut().days = 61;
    let told = world.0.borrow().reports.len();
    world.live(9);
    assert_eq!(world.0.borrow().reports.len(), told, "the plan is not applied again");
}

/// The promise again, for a node of Kubernetes: wherever the program is stopped, the next run gives a pair of key and
/// certificate that belong together, units that run with them, and no mark that is forgotten.
#[test]
fn a_stop_at_any_operation_leaves_a_pair_that_is_made_whole() {
    let plan = |generation, revision: &str, label: &str| {
        let mut plan = serving(generation, "a", "x", revision);
        let marks = magnum_types::plan::NodeMarks {
            labels: [(label.to_owned(), "1".to_owned())].into(),
            taints: vec![format!("{label}:NoSchedule")],
        };
        let nodes = [("n0".to_owned(), marks)].into();
        plan.steps.push(step("marks", Action::KubeMarks { kubectl: kubectl(), nodes }));
        let manifest = Text("kind: List".to_owned());
        let (set, absent) = ("base".to_owned(), vec![]);
        let manifests = Action::KubeApply { kubectl: kubectl(), set, manifest, client_side: false, absent };
        plan.steps.push(step("manifests", manifests));
        plan
    };
    let prepared = || {
        let world = kube();
        world.0.borrow_mut().cluster.nodes.insert("n0".to_owned(), node("True"));
        apply(&world, &plan(1, "r1", "old"));
        world
    };
    let check = |world: &World, place: &str| {
        let key = PrivateKey::from_pem(&world.file(KEY), None).unwrap();
        let subject = [(NameAttribute::CommonName, INSTANCE)];
        let public = CertificateRequest::create(&key, &subject, &[]).unwrap().public_key_der().unwrap();
        let inner = world.0.borrow();
        let signed_for = inner.signed.iter().zip(&inner.signed_keys).rev();
        let matching = signed_for.filter(|(signed, _)| signed.1.as_bytes() == inner.files[CERTIFICATE].1);
        assert!(matching.clone().next().is_some_and(|(_, signed)| *signed == public), "{place}: no pair");
        for path in [KEY, CERTIFICATE] {
            assert!(
                inner.started[UNIT].get(path) == Some(&inner.files[path].1),
                "{place}: {path} does not run"
            );
        }
        let present = &inner.cluster.nodes["n0"];
        assert_eq!(present.labels.keys().collect::<Vec<_>>(), ["new"], "{place}");
        assert_eq!(present.taints, ["new:NoSchedule"], "{place}");
    };
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut stops = 0;
    let tried = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        for number in 1.. {
            for after in [false, true] {
                let world = prepared();
                let begun = world.0.borrow().calls;
                world.0.borrow_mut().stop = Some((begun + number, after));
                world.offer(&plan(2, "r2", "new"));
                match panic::catch_unwind(panic::AssertUnwindSafe(|| world.run())) {
                    Ok(result) => {
                        result.unwrap();
                        check(&world, "undisturbed");
                        return;
                    }
                    Err(thrown) if thrown.is::<Stopped>() => stops += 1,
                    Err(thrown) => panic::resume_unwind(thrown),
                }
                world.0.borrow_mut().stop = None;
                world.offer(&plan(3, "r2", "new"));
                world.run().unwrap();
                check(&world, &format!("stop {number} {after}"));
            }
        }
    }));
    panic::set_hook(hook);
    if let Err(thrown) = tried {
        panic::resume_unwind(thrown);
    }
    assert!(stops > 60, "only {stops} stops were tried");
}

/// Stopped while it renews, with no newer plan to come: the present plan is applied to its end by the next run.
#[test]
fn a_stop_in_a_renewal_is_made_good_without_a_newer_plan() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut stops = 0;
    let tried = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        for number in 1.. {
            let world = kube();
            apply(&world, &serving(1, "a", "x", "r1"));
            world.0.borrow_mut().days = 61;
            let stop = world.0.borrow().calls + number;
            world.0.borrow_mut().stop = Some((stop, true));
            world.live(3);
            let reached = world.0.borrow().calls >= stop;
            world.0.borrow_mut().stop = None;
            world.live(3);
            let inner = world.0.borrow();
            let state: State =
                serde_json::from_slice(&inner.files["/var/lib/magnum-node/state.json"].1).unwrap();
            assert_eq!((state.generation, state.identities["kube-apiserver"].revision.as_str()), (1, "r1"));
            assert_eq!(inner.started[UNIT][CERTIFICATE], inner.files[CERTIFICATE].1, "stop {number}");
            assert!(inner.signed.len() >= 2, "stop {number}");
            if !reached {
                return;
            }
            stops += 1;
        }
    }));
    panic::set_hook(hook);
    if let Err(thrown) = tried {
        panic::resume_unwind(thrown);
    }
    assert!(stops > 20, "only {stops} stops were tried");
}
