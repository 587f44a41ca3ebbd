//! A stack and its groups of members, as Heat's database would hold them.

use super::{Part, template::Declared};
use crate::state::stamp;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How a sort of member is called in the templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub group: &'static str,
    pub file: &'static str,
    /// Between the stack's name and the index in a server's name.
    pub word: &'static str,
    pub server: &'static str,
    pub port: &'static str,
    pub floating: &'static str,
    pub wait: &'static str,
    pub image: &'static str,
    /// The parameter that gives single members images of their own; empty where there is none.
    pub images: &'static str,
    pub flavor: &'static str,
    /// The parameter that holds the count; `None` for always one.
    pub count: Option<&'static str>,
    /// The parameter that names members to remove.
    pub removes: Option<&'static str>,
    /// The parameter that only templates with such a group declare.
    pub told_by: &'static str,
    /// A stack with such a group is a cluster's own.
    pub founds: bool,
}

const MANAGER: Layout = Layout {
    group: "swarm_primary_master",
    file: "swarmmaster.yaml",
    word: "primary-master",
    server: "swarm-master",
    port: "swarm_master_eth0",
    floating: "swarm_master_floating",
    wait: "master_wait_condition",
    image: "master_image",
    images: "",
    flavor: "master_flavor",
    count: None,
    removes: None,
    told_by: "number_of_secondary_masters",
    founds: true,
};

/// The groups of stacks, of Swarm's first.
pub(crate) const LAYOUTS: [Layout; 5] = [
    MANAGER,
    Layout {
        group: "swarm_secondary_masters",
        word: "secondary-master",
        count: Some("number_of_secondary_masters"),
        ..MANAGER
    },
    Layout {
        group: "swarm_nodes",
        file: "swarmnode.yaml",
        word: "node",
        server: "swarm-node",
        port: "swarm_node_eth0",
        floating: "swarm_node_floating",
        wait: "node_wait_condition",
        image: "node_image",
        images: "",
        flavor: "node_flavor",
        count: Some("number_of_nodes"),
        removes: Some("nodes_to_remove"),
        told_by: "number_of_nodes",
        founds: false,
    },
    Layout {
        group: "kube_masters",
        file: "kubemaster.yaml",
        word: "master",
        server: "kube-master",
        port: "kube_master_eth0",
        floating: "kube_master_floating",
        wait: "master_wait_condition",
        image: "master_image",
        images: "master_images",
        flavor: "master_flavor",
        count: Some("number_of_masters"),
        removes: Some("masters_to_remove"),
        told_by: "masters_to_remove",
        founds: true,
    },
    Layout {
        group: "kube_minions",
        file: "kubeminion.yaml",
        word: "node",
        server: "kube-minion",
        port: "kube_minion_eth0",
        floating: "kube_minion_floating",
        wait: "minion_wait_condition",
        image: "minion_image",
        images: "minion_images",
        flavor: "minion_flavor",
        count: Some("number_of_minions"),
        removes: Some("minions_to_remove"),
        told_by: "number_of_minions",
        founds: false,
    },
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Not begun with, and never will be.
    Waiting,
    Building,
    Complete,
    Failed(String),
    Leaving,
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub index: u32,
    /// The id of its own stack.
    pub nested: String,
    pub server: Option<String>,
    pub port: Option<String>,
    pub floating: Option<String>,
    pub volume: Option<String>,
    pub condition: Condition,
    /// What of it failed, where it did.
    pub failed_at: Part,
    /// The image that its server is being made anew from, under the same id.
    pub rebuilding: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub layout: Layout,
    /// The id of the group's own stack.
    pub nested: String,
    /// Indexes that were removed by name and never come back.
    pub skipped: BTreeSet<u32>,
    pub members: Vec<Member>,
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub id: String,
    pub time: Timestamp,
    pub resource: String,
    pub status: String,
    pub reason: String,
    pub physical: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub id: String,
    pub name: String,
    pub project: String,
    pub owner: String,
    /// The trust that Heat made for its own deferred work.
    pub trust: Option<String>,
    pub declared: Vec<Declared>,
    pub parameters: IndexMap<String, String>,
    /// The parameters before the update that is going on.
    pub before: Option<IndexMap<String, String>>,
    pub disable_rollback: bool,
    pub timeout_mins: Option<u64>,
    pub tags: Vec<String>,
    pub action: &'static str,
    pub status: &'static str,
    pub reason: String,
    pub created: Timestamp,
    pub updated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub groups: Vec<Group>,
    pub network: Option<String>,
    pub subnet: Option<String>,
    pub balancer: Option<String>,
    pub balancer_floating: Option<String>,
    /// When what is going on ends by itself.
    pub due: Option<Timestamp>,
    pub events: Vec<Event>,
}

