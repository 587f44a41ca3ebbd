//! What clients may ask of a stack: make it, change it, delete it, give an action up.

use super::no_stack;
use crate::cloud::{
    document::{Document, NetworkOf, Parameters, as_text},
    exchange::{Answer, Ask, Refusal, Reply},
    flavors,
    services::{Caller, Services},
    stack::{Action, Before, Cx, FORMAT, Network, NetworkPhase, Stack, Status, network_id},
    stacks::All,
};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Minutes that a stack has when nobody says how many, and the most.
const TIMEOUT_MINUTES: u64 = 60;
const MAX_TIMEOUT_MINUTES: u64 = 7 * 24 * 60;
/// The longest name of a stack and most of its tags.
const MAX_NAME: usize = 255;
const MAX_TAGS: usize = 80;

/// Heat's words with a 202, which are no JSON.
fn accepted() -> Answer {
    Reply::text(202, "The request is accepted for processing.")
}

fn tags(body: &Value) -> Vec<String> {
    let text = body.get("tags").and_then(Value::as_str).unwrap_or_default();
    text.split(',').filter(|tag| !tag.is_empty()).take(MAX_TAGS).map(str::to_owned).collect()
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= MAX_NAME
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// There is nothing in an environment that a document could use: one that says something is refused rather than ignored.
fn check_environment(body: &Value) -> Result<(), Refusal> {
    let read = match body.get("environment") {
        Some(Value::String(text)) if !text.trim().is_empty() => serde_json::from_str(text).ok(),
        Some(Value::String(_)) | None => Some(Value::Null),
        Some(other) => Some(other.clone()),
    };
    let says = |value: &Value| !matches!(value, Value::Null) && *value != json!({}) && *value != json!([]);
    let empty = match read {
        Some(Value::Object(fields)) => !fields.values().any(says),
        Some(Value::Null) => true,
        _ => false,
    };
    if empty {
        return Ok(());
    }
    Err(Refusal::bad("environment: the local cloud reads none; give parameters"))
}

fn given(body: &Value) -> Result<Map<String, Value>, Refusal> {
    match body.get("parameters") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields.clone()),
        Some(_) => Err(Refusal::bad("parameters: an object is needed")),
    }
}

fn minutes(body: &Value) -> Result<Option<u32>, Refusal> {
    let Some(value) = body.get("timeout_mins").filter(|value| !value.is_null()) else { return Ok(None) };
    let minutes = value.as_u64().filter(|minutes| (1..=MAX_TIMEOUT_MINUTES).contains(minutes));
    let minutes = minutes.and_then(|minutes| u32::try_from(minutes).ok());
    let wrong = || Refusal::bad(format!("timeout_mins: a number from 1 to {MAX_TIMEOUT_MINUTES} is needed"));
    minutes.map(Some).ok_or_else(wrong)
}

/// Every flavor that a group names must be there.
fn check_flavors(document: &Document, parameters: &Parameters) -> Result<(), Refusal> {
    for group in &document.groups {
        let flavor = parameters.get(&group.flavor).map(as_text).unwrap_or_default();
        if flavors::find(&flavor).is_none() {
            let known: Vec<&str> = flavors::FLAVORS.iter().map(|flavor| flavor.name).collect();
            let text = format!("The Flavor ({flavor}) could not be found; there are {}.", known.join(", "));
            return Err(Refusal::bad(text));
        }
    }
    Ok(())
}

fn template(body: &Value) -> Result<Option<Document>, Refusal> {
    match body.get("template").filter(|template| !template.is_null()) {
        Some(template) => Document::read(template).map(Some).map_err(Refusal::bad),
        None => Ok(None),
    }
}

/// `POST /validate`
pub(super) fn validate(ask: &Ask) -> Answer {
    let document = template(&ask.body)?.ok_or_else(|| Refusal::bad("No template specified"))?;
    check_environment(&ask.body)?;
    // A template may be looked at without values.
    let given = given(&ask.body)?;
    if !given.is_empty() {
        let parameters = document.parameters(&given, &Parameters::new()).map_err(Refusal::bad)?;
        check_flavors(&document, &parameters)?;
    }
    let described = document.parameters.iter().map(|(name, declared)| {
        let hidden = if declared.hidden { "true" } else { "false" };
        let mut told = json!({ "Type": "Json", "NoEcho": hidden, "Label": name, "Description": "" });
        if let (Some(default), Some(fields)) = (&declared.default, told.as_object_mut()) {
            fields.insert("Default".to_owned(), default.clone());
        }
        (name.clone(), told)
    });
    let described: Map<String, Value> = described.collect();
    Reply::ok(json!({ "Description": "", "Parameters": described, "Environment": {} }))
}

