//! The resources of a stack as a tree of stacks, as Heat has them: the stack, its groups, their members, and in a member
//! its server and the condition that its node meets by signalling.

use crate::cloud::{
    exchange::{Answer, Ask, Refusal, Reply},
    services::{Caller, Services, stamp},
    stack::{Action, Member, NetworkPhase, Phase, Stack, Status, network_id},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The condition's resource in every member.
const CONDITION: &str = "wait_condition";
const STATE_CHANGED: &str = "state changed";

/// A stack within a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Within {
    pub name: String,
    pub id: Uuid,
    /// The name of the member's server; none for a group.
    pub server: Option<String>,
}

/// A resource, with the stack that it is in and the one that it is.
struct Resource {
    name: String,
    kind: &'static str,
    thing: String,
    status: String,
    reason: String,
    inside: Within,
    nested: Option<Within>,
    parent: Option<String>,
    time: jiff::Timestamp,
}

fn top(stack: &Stack) -> Within {
    Within { name: stack.name.clone(), id: stack.id, server: None }
}

fn of_group(stack: &Stack, group: &str) -> Within {
    Within { name: format!("{}-{group}", stack.name), id: stack.group_id(group), server: None }
}

fn of_member(stack: &Stack, member: &Member) -> Within {
    let name = format!("{}-{}-{}", stack.name, member.group, member.index);
    Within { name, id: member.id, server: Some(member.name.clone()) }
}

/// The stack of this id within a stack.
pub(super) fn within(stack: &Stack, id: &str) -> Option<Within> {
    let groups = stack.document.groups.iter().map(|group| of_group(stack, &group.resource));
    let members = stack.members.iter().map(|member| of_member(stack, member));
    groups.chain(members).find(|within| within.id.to_string() == id)
}

/// Status and reason of a member, and of its server and condition.
struct Told {
    member: (String, String),
    server: (String, String),
    condition: (String, String),
}

fn told(stack: &Stack, member: &Member) -> Told {
    let of = |status: &str, reason: &str| (status.to_owned(), reason.to_owned());
    let same = |pair: (String, String)| Told { member: pair.clone(), server: pair.clone(), condition: pair };
    if member.leaving {
        let reason = member.trouble.as_ref().map_or(STATE_CHANGED, |trouble| trouble.reason.as_str());
        let failed =
            stack.action == Action::Delete && stack.status == Status::Failed && member.trouble.is_some();
        return same(of(if failed { "DELETE_FAILED" } else { "DELETE_IN_PROGRESS" }, reason));
    }
    let (complete, going) = (of("CREATE_COMPLETE", STATE_CHANGED), of("CREATE_IN_PROGRESS", STATE_CHANGED));
    // What was not done when the stack failed never will be: Heat calls it aborted, and it is no cause.
    let aborted = (!stack.is_working()).then(|| of("CREATE_FAILED", "CREATE aborted"));
    match &member.phase {
        Phase::Ready => same(complete),
        Phase::Made => {
            let waiting = aborted.unwrap_or(going);
            Told { member: waiting.clone(), server: complete, condition: waiting }
        }
        Phase::Wanted => {
            let tried = member.trouble.as_ref().map(|trouble| of("CREATE_IN_PROGRESS", &trouble.reason));
            let waiting = aborted.or(tried).unwrap_or(going);
            Told { member: waiting.clone(), server: waiting, condition: of("INIT_COMPLETE", "") }
        }
        Phase::Failed { reason, made } => {
            let failed = of("CREATE_FAILED", reason);
            let outer = of("CREATE_FAILED", &member.named(reason));
            match made {
                true => Told { member: outer, server: complete, condition: failed },
                false => Told { member: outer, server: failed, condition: of("INIT_COMPLETE", "") },
            }
        }
    }
}

fn network(stack: &Stack) -> Option<Resource> {
    if !stack.owns_network() || stack.network.phase == NetworkPhase::Gone {
        return None;
    }
    let trouble = stack.network.trouble.as_ref().map(|trouble| trouble.reason.clone());
    let deleting = stack.action == Action::Delete;
    let (status, reason) = match &stack.network.phase {
        NetworkPhase::Failed(reason) => ("CREATE_FAILED", Some(reason.clone())),
        _ if deleting && !stack.is_working() => ("DELETE_FAILED", trouble),
        _ if deleting => ("DELETE_IN_PROGRESS", trouble),
        NetworkPhase::Wanted => ("CREATE_IN_PROGRESS", trouble),
        NetworkPhase::Made | NetworkPhase::Gone => ("CREATE_COMPLETE", None),
    };
    Some(Resource {
        name: "private_network".to_owned(),
        kind: "OS::Neutron::Net",
        thing: network_id(stack.id).to_string(),
        status: status.to_owned(),
        reason: reason.unwrap_or_else(|| STATE_CHANGED.to_owned()),
        inside: top(stack),
        nested: None,
        parent: None,
        time: stack.created,
    })
}

