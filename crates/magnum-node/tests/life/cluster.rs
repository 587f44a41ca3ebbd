//! Kubernetes, etcd and containerd in memory, as far as their commands are asked.

use crate::world::DAY;
use jiff::Timestamp;
use magnum_node::machine::{Command, Output};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a node of Kubernetes is like.
#[derive(Clone, Default)]
pub struct KubeNode {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub taints: Vec<String>,
    pub cordoned: bool,
    pub ready: String,
    pub message: String,
    /// When its kubelet last spoke: seconds since [`crate::world::DAY`].
    pub said: Option<u64>,
    pub range: String,
    /// Drains that fail before one succeeds.
    pub stubborn: usize,
    pub drained: bool,
}

#[derive(Default)]
pub struct Cluster {
    /// `ok`, an error, or `old` for a release that has no readyz.
    pub api: String,
    pub nodes: BTreeMap<String, KubeNode>,
    /// What was applied, in order.
    pub manifests: Vec<String>,
    /// Id, name and peer URL.
    pub members: Vec<(u64, String, String)>,
    pub etcd_sick: bool,
    /// Ids of members without a vote.
    pub learners: BTreeSet<u64>,
    /// How often a learner is not in sync yet.
    pub behind: usize,
    /// What is said of a workload, the last word for ever.
    pub workloads: BTreeMap<String, Vec<Value>>,
    pub imported: Vec<String>,
}

type Files = BTreeMap<String, (u32, Vec<u8>)>;

fn ok(stdout: String) -> Output {
    Output { success: true, stdout, stderr: String::new() }
}

fn bad(stderr: &str) -> Output {
    Output { success: false, stdout: String::new(), stderr: stderr.to_owned() }
}

pub fn node(ready: &str) -> KubeNode {
    KubeNode { ready: ready.to_owned(), ..KubeNode::default() }
}

impl KubeNode {
    fn json(&self, name: &str) -> Value {
        let taint = |text: &String| {
            let (rest, effect) = text.rsplit_once(':').unwrap();
            let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
            match value {
                "" => json!({"key": key, "effect": effect}),
                value => json!({"key": key, "value": value, "effect": effect}),
            }
        };
        let mut spec = json!({"podCIDR": self.range});
        if self.cordoned {
            spec["unschedulable"] = json!(true);
        }
        if !self.taints.is_empty() {
            spec["taints"] = self.taints.iter().map(taint).collect();
        }
        let mut ready = json!({"type": "Ready", "status": self.ready, "message": self.message});
        if let Some(said) = self.said {
            let said = Timestamp::from_second(DAY + i64::try_from(said).unwrap()).unwrap();
            ready["lastHeartbeatTime"] = json!(said.to_string());
        }
        json!({"kind": "Node", "metadata": {"name": name, "labels": self.labels, "annotations": self.annotations},
            "spec": spec, "status": {"conditions": [{"type": "DiskPressure", "status": "False"}, ready]}})
    }

    /// As kubectl does it to a map of labels or annotations.
    fn set(map: &mut BTreeMap<String, String>, changes: &[&str]) {
        for change in changes.iter().filter(|change| !change.starts_with("--")) {
            match change.split_once('=') {
                Some((key, value)) => drop(map.insert(key.to_owned(), value.to_owned())),
                None => drop(map.remove(change.strip_suffix('-').unwrap())),
            }
        }
    }

    fn taint(&mut self, changes: &[&str]) {
        let identity = |text: &str| {
            let (rest, effect) = text.rsplit_once(':').unwrap();
            format!("{}:{effect}", rest.split_once('=').map_or(rest, |(key, _)| key))
        };
        for change in changes.iter().filter(|change| !change.starts_with("--")) {
            let gone = change.strip_suffix('-');
            let which = identity(gone.unwrap_or(change));
            self.taints.retain(|present| identity(present) != which);
            if gone.is_none() {
                self.taints.push((*change).to_owned());
            }
        }
    }
}