/// The network that a stack is built on.
fn network(
    document: &Document,
    parameters: &Parameters,
    (id, project): (Uuid, &str),
    all: &All,
) -> Result<Network, Refusal> {
    let NetworkOf::Parameter(name) = &document.network else {
        return Ok(Network { of: id, phase: NetworkPhase::Wanted, trouble: None });
    };
    let wanted = parameters.get(name).map(as_text).unwrap_or_default();
    let of = all.values().find(|stack| {
        let is_it = network_id(stack.id).to_string() == wanted;
        let stays = stack.holds_network() && stack.action != Action::Delete;
        is_it && stays && stack.project == project && stack.network.phase == NetworkPhase::Made
    });
    let of = of.ok_or_else(|| Refusal::bad(format!("The Network ({wanted}) could not be found.")))?;
    Ok(Network { of: of.id, phase: NetworkPhase::Made, trouble: None })
}

impl Services {
    pub(super) async fn stack_create(&self, ask: &Ask, caller: &Caller, project: &str) -> Answer {
        caller.must_be_member()?;
        let body = &ask.body;
        let name =
            ask.text("/stack_name").ok_or_else(|| Refusal::bad("Missing required input: stack_name"))?;
        if !is_name(name) {
            return Err(Refusal::bad(format!(
                "Invalid stack name {name}: must begin with a letter and hold only letters, digits and \"_.-\", and be \
                 at most {MAX_NAME} long"
            )));
        }
        let document = template(body)?.ok_or_else(|| Refusal::bad("No template specified"))?;
        check_environment(body)?;
        if body.get("disable_rollback").and_then(Value::as_bool) == Some(false) {
            return Err(Refusal::bad(
                "disable_rollback: a stack of the local cloud that fails is kept, so that the reason can be read",
            ));
        }
        let parameters = document.parameters(&given(body)?, &Parameters::new()).map_err(Refusal::bad)?;
        check_flavors(&document, &parameters)?;
        let timeout_mins = minutes(body)?.unwrap_or(u32::try_from(TIMEOUT_MINUTES).unwrap_or(60));
        let made = self.stacks.create(|all, cx| {
            let taken = |stack: &Stack| stack.is_live() && stack.name == name && stack.project == project;
            if all.values().any(|stack| taken(stack)) {
                return Err(Refusal::new(409, format!("The Stack ({name}) already exists.")));
            }
            let id = cx.entropy.uuid();
            let network = network(&document, &parameters, (id, project), all)?;
            let mut stack = Stack {
                format: FORMAT,
                id,
                name: name.to_owned(),
                project: project.to_owned(),
                user: caller.user.clone(),
                tags: tags(body),
                document,
                parameters,
                before: None,
                action: Action::Create,
                status: Status::InProgress,
                reason: String::new(),
                rollback: false,
                timeout_mins,
                created: cx.now,
                updated: None,
                deleted: None,
                deadline: cx.now,
                network,
                skipped: BTreeMap::new(),
                members: Vec::new(),
                events: VecDeque::new(),
            };
            stack.begin(Action::Create, cx);
            Ok(stack)
        });
        let stack = made.await?;
        let links = json!([{ "href": self.stack_url(project, name, stack.id), "rel": "self" }]);
        Ok(Reply::json(201, json!({ "stack": { "id": stack.id, "links": links } })))
    }

    pub(super) async fn stack_update(&self, ask: &Ask, id: Uuid, existing: bool, caller: &Caller) -> Answer {
        caller.must_be_member()?;
        let body = &ask.body;
        check_environment(body)?;
        let changed = self.stacks.change(id, |stack, cx| update(stack, cx, body, existing)).await?;
        changed.ok_or_else(|| no_stack(&id.to_string()))?;
        accepted()
    }

    pub(super) async fn stack_delete(&self, id: Uuid, caller: &Caller) -> Answer {
        caller.must_be_member()?;
        let begun = self.stacks.change(id, |stack, cx| {
            // Asked again, it goes on; one that failed begins anew.
            if stack.action != Action::Delete || !stack.is_working() {
                stack.begin(Action::Delete, cx);
            }
            Ok(())
        });
        begun.await?.ok_or_else(|| no_stack(&id.to_string()))?;
        Reply::empty(204)
    }