fn tree(stack: &Stack) -> Vec<Resource> {
    if !stack.is_live() {
        return Vec::new();
    }
    let mut found: Vec<Resource> = network(stack).into_iter().collect();
    for group in &stack.document.groups {
        let members: Vec<(&Member, Told)> = stack
            .members
            .iter()
            .filter(|member| member.group == group.resource)
            .map(|member| (member, told(stack, member)))
            .collect();
        // A group is what the worst of its members is.
        let rank = |status: &str| match status.split_once('_').map_or("", |(_, state)| state) {
            "FAILED" => 2,
            "IN_PROGRESS" => 1,
            _ => 0,
        };
        let worst = members.iter().map(|(_, told)| &told.member).max_by_key(|(status, _)| rank(status));
        let complete = ("CREATE_COMPLETE".to_owned(), STATE_CHANGED.to_owned());
        let (status, reason) = worst.filter(|(status, _)| rank(status) > 0).cloned().unwrap_or(complete);
        let inside = of_group(stack, &group.resource);
        found.push(Resource {
            name: group.resource.clone(),
            kind: "OS::Heat::ResourceGroup",
            thing: inside.id.to_string(),
            status,
            reason,
            inside: top(stack),
            nested: Some(inside.clone()),
            parent: None,
            time: stack.created,
        });
        for (member, told) in members {
            found.extend(of_one(stack, &inside, &group.server, member, told));
        }
    }
    found
}

fn of_one(stack: &Stack, group: &Within, server: &str, member: &Member, told: Told) -> [Resource; 3] {
    let own = of_member(stack, member);
    let index = member.index.to_string();
    let made = |name: &str, kind, thing: String, (status, reason): (String, String)| Resource {
        name: name.to_owned(),
        kind,
        thing,
        status,
        reason,
        inside: own.clone(),
        nested: None,
        parent: Some(index.clone()),
        time: member.created,
    };
    [
        Resource {
            inside: group.clone(),
            nested: Some(own.clone()),
            parent: Some(member.group.clone()),
            ..made(&index, "Magnum::Local::Node", own.id.to_string(), told.member)
        },
        made(server, "OS::Nova::Server", member.server.to_string(), told.server),
        made(CONDITION, "OS::Heat::WaitCondition", format!("{}-{CONDITION}", own.name), told.condition),
    ]
}

impl Services {
    fn resource_json(&self, stack: &Stack, resource: &Resource) -> Map<String, Value> {
        let url = |of: &Within| self.stack_url(&stack.project, &of.name, of.id);
        let inside = url(&resource.inside);
        let mut links = vec![
            json!({ "href": format!("{inside}/resources/{}", resource.name), "rel": "self" }),
            json!({ "href": inside, "rel": "stack" }),
        ];
        links.extend(resource.nested.iter().map(|nested| json!({ "href": url(nested), "rel": "nested" })));
        let fields = json!({
            "resource_name": resource.name, "logical_resource_id": resource.name, "resource_type": resource.kind,
            "physical_resource_id": resource.thing, "resource_status": resource.status,
            "resource_status_reason": resource.reason, "creation_time": stamp(resource.time),
            "updated_time": stamp(stack.updated.unwrap_or(resource.time)), "links": links, "required_by": [],
        });
        let mut shown = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        shown.extend(resource.parent.as_ref().map(|parent| ("parent_resource".to_owned(), json!(parent))));
        shown
    }

    /// The resources of a stack and of the stacks within it, down to the asked depth.
    pub(super) fn resource_list(&self, ask: &Ask, stack: &Stack, inner: Option<&Within>) -> Reply {
        let tree = tree(stack);
        let depth: u32 = ask.param("nested_depth").and_then(|depth| depth.parse().ok()).unwrap_or(0);
        let mut open = vec![inner.map_or(stack.id, |inner| inner.id)];
        let mut shown = Vec::new();
        for _ in 0..=depth.min(3) {
            let level: Vec<&Resource> = tree.iter().filter(|r| open.contains(&r.inside.id)).collect();
            open = level.iter().filter_map(|resource| Some(resource.nested.as_ref()?.id)).collect();
            shown.extend(level);
        }
        let wanted = shown.into_iter().filter(|resource| {
            let state = resource.status.split_once('_').map_or("", |(_, state)| state);
            ask.admits("type", resource.kind)
                && ask.admits("status", state)
                && ask.admits("name", &resource.name)
        });
        let all: Vec<Value> = wanted.map(|r| Value::Object(self.resource_json(stack, r))).collect();
        Reply::json(200, json!({ "resources": all }))
    }