impl Stack {
    /// It is a cluster's own stack, not that of a further group.
    pub(crate) fn founds(&self) -> bool {
        self.groups.iter().any(|group| group.layout.founds)
    }

    pub fn status_line(&self) -> String {
        format!("{}_{}", self.action, self.status)
    }

    pub fn is_live(&self) -> bool {
        self.deleted.is_none()
    }

    pub fn is_working(&self) -> bool {
        self.status == "IN_PROGRESS"
    }

    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map(String::as_str).unwrap_or_default()
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.parameter(name).eq_ignore_ascii_case("true")
    }

    pub fn number(&self, name: &str) -> u32 {
        self.parameter(name).parse().unwrap_or(0)
    }

    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.groups.iter().flat_map(|group| &group.members)
    }

    /// The image of a member.
    pub fn image(&self, layout: &Layout, index: u32) -> String {
        let single: Value = serde_json::from_str(self.parameter(layout.images)).unwrap_or_default();
        let own = single.get(index.to_string()).and_then(Value::as_str);
        own.unwrap_or_else(|| self.parameter(layout.image)).to_owned()
    }

    /// The stack's own address.
    pub fn href(&self, base: &str) -> String {
        href(base, &self.project, &self.name, &self.id)
    }

    pub fn listed(&self, base: &str) -> Value {
        json!({
            "id": self.id, "stack_name": self.name, "project": self.project, "description": "",
            "stack_status": self.status_line(), "stack_status_reason": self.reason,
            "creation_time": stamp(self.created), "updated_time": self.updated.map(stamp),
            "deletion_time": self.deleted.map(stamp), "stack_owner": self.owner, "parent": null,
            "tags": if self.tags.is_empty() { Value::Null } else { json!(self.tags) },
            "links": [{ "href": self.href(base), "rel": "self" }],
        })
    }

    pub fn shown(&self, base: &str) -> Value {
        let mut shown = self.listed(base);
        let own =
            [("OS::stack_id", &self.id), ("OS::project_id", &self.project), ("OS::stack_name", &self.name)];
        let mut parameters: serde_json::Map<String, Value> =
            own.into_iter().map(|(key, value)| (key.to_owned(), value.as_str().into())).collect();
        for declared in &self.declared {
            let value = self.parameters.get(&declared.name).or(declared.default.as_ref());
            let value =
                if declared.hidden { "******" } else { value.map(String::as_str).unwrap_or_default() };
            parameters.insert(declared.name.clone(), value.into());
        }
        if let Some(fields) = shown.as_object_mut() {
            fields.shift_remove("project");
            fields.insert("parameters".to_owned(), parameters.into());
            fields.insert("disable_rollback".to_owned(), self.disable_rollback.into());
            fields.insert("timeout_mins".to_owned(), json!(self.timeout_mins));
            fields.insert("tags".to_owned(), json!(self.tags));
        }
        shown
    }
}

pub(crate) fn href(base: &str, project: &str, name: &str, id: &str) -> String {
    format!("{base}/orchestration/v1/{project}/stacks/{name}/{id}")
}

/// A parameter's value as Heat gives it back: text, whatever it was.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(as_text).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}
