//! etcd on the masters: founded together by all that the cluster was created with, and changed one member at a time
//! afterwards. Who is a member is a fact that members report; a master that is none yet waits until the acting one has
//! added it, so two are never added at once, and gets a vote only when it has caught up, so the majority is never in
//! question.

use super::{
    Planned,
    trust::{authority, pair},
};
use crate::{
    kubernetes::{
        ETCD_LEARNERS, ETCD_MEMBERS,
        identity::{API_SERVER_ETCD, ETCD_PEER, ETCD_SERVER},
        shape::value,
    },
    plan_steps::{MINUTE, file, socket_address, step, unit, yielding},
    stack_values::label,
};
use magnum_types::{
    Authority, Cluster, NodeRegistration, NodeState, Role,
    plan::{Action, Etcdctl, PlanStep},
};
use std::collections::BTreeMap;

const DATA: &str = "/var/lib/etcd";
const UNIT: &str = "/etc/systemd/system/etcd.service";
const INITIAL: &str = "/etc/etcd/initial.env";

impl Planned<'_> {
    /// The local member; `None` while this master must wait for others.
    pub(super) fn etcd(&self) -> Option<Vec<PlanStep>> {
        let initial = self.initial()?;
        let etcd = self.etcd_program("etcd");
        let mut steps = Vec::new();
        if has_etcd_volume(self.inputs.cluster) {
            let action = Action::Volume {
                volume_id: "etcd".to_owned(),
                mount: DATA.to_owned(),
                file_system: "ext4".to_owned(),
            };
            steps.push(step("etcd volume", 10 * MINUTE, action));
        }
        for program in ["etcd", "etcdctl"] {
            steps.push(self.etcd_fetched(program));
        }
        steps.push(file("etcd founding", INITIAL, 0o644, initial));
        steps.push(file("etcd unit file", UNIT, 0o644, self.etcd_unit(&etcd)));
        // Leaf certificates are read anew with every connection; the authority is not.
        steps.push(unit("etcd", "etcd.service", &[UNIT, &authority(Authority::Etcd)]));
        steps.push(step("etcd ready", 15 * MINUTE, Action::EtcdReady { etcdctl: self.etcdctl() }));
        Some(steps)
    }

    /// The masters that are members or are to be, in the order of their names.
    fn etcd_masters(&self) -> Vec<&NodeRegistration> {
        let cluster = self.inputs.cluster;
        let stays = |node: &&NodeRegistration| node.role == Role::Master && !must_leave(cluster, node);
        let mut masters: Vec<_> = self.inputs.nodes.iter().filter(stays).collect();
        masters.sort_by_key(|node| &node.name);
        masters
    }

    /// How this member enters: founding with the others, or added to those that there are.
    fn initial(&self) -> Option<String> {
        let known = self.members();
        let own = self.node();
        let (members, state) = if known.is_empty() {
            let masters = self.etcd_masters();
            let wanted: i32 = self
                .inputs
                .nodegroups
                .iter()
                .filter(|group| group.kind() == Role::Master)
                .map(|group| group.node_count)
                .sum();
            if usize::try_from(wanted).is_ok_and(|wanted| masters.len() < wanted) {
                return None;
            }
            (masters.into_iter().map(membership).collect(), "new")
        } else if known.iter().any(|(name, _)| *name == own.name) {
            (known, "existing")
        } else {
            return None;
        };
        let list: Vec<String> = members.iter().map(|(name, url)| format!("{name}={url}")).collect();
        Some(format!(
            "ETCD_INITIAL_CLUSTER={}\nETCD_INITIAL_CLUSTER_STATE={state}\nETCD_INITIAL_CLUSTER_TOKEN={}\n",
            list.join(","),
            self.inputs.cluster.uuid
        ))
    }

    fn members(&self) -> Vec<(String, String)> {
        members(self.inputs.facts)
    }

    /// On the acting master: those that go are members no more. Whatever the others last told of them, since a word may be
    /// older than another.
    pub(super) fn etcd_leave(&self) -> Option<PlanStep> {
        let going = |node: &&NodeRegistration| must_leave(self.inputs.cluster, node);
        let (remove, remove_urls): (Vec<_>, Vec<_>) =
            self.inputs.nodes.iter().filter(going).map(membership).unzip();
        if remove.is_empty() || self.members().is_empty() {
            return None;
        }
        let action = Action::EtcdMembers { etcdctl: self.etcdctl(), add: None, remove, remove_urls };
        Some(yielding("etcd members leave", 15 * MINUTE, action))
    }

    /// On the acting master: whoever was added has a vote as soon as it can, and then another is added.
    pub(super) fn etcd_join(&self) -> Option<PlanStep> {
        let known = self.members();
        let is_known = |node: &&NodeRegistration| known.iter().any(|(name, _)| *name == node.name);
        let add = self.etcd_masters().into_iter().find(|node| !is_known(node)).map(membership);
        let learns = self.inputs.facts.get(ETCD_LEARNERS).is_some_and(|names| !names.is_empty());
        if known.is_empty() || (add.is_none() && !learns) {
            return None;
        }
        let action =
            Action::EtcdMembers { etcdctl: self.etcdctl(), add, remove: Vec::new(), remove_urls: Vec::new() };
        Some(yielding("etcd members join", 15 * MINUTE, action))
    }

    /// The line of etcd that goes with the release, or the one that a label names.
    fn etcd_release(&self) -> &str {
        label(&self.inputs.cluster.labels, "etcd_tag")
            .map_or(self.minor.etcd, |tag| tag.trim_start_matches('v'))
    }

    fn etcd_program(&self, program: &str) -> String {
        format!("/opt/etcd/{}/bin/{program}", self.etcd_release())
    }

    fn etcd_fetched(&self, program: &str) -> PlanStep {
        let release = self.etcd_release();
        let says = match program {
            "etcdctl" => format!("etcdctl version: {release}"),
            _ => format!("etcd Version: {release}"),
        };
        let (url, sha256) = self.settings.pinned(program, &format!("v{release}"));
        let action = Action::Program {
            path: self.etcd_program(program),
            candidates: vec![format!("/usr/bin/{program}"), format!("/usr/local/bin/{program}")],
            // etcdctl has no --version: it is taken from beside an etcd that is right.
            says: if program == "etcdctl" { String::new() } else { says },
            named: vec![format!("/usr/lib/etcd/{release}/bin/{program}")],
            url,
            sha256,
        };
        step(&format!("program {program}"), 15 * MINUTE, action)
    }

    fn etcdctl(&self) -> Etcdctl {
        let (certificate, key) = pair(API_SERVER_ETCD);
        Etcdctl {
            program: self.etcd_program("etcdctl"),
            endpoints: "https://127.0.0.1:2379".to_owned(),
            ca: authority(Authority::Etcd),
            certificate,
            key,
        }
    }

    fn etcd_unit(&self, etcd: &str) -> String {
        let node = self.node();
        let (server, server_key) = pair(ETCD_SERVER);
        let (peer, peer_key) = pair(ETCD_PEER);
        let ca = authority(Authority::Etcd);
        let client = socket_address(&node.address, 2379);
        let own_peer = socket_address(&node.address, 2380);
        format!(
            "[Unit]\n\
             Description=etcd of the cluster\n\
             After=network-online.target\n\
             Wants=network-online.target\n\
             RequiresMountsFor={DATA}\n\
             StartLimitIntervalSec=0\n\
             [Service]\n\
             Type=exec\n\
             EnvironmentFile={INITIAL}\n\
             ExecStartPre=/bin/mkdir -p -m 700 {DATA}/data\n\
             ExecStart={etcd} \\\n  \
             --name={name} \\\n  \
             --data-dir={DATA}/data \\\n  \
             --listen-client-urls=https://127.0.0.1:2379,https://{client} \\\n  \
             --advertise-client-urls=https://{client} \\\n  \
             --listen-peer-urls=https://{own_peer} \\\n  \
             --initial-advertise-peer-urls=https://{own_peer} \\\n  \
             --client-cert-auth=true \\\n  \
             --trusted-ca-file={ca} \\\n  \
             --cert-file={server} \\\n  \
             --key-file={server_key} \\\n  \
             --peer-client-cert-auth=true \\\n  \
             --peer-trusted-ca-file={ca} \\\n  \
             --peer-cert-file={peer} \\\n  \
             --peer-key-file={peer_key} \\\n  \
             --auto-compaction-mode=periodic \\\n  \
             --auto-compaction-retention=8h\n\
             Restart=always\n\
             RestartSec=2\n\
             LimitNOFILE=65536\n\
             [Install]\n\
             WantedBy=multi-user.target\n",
            name = node.name,
        )
    }
}

