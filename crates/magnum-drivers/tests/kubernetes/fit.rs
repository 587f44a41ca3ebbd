//! What must fit together: programs and their pins, releases of groups and masters, containerd and the kubelet, a healer
//! and its credential.

use crate::{action, file, names, world::World};
use magnum_drivers::{
    Driver as _, GroupInputs,
    kubernetes::{Binary, KubernetesDriver, KubernetesSettings},
};
use magnum_types::plan::Action;
use std::collections::BTreeMap;

#[test]
fn what_the_operator_pins_is_fetched_and_nothing_else() {
    let mut world = World::founded(1, 1);
    let pin = |program: &str, release: &str, url: Option<&str>| {
        let binary = Binary { sha256: format!("{program:0>64}"), url: url.map(str::to_owned) };
        (program.to_owned(), BTreeMap::from([(release.to_owned(), binary)]))
    };
    world.driver = KubernetesDriver::new(KubernetesSettings {
        binaries_url: "https://mirror.example.org/k8s/".into(),
        binaries: BTreeMap::from([
            pin("kubelet", "v1.36.0", None),
            pin("kubectl", "v1.35.0", None),
            pin("etcd", "v3.6", Some("https://mirror.example.org/etcd")),
            pin("bridge", "cni", Some("https://mirror.example.org/cni/bridge")),
        ]),
        ..KubernetesSettings::default()
    });
    let plan = world.plan(0).unwrap();
    let fetched = |step: &str| match action(&plan, step) {
        Action::Program { url, sha256, .. } => (url.as_str(), sha256.trim_start_matches('0')),
        other => panic!("{other:?}"),
    };
    let below = "https://mirror.example.org/k8s/v1.36.0/bin/linux/amd64/kubelet";
    assert_eq!(fetched("program kubelet"), (below, "kubelet"));
    assert_eq!(fetched("program etcd"), ("https://mirror.example.org/etcd", "etcd"));
    assert_eq!(fetched("network plugin bridge"), ("https://mirror.example.org/cni/bridge", "bridge"));
    // Pinned for another release, or not at all.
    for step in ["program kubectl", "program etcdctl", "program kube-proxy", "network plugin portmap"] {
        assert_eq!(fetched(step), ("", ""), "{step}");
    }
}

#[test]
fn a_group_follows_the_master_that_is_behind() {
    let mut world = World::founded(3, 0);
    let check = |world: &World, tag: &str| {
        let mut group = world.workers.clone();
        group.labels.0.insert("kube_tag".into(), tag.into());
        let inputs = GroupInputs { cluster: &world.cluster, group: &group, nodes: &world.nodes };
        world.driver.nodegroup(&inputs).map_err(|error| error.to_string())
    };
    assert_eq!(check(&world, "v1.36.0"), Ok(()));
    world.nodes[1].wanted_release = Some("v1.35.2".into());
    let refused = check(&world, "v1.36.0").unwrap_err();
    assert!(refused.contains("kube_tag") && refused.contains("v1.35.2"), "{refused}");
    assert_eq!(check(&world, "v1.33.0"), Ok(()));
    // Nobody has registered: what the cluster says of itself counts.
    world.nodes.clear();
    world.cluster.coe_version = Some("v1.34.1".into());
    assert!(check(&world, "v1.35.0").unwrap_err().contains("v1.34.1"));
}

#[test]
fn a_healer_reports_where_it_is_asked_for_and_has_a_credential() {
    let mut world = World::founded(1, 1);
    world.set("auto_healing_enabled", "yes");
    assert!(!world.driver.heals_itself(&world.cluster.labels), "nothing was installed");
    world.trust();
    assert!(world.driver.heals_itself(&world.cluster.labels));
    world.set("auto_healing_controller", "draino");
    assert!(world.driver.heals_itself(&world.cluster.labels), "which means the same program");
    assert!(names(&world.plan(0).unwrap()).contains(&"add-on magnum-auto-healer"));
    world.set("auto_healing_enabled", "");
    assert!(!world.driver.heals_itself(&world.cluster.labels));
}

/// The check that containerd runs before it starts, with one that says this.
#[test]
fn a_containerd_that_the_kubelet_cannot_speak_to_says_so() {
    use std::{io::Write as _, os::unix::fs::PermissionsExt as _, process::Command};
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("check-runtime");
    std::fs::create_dir_all(&directory).unwrap();
    let check = |release: &str, says: &str| {
        let mut world = World::founded(1, 1);
        world.set("kube_tag", release);
        let plan = world.plan(1).unwrap();
        let unit = file(&plan, "/etc/systemd/system/containerd.service.d/magnum.conf");
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStartPre=/bin/sh ")).unwrap();
        let (path, arguments) = line.split_once(' ').unwrap();
        let script = directory.join("script");
        std::fs::write(&script, file(&plan, path)).unwrap();
        let containerd = directory.join("containerd");
        let mut program = std::fs::File::create(&containerd).unwrap();
        writeln!(program, "#!/bin/sh\necho '{says}'").unwrap();
        program.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
        drop(program);
        let command = format!("PATH={}:$PATH /bin/sh {} {arguments}", directory.display(), script.display());
        let output = Command::new("/bin/sh").args(["-c", &command]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    for (release, says) in [
        ("v1.20.2", "containerd github.com/containerd/containerd 1.4.13~ds1 1.4.13~ds1-1~deb11u4"),
        ("v1.20.2", "containerd containerd.io 1.7.27 05044ec"),
        ("v1.36.0", "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1"),
        ("v1.36.0", "containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7"),
        ("v1.36.0", "a build of our own"),
        ("v1.36.0", ""),
    ] {
        assert_eq!(check(release, says), (true, String::new()), "{release} {says}");
    }
    for (release, says, words) in [
        (
            "v1.20.2",
            "containerd github.com/containerd/containerd/v2 v2.0.0 207ad71",
            ["2.0.0", "one before 2.0"],
        ),
        ("v1.37.0", "containerd github.com/containerd/containerd 1.5.9 1.5.9-1", ["1.5.9", "1.6 or later"]),
    ] {
        let (well, said) = check(release, says);
        // One of the words by which a node finds the line in the unit's journal.
        let all = words.into_iter().chain(["cannot", "containerd_tarball_url"]);
        assert!(!well && all.clone().all(|word| said.contains(word)), "{release} {says}: {said}");
    }
}
