//! Heat: the stacks that clusters are made of.
//!
//! Stacks are addressed by name and id together, because Heat answers an id alone with a redirect, and redirects are never
//! followed. Listing asks for many stacks in one call; per-stack calls are for the few that are being worked on.

mod types;

pub use types::{
    Event, Failure, Output, Resource, ResourceFilter, Stack, StackList, StackRef, StackRequest, StackUpdate,
};

use crate::{
    client::ServiceClient,
    error::{CloudError, found, gone_is_done},
};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// Ids asked for in one listing; URLs are limited to about 8 kB.
const IDS_PER_LISTING: usize = 100;

/// The Orchestration API for one session.
#[derive(Clone)]
pub struct Heat(pub(crate) ServiceClient);

#[derive(Deserialize)]
struct StackAnswer {
    stack: Stack,
}
#[derive(Deserialize)]
struct CreatedAnswer {
    stack: Created,
}
#[derive(Deserialize)]
struct Created {
    id: String,
}
#[derive(Deserialize)]
struct ResourceAnswer {
    resource: Resource,
}
#[derive(Deserialize)]
struct ResourcesAnswer {
    resources: Vec<Resource>,
}
#[derive(Deserialize)]
struct EventsAnswer {
    events: Vec<Event>,
}

impl Heat {
    /// The same client on another project's stacks, which the service user may see and delete where Heat's policy lets it.
    #[must_use]
    pub fn in_project(&self, project_id: &str) -> Self {
        Self(self.0.in_project(project_id))
    }

    /// Creates a stack; it is in progress when this returns. `Conflict` when the name is taken.
    pub async fn stack_create(&self, request: &StackRequest<'_>) -> Result<StackRef, CloudError> {
        let answer: CreatedAnswer = self.0.write(Method::POST, &["stacks"], &request.body()).await?;
        Ok(StackRef { name: request.name.to_owned(), id: answer.stack.id })
    }

    /// The live stack of a name.
    pub async fn stack_find(&self, name: &str) -> Result<Option<Stack>, CloudError> {
        let query = [("name", name)];
        let stacks: Vec<Stack> = self.0.list(&["stacks"], "stacks", &query).await?;
        Ok(stacks
            .into_iter()
            .find(|stack| stack.stack_name == name && stack.stack_status != "DELETE_COMPLETE"))
    }

    /// Every stack that ever had a name, deleted ones too, the newest first as Heat lists them.
    pub async fn stack_history(&self, name: &str) -> Result<Vec<Stack>, CloudError> {
        self.0.list(&["stacks"], "stacks", &[("name", name), ("show_deleted", "true")]).await
    }

    /// One stack; a deleted one is shown for a while, as `DELETE_COMPLETE`. Outputs cost Heat time: ask only when needed.
    pub async fn stack_get(&self, stack: &StackRef, outputs: bool) -> Result<Option<Stack>, CloudError> {
        let query = [("resolve_outputs", if outputs { "true" } else { "false" })];
        let answer: Result<StackAnswer, _> = self.0.get(&["stacks", &stack.name, &stack.id], &query).await;
        Ok(found(answer)?.map(|answer| answer.stack))
    }

    /// The stacks that a list asks for, without outputs.
    pub async fn stack_list(&self, list: &StackList<'_>) -> Result<Vec<Stack>, CloudError> {
        let fixed = list.query();
        if list.ids.is_empty() {
            return self.0.list(&["stacks"], "stacks", &fixed).await;
        }
        let mut stacks = Vec::with_capacity(list.ids.len());
        for ids in list.ids.chunks(IDS_PER_LISTING) {
            let mut query = fixed.clone();
            query.extend(ids.iter().map(|id| ("id", id.as_str())));
            stacks.extend(self.0.list::<Stack>(&["stacks"], "stacks", &query).await?);
        }
        Ok(stacks)
    }

    /// Changes a stack and keeps what is not named: parameters, template, files, environment.
    pub async fn stack_patch(&self, stack: &StackRef, update: &StackUpdate<'_>) -> Result<(), CloudError> {
        self.0.write_only(Method::PATCH, &["stacks", &stack.name, &stack.id], &update.body(true)).await
    }

