//! The document that the local cloud's Heat reads in the place of a template: JSON that says `"magnum_local": 1`.
//!
//! - `parameters`: name → `default` (absent: must be given) and `hidden` (never shown).
//! - `network`: `own` for a network of the stack's own, or `parameter`: the one that names another stack's network.
//! - `groups`: `resource` and `server` as the driver's [`MemberGroup`]s call them; `word`, which stands between the stack's
//!   name and the index in a server's name; `count`, a number or a parameter's name; and the parameters that hold `image`,
//!   `flavor` and the indexes to `remove`.
//! - `files`: what a node finds when it starts, see [`user_data::plain_files`].
//! - `values`: what is written in the place of each `__NAME__`: a `parameter`, a `text`, or `signal`: the `url` or `token` by
//!   which the node says that it is ready.
//! - `outputs`: `addresses` of a group's members, the `first_address` of one, or the `network`.
//!
//! What two engines have different in it is their [`Shape`].

use crate::{driver::MemberGroup, user_data};
use magnum_types::Role;
use serde_json::{Map, Value, json};

/// What an engine's stacks are made of.
pub(super) struct Shape {
    /// The groups of a cluster, in the order of the driver's [`MemberGroup`]s.
    pub(super) groups: &'static [Group],
    /// The group whose first member's address is the API's.
    pub(super) first: &'static str,
    /// In front of the names of the parameters `…_image` and `…_flavor` of workers; those of masters begin with `master`.
    pub(super) worker: &'static str,
    /// The parameter that holds the number of masters of all groups.
    pub(super) masters: &'static str,
    /// The parameter that holds the number of workers.
    pub(super) workers: &'static str,
}

/// A group, with what only this document says of it.
pub(super) struct Group {
    pub(super) member: MemberGroup,
    /// Where in a server's name its group is told.
    pub(super) word: &'static str,
    /// The parameter with the number of its members; none: one.
    pub(super) count: Option<&'static str>,
    /// The parameter with the indexes that go.
    pub(super) remove: Option<&'static str>,
}

impl Shape {
    fn prefix(&self, role: Role) -> &'static str {
        if role == Role::Master { "master" } else { self.worker }
    }

    fn described(&self, group: &Group) -> Value {
        let Group { member, word, count, remove } = group;
        let prefix = self.prefix(member.role);
        let mut described = json!({
            "resource": member.resource, "server": member.server, "word": word,
            "count": count.map_or_else(|| json!(1), |name| json!(name)),
            "image": format!("{prefix}_image"), "flavor": format!("{prefix}_flavor"),
        });
        if let (Some(remove), Some(fields)) = (remove, described.as_object_mut()) {
            fields.insert("remove".to_owned(), json!(remove));
        }
        described
    }

    /// A whole cluster's.
    pub(super) fn cluster(&self) -> String {
        let groups: Vec<&Group> = self.groups.iter().collect();
        let mut outputs = Map::new();
        outputs.insert("api_address".to_owned(), json!({ "first_address": self.first }));
        outputs.extend(addresses(&groups));
        outputs.insert("node_network".to_owned(), json!("network"));
        self.text(json!("own"), &[self.masters], &groups, outputs)
    }

    /// That of a further group of workers in the network of a cluster.
    pub(super) fn nodegroup(&self) -> String {
        let workers: Vec<&Group> =
            self.groups.iter().filter(|group| group.member.role == Role::Worker).collect();
        let network = json!({ "parameter": "fixed_network" });
        self.text(network, &["fixed_network"], &workers, addresses(&workers).into_iter().collect())
    }

    fn parameters(&self, more: &[&str], groups: &[&Group]) -> Value {
        let mut all = Map::new();
        for (name, hidden) in [
            ("cluster_uuid", false),
            ("magnum_url", false),
            ("join_secret", true),
            ("magnum_node_sha256", false),
            ("openstack_ca", true),
            ("verify_ca", false),
        ] {
            let given = if hidden { json!({ "hidden": true }) } else { json!({}) };
            all.insert(name.to_owned(), given);
        }
        for group in groups {
            let prefix = self.prefix(group.member.role);
            all.insert(format!("{prefix}_image"), json!({}));
            all.insert(format!("{prefix}_flavor"), json!({ "default": "" }));
            all.extend(group.count.map(|name| (name.to_owned(), json!({}))));
            all.extend(group.remove.map(|name| (name.to_owned(), json!({ "default": [] }))));
        }
        all.extend(more.iter().map(|name| ((*name).to_owned(), json!({}))));
        Value::Object(all)
    }

    fn text(&self, network: Value, more: &[&str], groups: &[&Group], outputs: Map<String, Value>) -> String {
        let described: Vec<Value> = groups.iter().map(|group| self.described(group)).collect();
        let document = json!({
            "magnum_local": 1, "parameters": self.parameters(more, groups), "network": network,
            "groups": described, "files": user_data::plain_files(), "values": values(), "outputs": outputs,
        });
        format!("{document}\n")
    }
}

/// The private addresses are the only ones: whoever asks for the public ones gets them as well.
fn addresses(groups: &[&Group]) -> Vec<(String, Value)> {
    let of = |group: &&Group| {
        let resource = group.member.resource;
        ["", "_private"].map(|suffix| (format!("{resource}{suffix}"), json!({ "addresses": resource })))
    };
    groups.iter().flat_map(of).collect()
}

/// What becomes of every placeholder in a node's files.
fn values() -> Value {
    let parameter = |name: &str| json!({ "parameter": name });
    json!({
        "__MAGNUM_URL__": parameter("magnum_url"),
        "__CLUSTER__": parameter("cluster_uuid"),
        "__JOIN_SECRET__": parameter("join_secret"),
        "__PROGRAM_SHA256__": parameter("magnum_node_sha256"),
        "__CA__": parameter("openstack_ca"),
        "__VERIFY__": parameter("verify_ca"),
        "__SIGNAL_URL__": { "signal": "url" },
        "__SIGNAL_TOKEN__": { "signal": "token" },
        "__VOLUME_ID__": { "text": "" },
        "__ETCD_VOLUME_ID__": { "text": "" },
    })
}
