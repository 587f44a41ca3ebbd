//! Heat: stacks that take their time, with members, outputs and reasons.
//!
//! What the templates of this project make is built in as [`stack::LAYOUTS`]; a template's text only says which
//! parameters there are. Heat shows an admin every project's stacks whatever the URL's project is, shows a deleted
//! stack under its full address as `DELETE_COMPLETE`, answers a name or id alone with a redirect, writes times in
//! whole seconds, and accepts an update of a stack that is being updated; all this was measured.

mod members;
mod outputs;
mod resources;
pub(crate) mod stack;
mod template;
mod work;

use crate::{
    exchange::{Ask, Reply, Spoken},
    keystone::Caller,
    state::State,
};
use indexmap::IndexMap;
use serde_json::{Value, json};
use stack::Stack;
use std::collections::VecDeque;

/// When stacks reach their next status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many seconds after the request, on the cloud's clock.
    After(u32),
    /// When a test says so.
    ByHand,
}

/// What of a member fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Its server.
    #[default]
    Server,
    /// Its port, without which there is no server.
    Port,
}

#[derive(Debug)]
pub(crate) struct Heat {
    pub stacks: IndexMap<String, Stack>,
    pub pace: Pace,
    pub quota_exceeded: bool,
    /// Where in a member, and why.
    pub failures: VecDeque<(Part, String)>,
    pub delete_failures: VecDeque<String>,
}

impl Default for Heat {
    fn default() -> Self {
        Self {
            stacks: IndexMap::new(),
            pace: Pace::After(0),
            quota_exceeded: false,
            failures: VecDeque::new(),
            delete_failures: VecDeque::new(),
        }
    }
}

pub(crate) fn refused(status: u16, message: &str) -> Reply {
    Reply::refusal(Spoken::Heat, status, message)
}

fn no_stack(name: &str) -> Reply {
    refused(404, &format!("The Stack ({name}) could not be found."))
}

/// Heat's words with a 202, which are no JSON.
fn accepted() -> Reply {
    Reply::text(202, "The request is accepted for processing.")
}

impl State {
    pub fn orchestrate(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        let Some((project, rest)) = rest.split_first() else { return refused(404, "Not found.") };
        if !caller.is_admin() && *project != caller.project() {
            return refused(403, "You are not authorized to complete this action.");
        }
        match (ask.verb(), rest) {
            ("POST", ["stacks"]) => self.stack_create(ask, caller),
            ("GET", ["stacks"])
                if ask.param("global_tenant").is_some_and(|v| v.eq_ignore_ascii_case("true")) =>
            {
                refused(403, "You are not authorized to use stacks:global_index.")
            }
            ("GET", ["stacks"]) => self.stack_list(ask, caller),
            ("POST", ["validate"]) => match self.stack_parameters(&ask.body, None) {
                Ok(_) => Reply::ok(&json!({ "Description": "", "Parameters": {}, "Environment": {} })),
                Err(refusal) => refusal,
            },
            (_, ["stacks", name_or_id]) => self.redirect(name_or_id, caller),
            (_, ["stacks", name, id, rest @ ..]) => {
                let address = |stack: &Stack| stack.name == *name && State::may_see(caller, &stack.project);
                let top =
                    self.heat.stacks.get(*id).filter(|stack| address(stack)).map(|stack| stack.id.clone());
                let nested = || {
                    self.outer_of(name, id).filter(|outer| {
                        self.heat
                            .stacks
                            .get(outer)
                            .is_some_and(|stack| State::may_see(caller, &stack.project))
                    })
                };
                match (top, rest) {
                    (Some(id), []) => self.stack_call(ask, &id, caller),
                    (Some(top), rest) => self.stack_parts(ask, &top, &top, rest),
                    (None, []) if ask.verb() == "GET" => match nested() {
                        Some(outer) => self.nested_show(&outer, name, id),
                        None => no_stack(name),
                    },
                    (None, ["resources", ..]) => match nested() {
                        Some(outer) => self.stack_parts(ask, &outer, id, rest),
                        None => no_stack(name),
                    },
                    (None, _) => no_stack(name),
                }
            }
            _ => refused(404, "The resource could not be found."),
        }
    }

    fn stack_list(&self, ask: &Ask, caller: &Caller) -> Reply {
        let deleted = ask.param("show_deleted").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let tagged = |stack: &Stack| {
            ask.param("tags")
                .is_none_or(|tags| tags.split(',').all(|tag| stack.tags.iter().any(|t| t == tag)))
        };
        let shown = self.heat.stacks.values().rev().filter(|stack| {
            State::may_see(caller, &stack.project)
                && (stack.is_live() || deleted)
                && ask.admits("name", &stack.name)
                && ask.admits("id", &stack.id)
                && ask.admits("status", stack.status)
                && tagged(stack)
        });
        let stacks: Vec<Value> = shown.map(|stack| stack.listed(&self.base_url)).collect();
        Reply::ok(&json!({ "stacks": stacks }))
    }

    fn redirect(&self, name_or_id: &str, caller: &Caller) -> Reply {
        let found = self.heat.stacks.values().find(|stack| {
            let by_name = stack.is_live() && stack.name == name_or_id && stack.project == caller.project();
            by_name || (stack.id == name_or_id && State::may_see(caller, &stack.project))
        });
        match found {
            Some(stack) => refused(302, "The resource was found at another address.")
                .with_header("location", stack.href(&self.base_url)),
            None => no_stack(name_or_id),
        }
    }

    fn stack_call(&mut self, ask: &Ask, id: &str, caller: &Caller) -> Reply {
        match ask.verb() {
            "GET" => {
                let Some(stack) = self.heat.stacks.get(id) else { return no_stack(id) };
                let mut shown = stack.shown(&self.base_url);
                let outputs =
                    ask.param("resolve_outputs").is_none_or(|value| !value.eq_ignore_ascii_case("false"));
                if let (true, Some(fields)) = (outputs, shown.as_object_mut()) {
                    fields.insert("outputs".to_owned(), self.outputs(stack));
                }
                Reply::ok(&json!({ "stack": shown }))
            }
            "PATCH" => self.stack_update(ask, id, true, caller),
            "PUT" => self.stack_update(ask, id, false, caller),
            "DELETE" => self.stack_delete(id),
            _ => refused(405, "The method is not allowed for this resource."),
        }
    }

    /// What lies below the stack `id`, which is `top` itself or a stack within it.
    fn stack_parts(&mut self, ask: &Ask, top: &str, id: &str, rest: &[&str]) -> Reply {
        match (ask.verb(), rest) {
            ("GET", ["resources"]) => self.resource_list(ask, top, id),
            ("GET", ["resources", name]) => self.resource_show(top, id, name),
            ("PATCH", ["resources", name]) => self.resource_mark(ask, top, id, name),
            ("GET", ["events"]) => self.event_list(ask, top),
            ("POST", ["actions"]) => self.stack_cancel(ask, top),
            _ => refused(404, "The resource could not be found."),
        }
    }
}
