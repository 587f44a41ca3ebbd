//! What Heat is told and what it answers, in as many fields as we use.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A stack's name and id together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackRef {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// A stack to be created. Templates and files are passed on as they are, never parsed here.
#[derive(Clone)]
pub struct StackRequest<'a> {
    /// Its name, unique in the project.
    pub name: &'a str,
    /// The main template.
    pub template: &'a str,
    /// The files that the template names, by that name.
    pub files: &'a IndexMap<String, String>,
    /// The environment's text, when there is one.
    pub environment: Option<&'a str>,
    /// The template's parameters. May hold secrets, so a request has no printed form.
    pub parameters: &'a Map<String, Value>,
    /// Minutes until Heat gives up.
    pub timeout_mins: Option<u32>,
    /// Keep what was made when creation fails.
    pub disable_rollback: bool,
    /// Tags to find it by.
    pub tags: &'a [&'a str],
}

impl StackRequest<'_> {
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "stack_name": self.name, "template": self.template, "files": self.files,
            "parameters": self.parameters, "disable_rollback": self.disable_rollback,
        });
        if let Some(fields) = body.as_object_mut() {
            fields.extend(self.environment.map(|text| ("environment".to_owned(), text.into())));
            fields.extend(self.timeout_mins.map(|minutes| ("timeout_mins".to_owned(), minutes.into())));
            if !self.tags.is_empty() {
                fields.insert("tags".to_owned(), self.tags.join(",").into());
            }
        }
        body
    }
}

/// A change of a stack. What is `None` or empty is not sent.
#[derive(Clone, Default)]
pub struct StackUpdate<'a> {
    /// A new main template.
    pub template: Option<&'a str>,
    /// The files that the template names.
    pub files: Option<&'a IndexMap<String, String>>,
    /// A new environment's text.
    pub environment: Option<&'a str>,
    /// New values.
    pub parameters: Option<&'a Map<String, Value>>,
    /// Parameters that fall back to the template's default.
    pub clear_parameters: &'a [&'a str],
    /// Minutes until Heat gives up.
    pub timeout_mins: Option<u32>,
    /// Keep what was done when the update fails; Heat's own default when `None`.
    pub disable_rollback: Option<bool>,
    /// Tags of the stack; an update that names none removes them.
    pub tags: &'a [&'a str],
}

impl StackUpdate<'_> {
    pub(super) fn body(&self, existing: bool) -> Value {
        let mut fields = Map::new();
        let mut put =
            |key: &str, value: Option<Value>| fields.extend(value.map(|value| (key.to_owned(), value)));
        put("existing", existing.then_some(Value::Bool(true)));
        put("template", self.template.map(Value::from));
        put("files", self.files.map(|files| json!(files)));
        put("environment", self.environment.map(Value::from));
        put("parameters", self.parameters.map(|parameters| Value::Object(parameters.clone())));
        put("clear_parameters", (!self.clear_parameters.is_empty()).then(|| json!(self.clear_parameters)));
        put("timeout_mins", self.timeout_mins.map(Value::from));
        put("disable_rollback", self.disable_rollback.map(Value::Bool));
        put("tags", (!self.tags.is_empty()).then(|| self.tags.join(",").into()));
        Value::Object(fields)
    }
}

/// Which stacks to list.
#[derive(Debug, Clone, Default)]
pub struct StackList<'a> {
    /// Only these ids; all when empty.
    pub ids: &'a [String],
    /// Only those with all of these tags, comma-separated.
    pub tags: Option<&'a str>,
    /// All projects' stacks, where Heat's policy lets the session (`global_tenant`).
    pub all_projects: bool,
    /// Deleted ones too.
    pub show_deleted: bool,
}

impl<'a> StackList<'a> {
    pub(super) fn query(&self) -> Vec<(&'a str, &'a str)> {
        let mut query = Vec::new();
        query.extend(self.tags.map(|tags| ("tags", tags)));
        query.extend(self.all_projects.then_some(("global_tenant", "true")));
        query.extend(self.show_deleted.then_some(("show_deleted", "true")));
        query
    }
}