    pub(super) fn resource_show(&self, stack: &Stack, inner: Option<&Within>, name: &str) -> Answer {
        let inside = inner.map_or(stack.id, |inner| inner.id);
        let tree = tree(stack);
        let resource = tree.iter().find(|resource| resource.inside.id == inside && resource.name == name);
        let resource = resource.ok_or_else(|| no_resource(stack, name))?;
        let mut shown = self.resource_json(stack, resource);
        let members = stack.members.iter().filter(|m| resource.thing == stack.group_id(&m.group).to_string());
        // A group tells its members by index.
        let map: Map<String, Value> = members.map(|m| (m.index.to_string(), json!(m.server))).collect();
        let attributes = match resource.kind {
            "OS::Heat::ResourceGroup" => json!({ "refs": map.values().collect::<Vec<_>>(), "refs_map": map }),
            _ => json!({}),
        };
        shown.insert("attributes".to_owned(), attributes);
        Reply::ok(json!({ "resource": shown }))
    }

    /// Marks a member, or what is in it, so that the next update makes it anew.
    pub(super) async fn resource_mark(
        &self,
        ask: &Ask,
        stack: &Stack,
        inner: Option<&Within>,
        name: &str,
        caller: &Caller,
    ) -> Answer {
        caller.must_be_member()?;
        let unhealthy = ask.body.get("mark_unhealthy").and_then(Value::as_bool);
        let unhealthy = unhealthy.ok_or_else(|| Refusal::bad("mark_unhealthy: true or false is needed"))?;
        let reason = ask.text("/resource_status_reason").filter(|reason| !reason.is_empty());
        let reason = reason.unwrap_or("marked unhealthy by request").to_owned();
        let inside = inner.map_or(stack.id, |inner| inner.id);
        let tree = tree(stack);
        let marked = tree.iter().find(|resource| resource.inside.id == inside && resource.name == name);
        let marked = marked.ok_or_else(|| no_resource(stack, name))?;
        let wanted = match &marked.nested {
            Some(nested) => nested.id,
            None => marked.inside.id,
        };
        let done = self.stacks.change(stack.id, |stack, cx| {
            if stack.is_working() {
                let text = format!(
                    "Stack {} already has an action ({}) in progress.",
                    stack.name,
                    stack.action.word()
                );
                return Err(Refusal::new(409, text));
            }
            let Some(member) = stack.members.iter().find(|member| member.id == wanted && !member.leaving)
            else {
                return Err(Refusal::bad(format!(
                    "The resource {name} cannot be marked: mark a member of a group"
                )));
            };
            match (unhealthy, &member.phase) {
                (true, _) => stack.member_failed(wanted, &reason, cx),
                (false, Phase::Failed { made: true, .. }) => stack.member_well(wanted),
                (false, _) => {}
            }
            Ok(())
        });
        done.await?.ok_or_else(|| no_resource(stack, name))?;
        Reply::empty(200)
    }

    pub(super) fn event_list(&self, ask: &Ask, stack: &Stack) -> Reply {
        let number = |name: &str| ask.param(name).and_then(|text| text.parse().ok());
        let mut events: Vec<Value> = stack
            .events
            .iter()
            .map(|event| {
                let href = format!(
                    "{}/resources/{}/events/{}",
                    self.stack_url(&stack.project, &stack.name, stack.id),
                    event.resource,
                    event.id
                );
                json!({
                    "id": event.id, "event_time": stamp(event.time), "resource_name": event.resource,
                    "logical_resource_id": event.resource, "resource_status": event.status,
                    "resource_status_reason": event.reason, "physical_resource_id": event.physical,
                    "links": [{ "rel": "self", "href": href }],
                })
            })
            .collect();
        if ask.param("sort_dir") == Some("desc") {
            events.reverse();
        }
        events.truncate(number("limit").unwrap_or(usize::MAX));
        Reply::json(200, json!({ "events": events }))
    }
}

fn no_resource(stack: &Stack, name: &str) -> Refusal {
    Refusal::not_found(format!("The Resource ({name}) could not be found in Stack {}.", stack.name))
}
