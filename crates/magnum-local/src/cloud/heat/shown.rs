//! A stack as Heat tells it, and its outputs.

use super::resources::Within;
use crate::cloud::{
    document::{Output, as_text},
    exchange::Refusal,
    services::{Services, stamp},
    stack::{Stack, network_id},
};
use serde_json::{Map, Value, json};

/// A parameter's value as Heat gives it back: text, whatever it was.
fn parameter(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => as_text(other),
    }
}

impl Services {
    pub(super) fn listed(&self, stack: &Stack) -> Value {
        json!({
            "id": stack.id, "stack_name": stack.name, "project": stack.project, "description": "",
            "stack_status": stack.status_line(), "stack_status_reason": stack.reason,
            "creation_time": stamp(stack.created), "updated_time": stack.updated.map(stamp),
            "deletion_time": stack.deleted.map(stamp), "stack_owner": null, "stack_user_project_id": stack.project,
            "parent": null, "tags": if stack.tags.is_empty() { Value::Null } else { json!(stack.tags) },
            "links": [{ "href": self.stack_url(&stack.project, &stack.name, stack.id), "rel": "self" }],
        })
    }

    pub(super) fn shown(&self, stack: &Stack) -> Value {
        let mut parameters = Map::new();
        parameters.insert("OS::stack_id".to_owned(), json!(stack.id));
        parameters.insert("OS::project_id".to_owned(), json!(stack.project));
        parameters.insert("OS::stack_name".to_owned(), json!(stack.name));
        for (name, declared) in &stack.document.parameters {
            let value = stack.parameters.get(name).map(parameter).unwrap_or_default();
            let value = if declared.hidden { "******".to_owned() } else { value };
            parameters.insert(name.clone(), value.into());
        }
        let mut shown = self.listed(stack);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("parameters".to_owned(), parameters.into());
            fields.insert("disable_rollback".to_owned(), (!stack.rollback).into());
            fields.insert("timeout_mins".to_owned(), stack.timeout_mins.into());
            fields.insert("tags".to_owned(), json!(stack.tags));
            fields.insert("capabilities".to_owned(), json!([]));
            fields.insert("notification_topics".to_owned(), json!([]));
            fields.insert("template_description".to_owned(), "".into());
        }
        shown
    }

    /// A group's or member's own stack: the name of a member's server is a parameter there.
    pub(super) fn shown_within(&self, stack: &Stack, inner: &Within) -> Value {
        let mut parameters = Map::new();
        parameters.extend(inner.server.as_ref().map(|name| ("name".to_owned(), json!(name))));
        json!({
            "id": inner.id, "stack_name": inner.name, "stack_status": stack.status_line(),
            "stack_status_reason": "", "creation_time": stamp(stack.created), "parent": stack.id,
            "parameters": parameters, "outputs": [],
            "links": [{ "href": self.stack_url(&stack.project, &inner.name, inner.id), "rel": "self" }],
        })
    }

    /// The outputs, from what the machine says now. An address that a node does not have yet is null.
    pub(super) async fn outputs(&self, stack: &Stack) -> Result<Value, Refusal> {
        if !stack.is_live() {
            return Ok(json!([]));
        }
        let nodes = self.machines.nodes().await?;
        let addresses = |group: &str| -> Vec<Value> {
            let mut members: Vec<_> = stack.staying().filter(|member| member.group == group).collect();
            members.sort_by_key(|member| member.index);
            let address = |server| Some(nodes.get(server)?.address?.to_string());
            members.into_iter().map(|member| json!(address(&member.server))).collect()
        };
        let outputs = stack.document.outputs.iter().map(|(name, output)| {
            let value = match output {
                Output::Addresses(group) => Value::Array(addresses(group)),
                Output::FirstAddress(group) => addresses(group).into_iter().next().unwrap_or_default(),
                Output::Network => json!(network_id(stack.network.of)),
            };
            json!({ "output_key": name, "output_value": value, "description": "No description given" })
        });
        Ok(Value::Array(outputs.collect()))
    }
}
