//! The resources of a stack as a tree of stacks: the stack, its groups, their members.
//!
//! The tree is made anew for each question from the stack's members, then cut to the asked depth and filters.

use super::{
    Part, no_stack, refused,
    stack::{Condition, Group, Member, Stack, href},
};
use crate::{
    exchange::{Ask, Reply},
    state::{State, stamp},
};
use serde_json::{Map, Value, json};

/// A resource, with the stack that it is in and the one that it is.
struct Resource {
    name: String,
    kind: String,
    thing: String,
    status: String,
    reason: String,
    inside: (String, String),
    nested: Option<(String, String)>,
    parent: Option<String>,
}

fn status_of(stack: &Stack, condition: &Condition) -> (String, String) {
    let action = if stack.action == "DELETE" { "DELETE" } else { "CREATE" };
    match condition {
        _ if action == "DELETE" => (stack.status_line(), stack.reason.clone()),
        Condition::Waiting => ("INIT_COMPLETE".to_owned(), String::new()),
        Condition::Building => (format!("{action}_IN_PROGRESS"), "state changed".to_owned()),
        Condition::Complete => (format!("{action}_COMPLETE"), "state changed".to_owned()),
        Condition::Failed(reason) => (format!("{action}_FAILED"), reason.clone()),
        Condition::Leaving => ("DELETE_IN_PROGRESS".to_owned(), "state changed".to_owned()),
    }
}

/// The names of the stacks within a stack: group, member.
fn group_name(stack: &Stack, group: &Group) -> String {
    format!("{}-{}-nested", stack.name, group.layout.group)
}

fn member_stack_name(stack: &Stack, group: &Group, member: &Member) -> String {
    format!("{}-{}-nested", group_name(stack, group), member.index)
}

fn tree(stack: &Stack) -> Vec<Resource> {
    let top = (stack.name.clone(), stack.id.clone());
    let mut found = Vec::new();
    let shared = [
        ("private_network", "OS::Neutron::Net", &stack.network),
        ("private_subnet", "OS::Neutron::Subnet", &stack.subnet),
        ("api_lb", "OS::Octavia::LoadBalancer", &stack.balancer),
        ("api_lb_floating", "OS::Neutron::FloatingIP", &stack.balancer_floating),
    ];
    for (name, kind, thing) in shared {
        if let Some(thing) = thing {
            let (status, reason) = status_of(stack, &Condition::Complete);
            found.push(Resource {
                name: name.to_owned(),
                kind: kind.to_owned(),
                thing: thing.clone(),
                status,
                reason,
                inside: top.clone(),
                nested: None,
                parent: None,
            });
        }
    }
    for group in &stack.groups {
        let inside = (group_name(stack, group), group.nested.clone());
        let conditions = || group.members.iter().map(|member| &member.condition);
        let failed = conditions().find(|condition| matches!(condition, Condition::Failed(_)));
        let building = conditions().find(|condition| matches!(condition, Condition::Building));
        let (status, reason) = status_of(stack, failed.or(building).unwrap_or(&Condition::Complete));
        let wrapped = |path: &str, reason: String| match failed {
            Some(_) if !reason.ends_with("aborted") => format!("ResourceInError: {path}: {reason}"),
            _ => reason,
        };
        found.push(Resource {
            name: group.layout.group.to_owned(),
            kind: "OS::Heat::ResourceGroup".to_owned(),
            thing: group.nested.clone(),
            status,
            reason: wrapped(&format!("resources.{}", group.layout.group), reason),
            inside: top.clone(),
            nested: Some(inside.clone()),
            parent: None,
        });
        for member in &group.members {
            let own = (member_stack_name(stack, group, member), member.nested.clone());
            let (status, reason) = status_of(stack, &member.condition);
            found.push(Resource {
                name: member.index.to_string(),
                kind: group.layout.file.to_owned(),
                thing: member.nested.clone(),
                status,
                reason: match &member.condition {
                    Condition::Failed(_) => wrapped(&format!("resources[{}]", member.index), reason),
                    _ => reason,
                },
                inside: inside.clone(),
                nested: Some(own.clone()),
                parent: Some(group.layout.group.to_owned()),
            });
            found.extend(member_things(stack, group, member, &own));
        }
    }
    found
}