    /// Replaces a stack's definition: what is not named falls back to the template's defaults.
    pub async fn stack_put(&self, stack: &StackRef, update: &StackUpdate<'_>) -> Result<(), CloudError> {
        self.0.write_only(Method::PUT, &["stacks", &stack.name, &stack.id], &update.body(false)).await
    }

    /// Starts deleting a stack; done when there is none.
    pub async fn stack_delete(&self, stack: &StackRef) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["stacks", &stack.name, &stack.id], &[]).await)
    }

    /// Stops an operation in progress: `rollback` undoes it, otherwise it is left as far as it got.
    pub async fn stack_cancel(&self, stack: &StackRef, rollback: bool) -> Result<(), CloudError> {
        let action = if rollback { "cancel_update" } else { "cancel_without_rollback" };
        let path = ["stacks", stack.name.as_str(), stack.id.as_str(), "actions"];
        self.0.write_only(Method::POST, &path, &json!({ action: null })).await
    }

    /// The resources of a stack, down to `nested_depth` stacks within stacks.
    pub async fn resource_list(
        &self,
        stack: &StackRef,
        filter: &ResourceFilter<'_>,
    ) -> Result<Vec<Resource>, CloudError> {
        let depth = filter.nested_depth.to_string();
        let mut query = vec![("nested_depth", depth.as_str())];
        query.extend(filter.resource_type.map(|wanted| ("type", wanted)));
        query.extend(filter.status.map(|wanted| ("status", wanted)));
        let answer: ResourcesAnswer =
            self.0.get(&["stacks", &stack.name, &stack.id, "resources"], &query).await?;
        Ok(answer.resources)
    }

    /// One resource with its attributes, if it is there.
    pub async fn resource_get(&self, stack: &StackRef, name: &str) -> Result<Option<Resource>, CloudError> {
        let answer =
            self.0.get::<ResourceAnswer>(&["stacks", &stack.name, &stack.id, "resources", name], &[]).await;
        Ok(found(answer)?.map(|answer| answer.resource))
    }

    /// Marks a resource to be replaced by the next update (or takes the mark off).
    pub async fn resource_mark_unhealthy(
        &self,
        stack: &StackRef,
        name: &str,
        unhealthy: bool,
        reason: &str,
    ) -> Result<(), CloudError> {
        let mark = json!({ "mark_unhealthy": unhealthy, "resource_status_reason": reason });
        self.0.write_only(Method::PATCH, &["stacks", &stack.name, &stack.id, "resources", name], &mark).await
    }

    /// The newest events of a stack, at most `limit`, down to `nested_depth` stacks within stacks.
    pub async fn event_list(
        &self,
        stack: &StackRef,
        nested_depth: u32,
        limit: u32,
    ) -> Result<Vec<Event>, CloudError> {
        let (depth, limit) = (nested_depth.to_string(), limit.to_string());
        let mut query = vec![("limit", limit.as_str()), ("sort_dir", "desc")];
        if nested_depth > 0 {
            query.push(("nested_depth", &depth));
        }
        let path = ["stacks", stack.name.as_str(), stack.id.as_str(), "events"];
        let answer: Result<EventsAnswer, _> = self.0.get(&path, &query).await;
        Ok(found(answer)?.map(|answer| answer.events).unwrap_or_default())
    }

    /// Why a stack failed: its failed resources, the deepest first, because an outer one only repeats an inner one's reason.
    pub async fn failures(&self, stack: &StackRef) -> Result<Vec<Failure>, CloudError> {
        let filter = ResourceFilter { nested_depth: 10, ..ResourceFilter::default() };
        Ok(Failure::deepest_first(self.resource_list(stack, &filter).await?))
    }

    /// Checks a template and its files without making anything. `BadRequest` says what is wrong.
    pub async fn template_validate(&self, request: &StackRequest<'_>) -> Result<(), CloudError> {
        let mut body = request.body();
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|key, _: &mut Value| {
                matches!(key.as_str(), "template" | "files" | "environment" | "parameters")
            });
        }
        self.0.write_only(Method::POST, &["validate"], &body).await
    }
}