impl Cluster {
    /// `None` where the command is nothing of a cluster's.
    pub fn command(&mut self, command: &Command, line: &str, files: &Files) -> Option<Output> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["kubectl", "--kubeconfig", "/etc/kubeconfig", limit, rest @ ..] => {
                assert!(limit.starts_with("--request-timeout="), "{line}");
                Some(self.kubectl(rest, files))
            }
            [
                "etcdctl",
                "--endpoints",
                _,
                "--cacert",
                _,
                "--cert",
                _,
                "--key",
                _,
                "--write-out",
                "json",
                rest @ ..,
            ] => {
                assert_eq!(command.environment, [("ETCDCTL_API".to_owned(), "3".to_owned())]);
                Some(self.etcdctl(rest))
            }
            ["ctr", "--namespace", "k8s.io", "images", "import", path] => {
                self.imported.push((*path).to_owned());
                Some(ok(String::new()))
            }
            _ => None,
        }
    }

    fn kubectl(&mut self, words: &[&str], files: &Files) -> Output {
        let gone = |name: &str| bad(&format!("Error from server (NotFound): nodes \"{name}\" not found\n"));
        match words {
            ["get", "--raw=/readyz"] if self.api == "old" => {
                bad("Error from server (NotFound): the server could not find the requested resource\n")
            }
            ["get", "--raw=/healthz"] if self.api == "old" => ok("ok".to_owned()),
            ["get", "--raw=/readyz"] if self.api == "ok" => ok("ok".to_owned()),
            _ if !["ok", "old"].contains(&self.api.as_str()) => bad(&self.api),
            ["get", "nodes", "-o", "json"] => {
                let items: Vec<Value> = self.nodes.iter().map(|(name, node)| node.json(name)).collect();
                ok(json!({"kind": "List", "items": items}).to_string())
            }
            ["get", "node", name, "-o", form] => match self.nodes.get(*name) {
                Some(node) if *form == "json" => ok(node.json(name).to_string()),
                Some(node) => {
                    assert_eq!(*form, "jsonpath={.spec.podCIDR}");
                    ok(node.range.clone())
                }
                None => gone(name),
            },
            ["patch", "node", name, "--type=merge", "-p", change] => match self.nodes.get_mut(*name) {
                Some(node) => {
                    assert!(node.range.is_empty(), "a range cannot be changed");
                    let change: Value = serde_json::from_str(change).unwrap();
                    node.range = change["spec"]["podCIDR"].as_str().unwrap().to_owned();
                    ok(String::new())
                }
                None => gone(name),
            },
            ["-n", space, "get", name, "--ignore-not-found", "-o", "json"] => {
                let said = self.workloads.get_mut(&format!("{space} {name}"));
                let said = said.map(|said| if said.len() > 1 { said.remove(0) } else { said[0].clone() });
                ok(said.map(|said| said.to_string()).unwrap_or_default())
            }
            ["-n", space, "delete", "pods", "-l", label, here, "--wait=false"] => {
                self.manifests.push(format!("{space} {label} {here}"));
                ok("No resources found\n".to_owned())
            }
            ["delete", "node", name, "--ignore-not-found", "--wait=false"] => {
                self.nodes.remove(*name);
                ok(String::new())
            }
            ["delete", "--ignore-not-found", "--wait=false", object @ ..] => {
                if object.contains(&"dance/ball") {
                    return bad("error: the server doesn't have a resource type \"dance\"\n");
                }
                self.manifests.push(format!("delete {}", object.join(" ")));
                ok(String::new())
            }
            ["apply", "--server-side", "--force-conflicts", "--field-manager=magnum", "-f", path] => {
                let (mode, content) = &files[*path];
                assert_eq!(*mode, 0o600);
                self.manifests.push(String::from_utf8(content.clone()).unwrap());
                ok(String::new())
            }
            [verb @ ("annotate" | "label" | "taint"), "node" | "nodes", name, changes @ ..] => {
                let Some(node) = self.nodes.get_mut(*name) else { return gone(name) };
                match *verb {
                    "annotate" => KubeNode::set(&mut node.annotations, changes),
                    "label" => KubeNode::set(&mut node.labels, changes),
                    _ => node.taint(changes),
                }
                ok(String::new())
            }
            [verb @ ("cordon" | "uncordon"), name] => {
                let Some(node) = self.nodes.get_mut(*name) else { return gone(name) };
                node.cordoned = *verb == "cordon";
                ok(String::new())
            }
            ["drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", limit] => {
                assert!(limit.starts_with("--timeout=") && limit.ends_with('s'), "{limit}");
                let Some(node) = self.nodes.get_mut(*name) else { return gone(name) };
                assert!(node.cordoned, "drained before it was cordoned");
                if node.stubborn > 0 {
                    node.stubborn -= 1;
                    return bad(&format!("error: unable to drain node \"{name}\": disruption budget\n"));
                }
                node.drained = true;
                ok(String::new())
            }
            other => panic!("nobody plays kubectl {other:?}"),
        }
    }

    fn etcdctl(&mut self, words: &[&str]) -> Output {
        let sick = || bad("{\"level\":\"warn\"}\nError: unhealthy cluster\n");
        match words {
            ["endpoint", "health", ..] if self.etcd_sick => sick(),
            ["endpoint", "health"] => ok("[]".to_owned()),
            ["endpoint", "health", "--cluster"] => {
                assert!(self.members.iter().all(|member| !member.1.is_empty()), "one has not started");
                ok("[]".to_owned())
            }
            ["member", "list"] => {
                let shown = |(id, name, url): &(u64, String, String)| {
                    let mut member = match name.as_str() {
                        "" => json!({"ID": id, "peerURLs": [url]}),
                        name => {
                            json!({"ID": id, "name": name, "peerURLs": [url], "clientURLs": ["https://c"]})
                        }
                    };
                    if self.learners.contains(id) {
                        member["isLearner"] = json!(true);
                    }
                    member
                };
                let members: Vec<Value> = self.members.iter().map(shown).collect();
                ok(json!({"header": {"cluster_id": 14_841_639_068_965_178_418_u64}, "members": members})
                    .to_string())
            }
            ["member", "remove", id] => {
                let id = u64::from_str_radix(id, 16).unwrap();
                assert!(self.members.iter().any(|member| member.0 == id), "no member {id:x}");
                let starts = self.members.iter().filter(|member| member.0 != id && !member.1.is_empty());
                let voters =
                    self.members.iter().filter(|member| member.0 != id && !self.learners.contains(&member.0));
                if starts.count() * 2 <= voters.count() {
                    return bad("Error: etcdserver: unhealthy cluster\n");
                }
                self.members.retain(|member| member.0 != id);
                self.learners.remove(&id);
                assert!(!self.members.is_empty(), "the last member");
                ok("{}".to_owned())
            }
            ["member", "add", _, url, "--learner"] => {
                let url = url.strip_prefix("--peer-urls=").unwrap().to_owned();
                assert!(self.members.iter().all(|member| member.2 != url), "added twice");
                assert!(self.learners.is_empty(), "etcd takes one learner at a time");
                let id = u64::MAX - self.members.len() as u64;
                self.members.push((id, String::new(), url));
                self.learners.insert(id);
                ok("{}".to_owned())
            }
            ["member", "promote", id] => {
                let id = u64::from_str_radix(id, 16).unwrap();
                assert!(self.learners.contains(&id), "no learner {id:x}");
                if self.behind > 0 {
                    self.behind -= 1;
                    let words = "can only promote a learner member which is in sync with leader";
                    return bad(&format!("Error: etcdserver: {words}\n"));
                }
                self.learners.remove(&id);
                ok("{}".to_owned())
            }
            other => panic!("nobody plays etcdctl {other:?}"),
        }
    }
}