fn member_things(stack: &Stack, group: &Group, member: &Member, own: &(String, String)) -> Vec<Resource> {
    let layout = &group.layout;
    let none = String::new;
    let complete = match &member.condition {
        Condition::Building | Condition::Failed(_) => &Condition::Complete,
        other => other,
    };
    // Until the node signals, all but the wait condition is complete; a failed member failed at its server or its port.
    let at_port = matches!(member.condition, Condition::Failed(_)) && member.failed_at == Part::Port;
    let server = match &member.condition {
        Condition::Building => &Condition::Complete,
        Condition::Failed(_) if at_port => &Condition::Waiting,
        other => other,
    };
    let (port_id, port) = match at_port {
        true => (Some(none()), &member.condition),
        false => (member.port.clone(), complete),
    };
    let things = [
        (layout.port, "OS::Neutron::Port", port_id, port),
        (layout.floating, "OS::Neutron::FloatingIP", member.floating.clone(), complete),
        ("docker_volume", "OS::Cinder::Volume", member.volume.clone(), complete),
        (layout.server, "OS::Nova::Server", Some(member.server.clone().unwrap_or_else(none)), server),
    ];
    let waiting = matches!(member.condition, Condition::Building | Condition::Complete | Condition::Leaving);
    let wait = waiting.then(|| (layout.wait, "OS::Heat::WaitCondition", Some(none()), &member.condition));
    let made = things.into_iter().chain(wait).filter_map(|(name, kind, thing, condition)| {
        let (status, reason) = status_of(stack, condition);
        Some(Resource {
            name: name.to_owned(),
            kind: kind.to_owned(),
            thing: thing?,
            status,
            reason,
            inside: own.clone(),
            nested: None,
            parent: Some(member.index.to_string()),
        })
    });
    made.collect()
}

impl State {
    /// The id of the outermost stack that holds the stack `name`/`id`.
    pub(super) fn outer_of(&self, name: &str, id: &str) -> Option<String> {
        let holds = |stack: &&Stack| {
            let nested = (name.to_owned(), id.to_owned());
            tree(stack).iter().any(|resource| resource.nested.as_ref() == Some(&nested))
        };
        self.heat.stacks.values().find(holds).map(|stack| stack.id.clone())
    }

    /// A member's own stack, as far as somebody asks for it: the name of its server is a parameter there.
    pub(super) fn nested_show(&self, outer: &str, name: &str, id: &str) -> Reply {
        let Some(stack) = self.heat.stacks.get(outer) else { return no_stack(name) };
        let holds = |group: &&Group| group.members.iter().any(|member| member.nested == id);
        let group = stack.groups.iter().find(holds);
        let member = group.and_then(|group| group.members.iter().find(|member| member.nested == id));
        let mut parameters = Map::new();
        if let (Some(group), Some(member)) = (group, member) {
            let server = format!("{}-{}-{}", stack.name, group.layout.word, member.index);
            parameters.insert("name".to_owned(), server.into());
        }
        Reply::ok(&json!({ "stack": {
            "id": id, "stack_name": name, "stack_status": stack.status_line(), "stack_status_reason": "",
            "creation_time": stamp(stack.created), "parent": stack.id, "parameters": parameters,
            "links": [{ "href": href(&self.base_url, &stack.project, name, id), "rel": "self" }],
        }}))
    }

    fn resource_json(&self, stack: &Stack, resource: &Resource) -> Map<String, Value> {
        let link = |(name, id): &(String, String)| href(&self.base_url, &stack.project, name, id);
        let inside = link(&resource.inside);
        let mut links = vec![
            json!({ "href": format!("{inside}/resources/{}", resource.name), "rel": "self" }),
            json!({ "href": inside, "rel": "stack" }),
        ];
        links.extend(resource.nested.iter().map(|nested| json!({ "href": link(nested), "rel": "nested" })));
        let mut shown = Map::new();
        for (key, value) in [
            ("resource_name", json!(resource.name)),
            ("logical_resource_id", json!(resource.name)),
            ("resource_type", json!(resource.kind)),
            ("physical_resource_id", json!(resource.thing)),
            ("resource_status", json!(resource.status)),
            ("resource_status_reason", json!(resource.reason)),
            ("creation_time", json!(stamp(stack.created))),
            ("updated_time", json!(stamp(stack.updated.unwrap_or(stack.created)))),
            ("links", json!(links)),
            ("required_by", json!([])),
        ] {
            shown.insert(key.to_owned(), value);
        }
        shown.extend(resource.parent.as_ref().map(|parent| ("parent_resource".to_owned(), json!(parent))));
        shown
    }

