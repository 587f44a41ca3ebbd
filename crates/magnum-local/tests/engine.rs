//! [`Engine`] against a real Docker Engine, at `DOCKER_HOST` or the usual socket. Where none answers, the tests say SKIP
//! and why. They share the machine's engine with whatever else is there: each has an installation of its own and looks
//! at nothing else. The node image is made once, which takes some minutes and needs root or Debian's published image.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]

use magnum_local::{
    engine::{Engine, EngineSettings, ImageSettings},
    machines::{
        FileContent, Machines, MachinesError, Network, NetworkSpec, Node, NodeFile, NodeSpec, NodeState,
    },
};
use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// An engine with an installation of its own, which is taken away when the test ends, however it ends.
struct Site {
    engine: Engine,
    installation: String,
}

impl Site {
    async fn new() -> Option<Self> {
        let host = std::env::var("DOCKER_HOST").ok();
        let installation = Uuid::new_v4().to_string();
        let settings = EngineSettings { host, installation: installation.clone() };
        match Engine::connect(settings).await {
            Ok(engine) => Some(Self { engine, installation }),
            Err(error) => {
                eprintln!("SKIP: {error}");
                None
            }
        }
    }

    async fn image(&self) -> String {
        let scratch =
            std::env::var("MAGNUM_TEST_SCRATCH").unwrap_or_else(|_| "/var/tmp/magnum-node-image".to_owned());
        let settings = ImageSettings { scratch: scratch.into(), ..ImageSettings::default() };
        let made = self.engine.image_build(&settings, &|line| eprintln!("{line}")).await.unwrap();
        made.digest
    }