    pub(super) async fn stack_cancel(&self, ask: &Ask, id: Uuid, caller: &Caller) -> Answer {
        caller.must_be_member()?;
        let action = ask.body.as_object().and_then(|body| body.keys().next()).map(String::as_str);
        let rollback = match action {
            Some("cancel_update") => true,
            Some("cancel_without_rollback") => false,
            _ => {
                return Err(Refusal::bad(
                    "Invalid action specified: cancel_update or cancel_without_rollback",
                ));
            }
        };
        let cancelled = self.stacks.change(id, |stack, cx| {
            let fits = match stack.action {
                Action::Update => true,
                Action::Create => !rollback,
                Action::Rollback | Action::Delete => false,
            };
            if !fits || !stack.is_working() {
                let text =
                    format!("Cancelling {} when it is {} is not supported.", stack.name, stack.status_line());
                return Err(Refusal::bad(text));
            }
            stack.rollback = rollback;
            let word = stack.action.word();
            stack.cancel(&format!("Stack {word} cancelled by request"), cx);
            Ok(())
        });
        cancelled.await?.ok_or_else(|| no_stack(&id.to_string()))?;
        accepted()
    }
}

fn update(stack: &mut Stack, cx: &Cx<'_>, body: &Value, existing: bool) -> Result<(), Refusal> {
    if stack.action == Action::Delete {
        let text = format!("Stack {} already has an action (DELETE) in progress.", stack.name);
        return Err(Refusal::new(409, text));
    }
    let document = template(body)?.unwrap_or_else(|| stack.document.clone());
    if document.network != stack.document.network {
        return Err(Refusal::bad("network: a stack keeps the network that it has"));
    }
    let cleared = body.get("clear_parameters").and_then(Value::as_array).into_iter().flatten();
    let mut old = if existing { stack.parameters.clone() } else { Parameters::new() };
    for name in cleared.filter_map(Value::as_str) {
        old.shift_remove(name);
    }
    let parameters = document.parameters(&given(body)?, &old).map_err(Refusal::bad)?;
    if let NetworkOf::Parameter(name) = &document.network
        && parameters.get(name) != stack.parameters.get(name)
    {
        return Err(Refusal::bad(format!("Parameter '{name}': a stack keeps the network that it has")));
    }
    check_flavors(&document, &parameters)?;
    let timeout = minutes(body)?;

    let before = Before {
        document: std::mem::replace(&mut stack.document, document),
        parameters: std::mem::replace(&mut stack.parameters, parameters),
    };
    // Taken back is what was there before the first of several updates at once.
    stack.before.get_or_insert(before);
    stack.timeout_mins = timeout.unwrap_or(stack.timeout_mins);
    stack.rollback = body.get("disable_rollback").and_then(Value::as_bool) == Some(false);
    stack.tags = tags(body);
    // Clients tell one update from the next by this time, which is written in whole seconds.
    let next = stack.updated.and_then(|last| last.checked_add(SignedDuration::from_secs(1)).ok());
    stack.updated = Some(next.map_or(cx.now, |next| next.max(cx.now)));
    stack.begin(Action::Update, cx);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_says_nothing_passes() {
        for body in [
            json!({}),
            json!({"environment": ""}),
            json!({"environment": "{}"}),
            json!({"environment": {}}),
            json!({"environment": {"parameters": {}, "event_sinks": [], "encrypted_param_names": []}}),
        ] {
            assert_eq!(check_environment(&body), Ok(()), "{body}");
        }
        for body in [
            json!({"environment": "{\"parameters\": {\"a\": 1}}"}),
            json!({"environment": {"resource_registry": {"a": "b"}}}),
            json!({"environment": "parameters: {a: 1}"}),
        ] {
            assert_eq!(check_environment(&body).unwrap_err().status, 400, "{body}");
        }
    }

    #[test]
    fn names_times_and_tags_are_read_as_heat_does() {
        assert!(is_name("c1-a_b.c") && !is_name("1c") && !is_name("") && !is_name("a/b"));
        assert_eq!(minutes(&json!({"timeout_mins": 5})).unwrap(), Some(5));
        assert!(
            minutes(&json!({"timeout_mins": 0})).is_err() && minutes(&json!({"timeout_mins": "x"})).is_err()
        );
        assert_eq!(tags(&json!({"tags": "a,,b"})), ["a", "b"]);
    }
}