    /// The resources of the stack `id` within `top`, and of stacks within it down to the asked depth.
    pub(super) fn resource_list(&self, ask: &Ask, top: &str, id: &str) -> Reply {
        let Some(stack) = self.heat.stacks.get(top) else { return no_stack(top) };
        let tree = tree(stack);
        let depth: u32 = ask.param("nested_depth").and_then(|depth| depth.parse().ok()).unwrap_or(0);
        let mut open = vec![id.to_owned()];
        let mut shown = Vec::new();
        for _ in 0..=depth {
            let level: Vec<&Resource> =
                tree.iter().filter(|resource| open.contains(&resource.inside.1)).collect();
            open = level.iter().filter_map(|resource| Some(resource.nested.as_ref()?.1.clone())).collect();
            shown.extend(level);
        }
        let wanted = shown.into_iter().filter(|resource| {
            let state = resource.status.split_once('_').map_or("", |(_, state)| state);
            ask.admits("type", &resource.kind)
                && ask.admits("status", state)
                && ask.admits("name", &resource.name)
        });
        let resources: Vec<Value> = wanted.map(|r| Value::Object(self.resource_json(stack, r))).collect();
        Reply::ok(&json!({ "resources": resources }))
    }

    pub(super) fn resource_show(&self, top: &str, id: &str, name: &str) -> Reply {
        let Some(stack) = self.heat.stacks.get(top) else { return no_stack(top) };
        let tree = tree(stack);
        let Some(resource) = tree.iter().find(|r| r.inside.1 == id && r.name == name) else {
            return refused(
                404,
                &format!("The Resource ({name}) could not be found in Stack {}.", stack.name),
            );
        };
        let mut shown = self.resource_json(stack, resource);
        shown.insert("attributes".to_owned(), self.attributes(stack, resource));
        Reply::ok(&json!({ "resource": shown }))
    }

    /// A group tells its members: `refs` and `refs_map` by the servers' ids.
    fn attributes(&self, stack: &Stack, resource: &Resource) -> Value {
        let Some(group) = stack.groups.iter().find(|group| group.nested == resource.thing) else {
            return json!({});
        };
        let server = |member: &Member| member.server.clone().unwrap_or_default();
        let refs: Vec<String> = group.members.iter().map(server).collect();
        let map: Map<String, Value> =
            group.members.iter().map(|member| (member.index.to_string(), server(member).into())).collect();
        json!({ "refs": refs, "refs_map": map })
    }

    /// Marks a member's resource, or a member, so that the next update makes the member anew.
    pub(super) fn resource_mark(&mut self, ask: &Ask, top: &str, id: &str, name: &str) -> Reply {
        let unhealthy = ask.body.get("mark_unhealthy").and_then(Value::as_bool).unwrap_or_default();
        let reason = ask.text("/resource_status_reason").unwrap_or_default().to_owned();
        let mut known = false;
        self.change_stack(top, |_, stack| {
            for group in &mut stack.groups {
                let group_id = group.nested.clone();
                for member in &mut group.members {
                    let itself = group_id == id && member.index.to_string() == name;
                    let inside = member.nested == id && name == group.layout.server;
                    if itself || inside {
                        known = true;
                        member.condition =
                            if unhealthy { Condition::Failed(reason.clone()) } else { Condition::Complete };
                    }
                }
            }
        });
        if known {
            Reply::empty(200)
        } else {
            refused(404, &format!("The Resource ({name}) could not be found."))
        }
    }

    pub(super) fn event_list(&self, ask: &Ask, top: &str) -> Reply {
        let Some(stack) = self.heat.stacks.get(top) else { return no_stack(top) };
        let mut events: Vec<Value> = stack
            .events
            .iter()
            .map(|event| {
                json!({
                    "id": event.id, "event_time": stamp(event.time), "resource_name": event.resource,
                    "logical_resource_id": event.resource, "resource_status": event.status,
                    "resource_status_reason": event.reason, "physical_resource_id": event.physical, "links": [],
                })
            })
            .collect();
        if ask.param("sort_dir") == Some("desc") {
            events.reverse();
        }
        let limit = ask.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        events.truncate(limit);
        Reply::ok(&json!({ "events": events }))
    }
}