    fn docker(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.engine.place()).args(arguments);
        command.output().unwrap()
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "docker {arguments:?}: {out}{err}");
        out.trim().to_owned()
    }

    /// A container by its server.
    fn container(&self, server: Uuid) -> String {
        self.text(&["ps", "-aq", "--filter", &format!("label=org.openstack.magnum.server={server}")])
    }

    fn inside(&self, server: Uuid, program: &[&str]) -> Output {
        let id = self.container(server);
        self.docker(&[&["exec", id.as_str()], program].concat())
    }

    /// Waits until a program in the node succeeds, and returns its output.
    async fn until(&self, server: Uuid, program: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let output = self.inside(server, program);
            if output.status.success() {
                return String::from_utf8_lossy(&output.stdout).trim().to_owned();
            }
            assert!(start.elapsed() < Duration::from_secs(90), "{program:?}: {output:?}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// What the engine still has of this installation.
    fn remains(&self) -> String {
        let filter = format!("label=org.openstack.magnum.installation={}", self.installation);
        let kinds =
            [["ps", "-aq"].as_slice(), ["volume", "ls", "-q"].as_slice(), ["network", "ls", "-q"].as_slice()];
        kinds
            .iter()
            .map(|kind| self.text(&[kind, ["--filter", filter.as_str()].as_slice()].concat()))
            .collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let filter = format!("label=org.openstack.magnum.installation={}", self.installation);
        for (list, remove) in [
            (["ps", "-aq"].as_slice(), ["rm", "-fv"].as_slice()),
            (["volume", "ls", "-q"].as_slice(), ["volume", "rm"].as_slice()),
            (["network", "ls", "-q"].as_slice(), ["network", "rm"].as_slice()),
        ] {
            let found = self.docker(&[list, ["--filter", filter.as_str()].as_slice()].concat());
            for id in String::from_utf8_lossy(&found.stdout).split_whitespace() {
                self.docker(&[remove, [id].as_slice()].concat());
            }
        }
    }
}

fn network(stack: Uuid) -> NetworkSpec {
    NetworkSpec { stack, name: format!("magnum-test-{stack}") }
}

fn node(stack: Uuid, name: &str, image: &str) -> NodeSpec {
    let file = |path: &str, mode, content: &str| NodeFile {
        path: path.to_owned(),
        mode,
        content: FileContent::Bytes(content.as_bytes().to_vec()),
    };
    NodeSpec {
        server: Uuid::new_v4(),
        stack,
        owner: stack,
        name: name.to_owned(),
        image: image.to_owned(),
        cpus: 1,
        memory_mib: 1024,
        files: vec![
            file("/etc/magnum/node.json", 0o600, "secret"),
            file("/etc/systemd/system/hello.service", 0o644, HELLO),
            NodeFile {
                path: "/etc/systemd/system/multi-user.target.wants/hello.service".to_owned(),
                mode: 0o777,
                content: FileContent::Link("/etc/systemd/system/hello.service".to_owned()),
            },
        ],
        gateway_names: vec!["magnum.internal".to_owned()],
    }
}

const HELLO: &str = "[Unit]\nWants=network-online.target\nAfter=network-online.target\n[Service]\nType=oneshot\n\
                     ExecStart=/bin/sh -c 'echo hello >>/var/hello'\n[Install]\nWantedBy=multi-user.target\n";

/// systemd has started all that it was to start.
async fn is_up(site: &Site, node: &Node) {
    let asks = "case $(systemctl is-system-running) in running|degraded) exit 0; esac; exit 1";
    site.until(node.server, &["sh", "-c", asks]).await;
    let failed = site.until(node.server, &["systemctl", "--failed", "--plain", "--no-legend"]).await;
    assert_eq!(failed, "", "units failed in {}", node.name);
}

async fn ground(site: &Site) -> (Uuid, String, Network) {
    let stack = Uuid::new_v4();
    let image = site.image().await;
    (stack, image, site.engine.network_ensure(&network(stack)).await.unwrap())
}

#[tokio::test]
async fn two_nodes_come_up_with_their_files_keep_their_addresses_and_leave_nothing() {
    let Some(site) = Site::new().await else { return };
    let (stack, image, net) = ground(&site).await;
    assert_eq!(
        site.engine.network_ensure(&network(stack)).await.unwrap(),
        net,
        "the second time it is there"
    );
    assert_eq!(site.engine.networks().await.unwrap(), std::slice::from_ref(&net));
    let specs = [node(stack, "test-master-0", &image), node(stack, "test-node-0", &image)];
    let mut nodes = Vec::new();
    for spec in &specs {
        let node = site.engine.node_ensure(spec).await.unwrap();
        assert_eq!((node.state, &node.name, node.owner), (NodeState::Running, &spec.name, stack));
        assert_eq!(site.engine.node_ensure(spec).await.unwrap(), node, "the second time it is there");
        is_up(&site, &node).await;
        nodes.push(node);
    }
    assert_eq!(site.engine.nodes().await.unwrap().into_values().count(), 2);
    assert_ne!(nodes[0].address, nodes[1].address);

    let first = nodes[0].server;
    let seen = |program: &'static [&'static str]| site.until(first, program);
    assert_eq!(seen(&["stat", "-c", "%a %U %s", "/etc/magnum/node.json"]).await, "600 root 6");
    assert_eq!(seen(&["cat", "/var/hello"]).await, "hello", "the unit that a link enables ran once");
    assert_eq!(seen(&["hostname"]).await, "test-master-0");
    let gateway = seen(&["getent", "ahostsv4", "magnum.internal"]).await;
    assert!(gateway.starts_with(&net.gateway.to_string()), "{gateway} is not {}", net.gateway);
    assert!(
        !site.inside(first, &["systemctl", "is-active", "docker.service"]).status.success(),
        "started too early"
    );
    // What the node sets is its own.
    let before = std::fs::read_to_string("/proc/sys/kernel/panic").unwrap();
    seen(&["sysctl", "-q", "-w", "kernel.panic=77"]).await;
    assert_eq!(seen(&["cat", "/proc/sys/kernel/panic"]).await, "77");
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/panic").unwrap(), before);

    site.text(&["restart", &site.container(first)]);
    is_up(&site, &nodes[0]).await;
    assert_eq!(site.engine.nodes().await.unwrap()[&first], nodes[0], "its address stays");
    assert_eq!(seen(&["cat", "/var/hello"]).await, "hello\nhello", "its disk stays");

    let refused = site.engine.network_remove(stack).await.unwrap_err();
    assert!(matches!(refused, MachinesError::Refused { .. }), "a network with nodes: {refused}");
    for spec in &specs {
        site.engine.node_remove(spec.server).await.unwrap();
        site.engine.node_remove(spec.server).await.unwrap();
    }
    site.engine.network_remove(stack).await.unwrap();
    site.engine.network_remove(stack).await.unwrap();
    assert_eq!(site.remains(), "");
}

#[tokio::test]
async fn a_stopped_node_is_started_again_with_the_same_address_and_one_made_anew_has_it_too() {
    let Some(site) = Site::new().await else { return };
    let (stack, image, _) = ground(&site).await;
    let spec = node(stack, "test-stopped", &image);
    let made = site.engine.node_ensure(&spec).await.unwrap();
    site.text(&["kill", &site.container(spec.server)]);
    let stopped = site.engine.nodes().await.unwrap().remove(&spec.server).unwrap();
    assert_eq!((stopped.state, stopped.address), (NodeState::Stopped, None));
    assert_eq!(site.engine.node_ensure(&spec).await.unwrap(), made);
    site.engine.node_remove(spec.server).await.unwrap();
    assert_eq!(site.engine.node_ensure(&spec).await.unwrap(), made, "as a server that is rebuilt");
}

