//! What comes onto the machine: programs, archives, images, and what must not be there; and where user-data is read.

use crate::{
    error_of, fresh,
    kubernetes::{KUBELET, apply, kube},
    only,
    world::World,
};
use magnum_node::bootstrap;
use magnum_types::plan::Action;
use magnum_x509::token::sha256_hex;
use std::collections::BTreeMap;

#[test]
fn a_program_of_the_image_is_linked_if_it_is_of_the_release() {
    let world = kube();
    for (path, says) in
        [("/usr/bin/kubelet", "Kubernetes v1.19.0"), ("/opt/bin/kubelet", "Kubernetes v1.20.2")]
    {
        world.0.borrow_mut().files.insert(path.to_owned(), (0o755, says.as_bytes().to_vec()));
    }
    let action = Action::Program {
        path: KUBELET.to_owned(),
        candidates: vec!["/none".to_owned(), "/usr/bin/kubelet".to_owned(), "/opt/bin/kubelet".to_owned()],
        says: "v1.20.2".to_owned(),
        named: Vec::new(),
        url: String::new(),
        sha256: String::new(),
    };
    apply(&world, &only(1, action.clone()));
    apply(&world, &only(2, action));
    assert_eq!(world.ran(&format!("link {KUBELET} /opt/bin/kubelet")), 1);
    assert_eq!(world.ran("/opt/bin/kubelet --version"), 1, "what is there is not asked again");
}

#[test]
fn a_program_is_fetched_and_its_digest_counts() {
    let world = kube();
    let url = "https://mirror/v1.20.2/kubelet";
    let fetching = |sha256: String| Action::Program {
        path: KUBELET.to_owned(),
        candidates: vec!["/none".to_owned()],
        says: "v1.20.2".to_owned(),
        named: Vec::new(),
        url: url.to_owned(),
        sha256,
    };
    world.0.borrow_mut().web.insert(url.to_owned(), b"the program".to_vec());
    let error = error_of(&world, fetching(sha256_hex(b"another")));
    assert!(error.starts_with(&format!("{url}: its SHA-256 is {}", sha256_hex(b"the program"))), "{error}");
    assert!(!world.0.borrow().files.keys().any(|path| path.starts_with(KUBELET)), "nothing is left of it");
    apply(&world, &only(2, fetching(sha256_hex(b"the program"))));
    assert_eq!(world.0.borrow().files[KUBELET], (0o755, b"the program".to_vec()));
}