/// A stack.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// Its id.
    pub id: String,
    /// Its name.
    pub stack_name: String,
    /// Action and state, such as `CREATE_IN_PROGRESS`.
    pub stack_status: String,
    /// Why, in Heat's words.
    pub stack_status_reason: Option<String>,
    /// When it was made.
    pub creation_time: Option<Timestamp>,
    /// When it was last changed.
    pub updated_time: Option<Timestamp>,
    /// The owner's project, where Heat says it.
    pub project: Option<String>,
    /// Minutes until Heat gives up.
    pub timeout_mins: Option<u32>,
    /// The parameters as Heat has them; hidden ones are starred.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The outputs; empty when they were not asked for.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// Its tags.
    pub tags: Option<Vec<String>>,
}

/// An output of a stack.
#[derive(Debug, Clone, Deserialize)]
pub struct Output {
    /// Its name.
    pub output_key: String,
    /// Its value; null while it cannot be computed.
    #[serde(default)]
    pub output_value: Value,
    /// Why it could not be computed.
    pub output_error: Option<String>,
}

impl Stack {
    /// Name and id together.
    pub fn reference(&self) -> StackRef {
        StackRef { name: self.stack_name.clone(), id: self.id.clone() }
    }

    /// The value of an output; `None` when it is missing or null.
    pub fn output(&self, key: &str) -> Option<&Value> {
        let output = self.outputs.iter().find(|output| output.output_key == key)?;
        Some(&output.output_value).filter(|value| !value.is_null())
    }

    /// True while Heat is working on it.
    pub fn is_in_progress(&self) -> bool {
        self.stack_status.ends_with("_IN_PROGRESS")
    }
}

/// Which resources to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceFilter<'a> {
    /// How many stacks within stacks to descend.
    pub nested_depth: u32,
    /// Only of this type, such as `OS::Nova::Server`.
    pub resource_type: Option<&'a str>,
    /// Only in this state, such as `FAILED`.
    pub status: Option<&'a str>,
}

/// A resource of a stack.
#[derive(Debug, Clone, Deserialize)]
pub struct Resource {
    /// Its name in the template.
    pub resource_name: String,
    /// Its type.
    #[serde(default)]
    pub resource_type: String,
    /// Action and state, such as `CREATE_FAILED`.
    #[serde(default)]
    pub resource_status: String,
    /// Why, in Heat's or the service's words.
    pub resource_status_reason: Option<String>,
    /// The id of the thing itself: server, network, nested stack …
    pub physical_resource_id: Option<String>,
    /// The resource of the outer stack that this one's stack is.
    pub parent_resource: Option<String>,
    /// When it last changed.
    pub updated_time: Option<Timestamp>,
    /// Its attributes, when one resource is asked for.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Addresses, among them that of its stack.
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Clone, Deserialize)]
struct Link {
    #[serde(default)]
    href: String,
    #[serde(default)]
    rel: String,
}

impl Resource {
    fn link(&self, rel: &str) -> Option<StackRef> {
        let href = &self.links.iter().find(|link| link.rel == rel)?.href;
        let mut parts = href.split("/stacks/").nth(1)?.split('/');
        Some(StackRef { name: parts.next()?.to_owned(), id: parts.next()?.to_owned() })
    }

    /// The stack it is directly in.
    pub fn stack(&self) -> Option<StackRef> {
        self.link("stack")
    }

    /// The stack it is, for a nested one.
    pub fn nested_stack(&self) -> Option<StackRef> {
        self.link("nested")
    }
}

/// Something that happened to a resource.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// When.
    pub event_time: Option<Timestamp>,
    /// To what.
    #[serde(default)]
    pub resource_name: String,
    /// The new status.
    #[serde(default)]
    pub resource_status: String,
    /// Why.
    pub resource_status_reason: Option<String>,
    /// The id of the thing itself.
    pub physical_resource_id: Option<String>,
}