#[tokio::test]
async fn a_sweep_takes_what_nobody_knows_and_a_crash_in_the_middle_of_making_is_made_good() {
    let Some(site) = Site::new().await else { return };
    let (known, image, net) = ground(&site).await;
    let (unknown, ..) = ground(&site).await;
    // A further node group of an unknown stack stands in the known one's network.
    let group = Uuid::new_v4();
    let foreign = NodeSpec { owner: group, ..node(known, "test-group", &image) };
    let kept = node(known, "test-kept", &image);
    site.engine.node_ensure(&foreign).await.unwrap();
    site.engine.node_ensure(&node(unknown, "test-lost", &image)).await.unwrap();
    // A volume without a container, and a draft of a network, as a crash leaves them.
    let label = |name: &str, value: &str| format!("--label=org.openstack.magnum.{name}={value}");
    let (installation, lost) =
        (label("installation", &site.installation), label("stack", &known.to_string()));
    site.text(&["volume", "create", &installation, &label("owner", &group.to_string())]);
    site.text(&[
        "network",
        "create",
        &installation,
        &lost,
        &label("draft", "true"),
        &format!("draft-{known}"),
    ]);
    let kept_node = site.engine.node_ensure(&kept).await.unwrap();

    let mut wanted = [unknown, group];
    wanted.sort();
    assert_eq!(site.engine.leftovers(&[known]).await.unwrap(), wanted);
    assert_eq!(site.engine.sweep(&[known]).await.unwrap(), wanted);
    assert!(site.engine.sweep(&[known]).await.unwrap().is_empty());
    assert_eq!(site.engine.nodes().await.unwrap().into_values().collect::<Vec<_>>(), [kept_node]);
    assert_eq!(site.engine.networks().await.unwrap(), std::slice::from_ref(&net));
    assert_eq!(site.engine.network_ensure(&network(known)).await.unwrap(), net);

    site.engine.remove_all().await.unwrap();
    assert_eq!(site.remains(), "");
}

#[tokio::test]
async fn an_engine_in_a_node_founds_a_swarm_and_that_of_another_node_joins_it() {
    let Some(site) = Site::new().await else { return };
    let (stack, image, _) = ground(&site).await;
    let specs = [node(stack, "test-manager", &image), node(stack, "test-worker", &image)];
    let mut nodes = Vec::new();
    for spec in &specs {
        nodes.push(site.engine.node_ensure(spec).await.unwrap());
    }
    for node in &nodes {
        is_up(&site, node).await;
        site.until(node.server, &["systemctl", "enable", "--now", "--quiet", "docker.service"]).await;
    }
    let (manager, worker) = (nodes[0].server, nodes[1].server);
    let address = nodes[0].address.unwrap().to_string();
    site.until(manager, &["docker", "swarm", "init", "--advertise-addr", &address]).await;
    let token = site.until(manager, &["docker", "swarm", "join-token", "-q", "worker"]).await;
    site.until(worker, &["docker", "swarm", "join", "--token", &token, &format!("{address}:2377")]).await;
    let ready = "[ $(docker node ls --format '{{.Hostname}} {{.Status}}' | grep -c Ready) = 2 ] && docker node ls \
                 --format '{{.Hostname}}'";
    let mut names: Vec<String> =
        site.until(manager, &["sh", "-c", ready]).await.lines().map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["test-manager", "test-worker"]);
    // A container inside asks for names where the engine outside answers: at the node.
    let own = nodes[1].address.unwrap().to_string();
    let import = "cd / && tar -c lib* usr/lib* usr/bin/getent usr/bin/cat | docker import - inside";
    site.until(worker, &["sh", "-c", import]).await;
    let asked = ["docker", "run", "--rm", "inside", "/usr/bin/cat", "/etc/resolv.conf"];
    assert!(site.until(worker, &asked).await.contains(&format!("nameserver {own}")));
    let asked = ["docker", "run", "--rm", "inside", "/usr/bin/getent", "ahostsv4", "test-manager"];
    assert!(
        site.until(worker, &asked).await.starts_with(&address),
        "the engine outside knows the other node"
    );
    let driver = site.until(worker, &["docker", "info", "--format", "{{.Driver}}"]).await;
    assert_ne!(driver, "vfs", "its store lies on an overlay");
}

#[tokio::test]
async fn what_cannot_be_made_says_why() {
    let Some(site) = Site::new().await else { return };
    let stack = Uuid::new_v4();
    let spec =
        node(stack, "test-never", "sha256:0000000000000000000000000000000000000000000000000000000000000000");
    let error = site.engine.node_ensure(&spec).await.unwrap_err();
    assert!(error.to_string().contains(&format!("the network of its stack {stack}")), "{error}");
    site.engine.network_ensure(&network(stack)).await.unwrap();
    let error = site.engine.node_ensure(&spec).await.unwrap_err();
    assert!(matches!(error, MachinesError::NoImage(_)), "{error}");
    // An image that is none of a node: its program ends, and its words are told.
    let image = NodeSpec { image: site.image().await, ..spec };
    let broken = NodeSpec {
        files: vec![NodeFile {
            path: "/usr/local/lib/magnum/entry".to_owned(),
            mode: 0o755,
            content: FileContent::Bytes(b"#!/bin/sh\necho no init here\nexit 1\n".to_vec()),
        }],
        ..image
    };
    let error = site.engine.node_ensure(&broken).await.unwrap_err();
    assert!(error.to_string().contains("no init here"), "{error}");
    site.engine.remove_all().await.unwrap();
    assert_eq!(site.remains(), "");
}
