//! Heat: stacks made of the local cloud's own documents, in Heat's words. An administrator sees every project's stacks
//! whatever the URL's project is, a deleted stack is shown under its full address as `DELETE_COMPLETE`, and a name or id
//! alone is answered with a redirect, as Heat does.

mod requests;
mod resources;
mod shown;
mod signal;

use super::{
    exchange::{Answer, Ask, Refusal, Reply},
    services::{Caller, Services},
    stack::Stack,
};
use serde_json::{Value, json};
use std::sync::Arc;

fn no_stack(name: &str) -> Refusal {
    Refusal::not_found(format!("The Stack ({name}) could not be found."))
}

/// A stack that a path names: itself, or one within it.
struct Found {
    top: Arc<Stack>,
    /// The id of the stack within, when it is one.
    inner: Option<resources::Within>,
}

impl Services {
    pub(super) async fn heat(&self, ask: &Ask, rest: &[&str], caller: &Caller) -> Answer {
        let ["v1", project, rest @ ..] = rest else { return Err(Refusal::no_such_path()) };
        caller.must_act_in(project)?;
        match (ask.verb(), rest) {
            ("POST", ["stacks"]) => self.stack_create(ask, caller, project).await,
            ("GET", ["stacks"]) => self.stack_list(ask, caller).await,
            ("GET", ["stacks", "detail"]) => self.stack_list(ask, caller).await,
            ("POST", ["validate"]) => requests::validate(ask),
            ("GET", ["build_info"]) => Reply::ok(json!({ "engine": {}, "api": {} })),
            (_, ["stacks", name_or_id]) => Err(self.redirect(name_or_id, caller).await),
            (_, ["stacks", name, id, rest @ ..]) => {
                let found = self.found(name, id, caller).await?;
                self.stack_call(ask, &found, rest, caller).await
            }
            _ => Err(Refusal::no_such_path()),
        }
    }

    async fn found(&self, name: &str, id: &str, caller: &Caller) -> Result<Found, Refusal> {
        let mut all = self.stacks.all().await;
        all.retain(|stack| caller.may_see(&stack.project));
        if let Some(top) = all.iter().find(|stack| stack.id.to_string() == id && stack.name == name) {
            return Ok(Found { top: Arc::clone(top), inner: None });
        }
        let within = all.iter().filter(|stack| stack.is_live()).find_map(|top| {
            let inner = resources::within(top, id).filter(|inner| inner.name == name)?;
            Some(Found { top: Arc::clone(top), inner: Some(inner) })
        });
        within.ok_or_else(|| no_stack(name))
    }

    async fn stack_list(&self, ask: &Ask, caller: &Caller) -> Answer {
        if ask.flag("global_tenant") && !caller.is_admin() {
            return Err(Refusal::new(403, "You are not authorized to use stacks:global_index."));
        }
        let deleted = ask.flag("show_deleted");
        let tags: Vec<&str> = ask.param("tags").into_iter().flat_map(|tags| tags.split(',')).collect();
        let mut all = self.stacks.all().await;
        all.sort_by_key(|stack| std::cmp::Reverse((stack.created, stack.id)));
        let wanted = all.iter().filter(|stack| {
            caller.may_see(&stack.project)
                && (stack.is_live() || deleted)
                && ask.admits("name", &stack.name)
                && ask.admits("id", &stack.id.to_string())
                && (ask.admits("status", stack.status.word()) || ask.admits("status", &stack.status_line()))
                && tags.iter().all(|tag| stack.tags.iter().any(|held| held == tag))
        });
        let stacks: Vec<Value> = wanted.map(|stack| self.listed(stack)).collect();
        let mut answer = json!({ "stacks": stacks });
        if let (true, Some(fields)) = (ask.flag("with_count"), answer.as_object_mut()) {
            fields.insert("count".to_owned(), stacks.len().into());
        }
        Reply::ok(answer)
    }

    async fn redirect(&self, name_or_id: &str, caller: &Caller) -> Refusal {
        let all = self.stacks.all().await;
        let by_name = |stack: &Stack| {
            stack.is_live() && stack.name == name_or_id && caller.project_id.as_ref() == Some(&stack.project)
        };
        let by_id = |stack: &Stack| stack.id.to_string() == name_or_id && caller.may_see(&stack.project);
        match all.iter().find(|stack| by_name(stack) || by_id(stack)) {
            Some(stack) => Refusal {
                location: Some(self.stack_url(&stack.project, &stack.name, stack.id)),
                ..Refusal::new(302, "The stack is at another address.")
            },
            None => no_stack(name_or_id),
        }
    }

    async fn stack_call(&self, ask: &Ask, found: &Found, rest: &[&str], caller: &Caller) -> Answer {
        let top = &found.top;
        match (ask.verb(), rest, &found.inner) {
            ("GET", [], Some(inner)) => Reply::ok(json!({ "stack": self.shown_within(top, inner) })),
            ("GET", [], None) => {
                let mut shown = self.shown(top);
                let wanted = ask.param("resolve_outputs").is_none() || ask.flag("resolve_outputs");
                if let (true, Some(fields)) = (wanted, shown.as_object_mut()) {
                    fields.insert("outputs".to_owned(), self.outputs(top).await?);
                }
                Reply::ok(json!({ "stack": shown }))
            }
            ("PATCH", [], None) => self.stack_update(ask, top.id, true, caller).await,
            ("PUT", [], None) => self.stack_update(ask, top.id, false, caller).await,
            ("DELETE", [], None) => self.stack_delete(top.id, caller).await,
            ("POST", ["actions"], None) => self.stack_cancel(ask, top.id, caller).await,
            ("GET", ["template"], None) => {
                let document = serde_json::to_value(&top.document);
                Reply::ok(document.map_err(|error| Refusal::new(500, error.to_string()))?)
            }
            ("GET", ["outputs"], None) => Reply::ok(json!({ "outputs": self.outputs(top).await? })),
            ("GET", ["resources"], inner) => Ok(self.resource_list(ask, top, inner.as_ref())),
            ("GET", ["resources", name], inner) => self.resource_show(top, inner.as_ref(), name),
            ("PATCH", ["resources", name], inner) => {
                self.resource_mark(ask, top, inner.as_ref(), name, caller).await
            }
            ("GET", ["events"], _) => Ok(self.event_list(ask, top)),
            _ => Err(Refusal::no_such_path()),
        }
    }
}