fn has_etcd_volume(cluster: &Cluster) -> bool {
    value(&cluster.labels, "etcd_volume_size").parse::<i64>().is_ok_and(|size| size > 0)
}

/// Whether it is a master that loses, or has lost, its member's data: it goes, or is made anew without a volume of its own.
pub(in crate::kubernetes) fn must_leave(cluster: &Cluster, node: &NodeRegistration) -> bool {
    let loses = match node.state {
        NodeState::Leaving | NodeState::Gone => true,
        NodeState::Rebuilding => !has_etcd_volume(cluster),
        _ => false,
    };
    loses && node.role == Role::Master
}

/// Name and peer URL of a master's member.
fn membership(node: &NodeRegistration) -> (String, String) {
    (node.name.clone(), format!("https://{}", socket_address(&node.address, 2380)))
}

/// The members as they last told.
fn members(facts: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let told = facts.get(ETCD_MEMBERS).map_or("", String::as_str);
    let pair = |member: &str| member.split_once('=').map(|(name, url)| (name.to_owned(), url.to_owned()));
    told.split(',').filter_map(pair).collect()
}

/// Whether the members, as they last told, are others than this master.
pub(in crate::kubernetes) fn has_left(facts: &BTreeMap<String, String>, master: &NodeRegistration) -> bool {
    let (own_name, own_url) = membership(master);
    !members(facts).iter().any(|(name, url)| *name == own_name || *url == own_url)
}