#[test]
fn files_and_packages_come_by_the_proxies_of_the_template() {
    let world = kube();
    let url = "https://mirror.example/v1.20.2/kubelet";
    let fetching = Action::Program {
        path: KUBELET.to_owned(),
        candidates: Vec::new(),
        says: String::new(),
        named: Vec::new(),
        url: url.to_owned(),
        sha256: sha256_hex(b"the program"),
    };
    world.0.borrow_mut().web.insert(url.to_owned(), b"the program".to_vec());
    world.0.borrow_mut().packages.insert("jq".to_owned(), vec!["jq".to_owned()]);
    let mut plan = only(1, fetching);
    let programs = BTreeMap::from([("jq".to_owned(), "jq".to_owned())]);
    plan.steps.push(crate::step("packages", Action::Packages { programs }));
    plan.proxies.https = "http://proxy:3128".to_owned();
    plan.proxies.besides = "elsewhere.example".to_owned();
    apply(&world, &plan);
    assert_eq!(world.ran(&format!("fetch {url} by http://proxy:3128")), 1);
    let told = world.0.borrow().environments.get("apt-get").cloned().unwrap();
    let wanted = [("https_proxy", "http://proxy:3128"), ("no_proxy", "elsewhere.example")];
    assert_eq!(told, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_program_that_nobody_has_is_named_at_once() {
    let world = kube();
    let action = Action::Program {
        path: KUBELET.to_owned(),
        candidates: vec!["/usr/bin/kubelet".to_owned()],
        says: "v1.20.2".to_owned(),
        named: Vec::new(),
        url: String::new(),
        sha256: String::new(),
    };
    let error = error_of(&world, action);
    assert!(error.contains("kubelet (v1.20.2)") && error.contains("/usr/bin/kubelet"), "{error}");
    assert_eq!(world.0.borrow().now, std::time::Duration::ZERO);
}

#[test]
fn a_candidate_of_another_digest_is_passed_over() {
    let world = kube();
    world.0.borrow_mut().files.insert("/opt/kubelet".to_owned(), (0o755, b"one".to_vec()));
    world.0.borrow_mut().web.insert("http://m/k".to_owned(), b"two".to_vec());
    let action = Action::Program {
        path: KUBELET.to_owned(),
        candidates: vec!["/opt/kubelet".to_owned()],
        says: String::new(),
        named: Vec::new(),
        url: "http://m/k".to_owned(),
        sha256: sha256_hex(b"two"),
    };
    apply(&world, &only(1, action));
    assert_eq!((world.file(KUBELET).as_str(), world.ran("link")), ("two", 0));
}

#[test]
fn a_file_without_a_digest_is_not_fetched() {
    let world = kube();
    let (url, directory) = ("http://m/a.tgz".to_owned(), "/opt/cni".to_owned());
    let error = error_of(&world, Action::Archive { url, sha256: String::new(), directory });
    assert_eq!(
        (error.as_str(), world.ran("fetch")),
        ("http://m/a.tgz has no digest, so it is not fetched", 0)
    );
}

#[test]
fn an_archive_is_unpacked_once_per_digest() {
    let world = kube();
    let archive = |generation, content: &[u8]| {
        world.0.borrow_mut().web.insert("http://m/cni.tgz".to_owned(), content.to_vec());
        let (url, directory) = ("http://m/cni.tgz".to_owned(), "/opt/cni/bin".to_owned());
        apply(&world, &only(generation, Action::Archive { url, sha256: sha256_hex(content), directory }));
        (world.ran("fetch"), world.ran("tar"))
    };
    assert_eq!(archive(1, b"one"), (1, 1));
    assert_eq!(archive(2, b"one"), (1, 1));
    assert_eq!(archive(3, b"two"), (2, 2));
    assert_eq!(world.file("/opt/cni/bin/unpacked"), "two");
    let left = world.0.borrow().files.keys().filter(|path| path.contains("/.magnum-archive")).count();
    assert_eq!(left, 0, "the archive itself is not kept");
}

#[test]
fn an_archive_that_cannot_be_unpacked_is_fetched_again() {
    let world = kube();
    world.0.borrow_mut().web.insert("http://m/cni.tgz".to_owned(), b"one".to_vec());
    world.0.borrow_mut().failures.insert("tar".to_owned(), ("tar: Error: no space left".to_owned(), 1));
    let (url, directory) = ("http://m/cni.tgz".to_owned(), "/opt/cni/bin".to_owned());
    apply(&world, &only(1, Action::Archive { url, sha256: sha256_hex(b"one"), directory }));
    assert_eq!((world.ran("fetch"), world.file("/opt/cni/bin/unpacked").as_str()), (2, "one"));
}

#[test]
fn images_are_imported_once_each_and_none_is_no_error() {
    let world = kube();
    let images = |generation| {
        apply(&world, &only(generation, Action::Images { directory: "/opt/images".to_owned() }));
        world.0.borrow().cluster.imported.clone()
    };
    assert_eq!(images(1), Vec::<String>::new());
    for (path, content) in
        [("/opt/images/a.tar", "a"), ("/opt/images/b.tar", "b"), ("/opt/images/README", "")]
    {
        world.0.borrow_mut().files.insert(path.to_owned(), (0o644, content.into()));
    }
    world.0.borrow_mut().failures.insert("ctr".to_owned(), ("ctr: failed to dial".to_owned(), 2));
    assert_eq!(images(2), ["/opt/images/a.tar", "/opt/images/b.tar"]);
    assert_eq!(images(3).len(), 2);
    world.0.borrow_mut().files.insert("/opt/images/b.tar".to_owned(), (0o644, b"longer".to_vec()));
    assert_eq!(images(4)[2..], ["/opt/images/b.tar"]);
}

#[test]
fn a_file_that_must_not_be_there_is_removed() {
    let world = kube();
    world.0.borrow_mut().files.insert("/etc/cni/old".to_owned(), (0o644, vec![]));
    for generation in [1, 2] {
        apply(&world, &only(generation, Action::NoFile { path: "/etc/cni/old".to_owned() }));
        assert!(!world.0.borrow().files.contains_key("/etc/cni/old"));
    }
    let error = error_of(&kube(), Action::NoFile { path: "etc/old".to_owned() });
    assert!(error.contains("no absolute path"), "{error}");
}

#[test]
fn a_program_at_its_absolute_path_needs_no_package() {
    let world = kube();
    world.0.borrow_mut().files.insert("/usr/sbin/runc".to_owned(), (0o755, vec![]));
    let programs = BTreeMap::from([("/usr/sbin/runc".to_owned(), "runc".to_owned())]);
    apply(&world, &only(1, Action::Packages { programs: programs.clone() }));
    assert_eq!(world.ran("apt-get"), 0);
    world.0.borrow_mut().files.insert("/usr/sbin/runc".to_owned(), (0o644, vec![]));
    world.0.borrow_mut().packages.insert("runc".to_owned(), vec!["/usr/sbin/runc".to_owned()]);
    apply(&world, &only(2, Action::Packages { programs }));
    assert_eq!(world.ran("apt-get"), 2, "one that cannot be started does not count");
}

#[test]
fn etcds_volume_is_another_one() {
    let volume = || Action::Volume {
        volume_id: "etcd".to_owned(),
        mount: "/var/lib/etcd".to_owned(),
        file_system: "ext4".to_owned(),
    };
    let error = error_of(&fresh(), volume());
    assert_eq!(error, "volume e7cd8da3-587d-412b-b94c-0b0dabfa0c93 is not attached");
    let world = fresh();
    let device = "/dev/disk/by-id/virtio-e7cd8da3-587d-412b-b".to_owned();
    world.0.borrow_mut().files.insert(device.clone(), (0o600, vec![]));
    apply(&world, &only(1, volume()));
    assert!(world.file("/etc/fstab").starts_with(&format!("{device} /var/lib/etcd ext4")));
}

#[test]
fn without_a_file_the_environment_tells_the_same() {
    let world = World::default();
    let path = "/etc/magnum/node.json";
    let mut variables = BTreeMap::from([
        ("MAGNUM_NODE_MAGNUM_URL", "http://magnum/v1"),
        ("MAGNUM_NODE_CLUSTER", "c"),
        ("MAGNUM_NODE_JOIN_SECRET", "join"),
        ("MAGNUM_NODE_SIGNAL_URL", "http://heat/signal?a=b&c=d"),
        ("MAGNUM_NODE_SIGNAL_TOKEN", "token"),
        ("MAGNUM_NODE_ETCD_VOLUME_ID", "v"),
    ]);
    let read = |variables: &BTreeMap<&str, &str>| {
        bootstrap::read(&world, path, |name| variables.get(name).map(|value| (*value).to_owned()))
    };
    let found = read(&variables).unwrap();
    assert_eq!((found.cluster.as_str(), found.signal_url.as_str()), ("c", "http://heat/signal?a=b&c=d"));
    assert_eq!((found.etcd_volume_id.as_str(), found.volume_id.as_str(), found.verify), ("v", "", true));
    variables.insert("MAGNUM_NODE_VERIFY", "False");
    assert!(!read(&variables).unwrap().verify);
    variables.insert("MAGNUM_NODE_VERIFY", "perhaps");
    assert!(read(&variables).is_err(), "a misspelt wish switches nothing off");
    variables.remove("MAGNUM_NODE_VERIFY");
    variables.remove("MAGNUM_NODE_CLUSTER");
    let error = read(&variables).err().unwrap();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("MAGNUM_NODE_") && cause.contains("cluster"), "{error}: {cause}");
    assert!(read(&BTreeMap::new()).err().unwrap().to_string().contains(path));
    // The file goes first.
    let file = serde_json::to_vec(&World::bootstrap()).unwrap();
    world.0.borrow_mut().files.insert(path.to_owned(), (0o600, file));
    assert_eq!(read(&variables).unwrap().cluster, crate::world::CLUSTER);
}