/// A failed resource and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The names of the resources that lead to it, outermost first, itself last, joined by `.`.
    pub path: String,
    /// Its type.
    pub resource_type: String,
    /// The thing itself, if it came so far.
    pub physical_resource_id: Option<String>,
    /// The stack that it is directly in.
    pub stack: Option<StackRef>,
    /// Why it failed.
    pub reason: String,
    /// How deep it lies; 1 is the stack itself.
    pub depth: usize,
}

impl Failure {
    /// The failed ones of `resources`, deepest first; resources that were merely cancelled come last.
    pub(super) fn deepest_first(resources: Vec<Resource>) -> Vec<Self> {
        let path_of = |resource: &Resource| -> Vec<String> {
            let mut path = vec![resource.resource_name.clone()];
            let mut stack = resource.stack().map(|stack| stack.id);
            // An outer resource is the one whose thing is this stack. The bound guards against a wrong answer's cycle.
            while let (Some(id), true) = (&stack, path.len() < 32) {
                let outer = resources.iter().find(|outer| outer.physical_resource_id.as_ref() == Some(id));
                let Some(outer) = outer else { break };
                path.insert(0, outer.resource_name.clone());
                stack = outer.stack().map(|stack| stack.id);
            }
            path
        };
        let mut failures: Vec<Self> = resources
            .iter()
            .filter(|resource| resource.resource_status.ends_with("_FAILED"))
            .map(|resource| {
                let path = path_of(resource);
                Self {
                    depth: path.len(),
                    path: path.join("."),
                    resource_type: resource.resource_type.clone(),
                    physical_resource_id: resource.physical_resource_id.clone(),
                    stack: resource.stack(),
                    reason: resource.resource_status_reason.clone().unwrap_or_default(),
                }
            })
            .collect();
        // Heat aborts the siblings of a failed resource: they failed too, but are never the cause.
        let aborted = |failure: &Self| failure.reason.ends_with("aborted");
        failures.sort_by(|a, b| (aborted(a), b.depth).cmp(&(aborted(b), a.depth)));
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, thing: &str, stack: &str, reason: &str) -> Resource {
        serde_json::from_value(json!({
            "resource_name": name, "resource_type": "T", "physical_resource_id": thing,
            "resource_status": if reason.is_empty() { "CREATE_COMPLETE" } else { "CREATE_FAILED" },
            "resource_status_reason": reason,
            "links": [{ "rel": "stack", "href": format!("http://h/v1/p/stacks/name/{stack}") }],
        }))
        .unwrap()
    }

    #[test]
    fn the_first_failure_is_the_innermost_that_was_not_aborted() {
        let failures = Failure::deepest_first(vec![
            resource("kube_masters", "group", "top", "ResourceInError: resources.kube_masters"),
            resource("network", "net", "top", ""),
            resource("kube-master", "server", "member", "No valid host was found."),
            resource("volume", "vol", "member", "CREATE aborted"),
            resource("0", "member", "group", "resources[0].kube-master"),
        ]);
        let paths: Vec<&str> = failures.iter().map(|failure| failure.path.as_str()).collect();
        assert_eq!(
            paths,
            ["kube_masters.0.kube-master", "kube_masters.0", "kube_masters", "kube_masters.0.volume"]
        );
        assert_eq!(failures[0].reason, "No valid host was found.");
    }

    #[test]
    fn an_update_names_only_what_changes() {
        let parameters = json!({ "number_of_minions": 3 }).as_object().unwrap().clone();
        let update = StackUpdate { parameters: Some(&parameters), ..StackUpdate::default() };
        assert_eq!(update.body(true), json!({ "existing": true, "parameters": { "number_of_minions": 3 } }));
        assert_eq!(update.body(false), json!({ "parameters": { "number_of_minions": 3 } }));
    }
}
