//! What stacks do over time: create, update, delete, fail, roll back.
//!
//! A request only starts work. The work ends when the cloud's clock has reached the stack's due time, which is looked
//! at before every call, or when a test ends it by hand.

use super::{
    Pace, Part, accepted, no_stack, refused,
    stack::{Condition, Event, Stack, as_text},
    template::{self, Declared},
};
use crate::{
    exchange::{Ask, Reply},
    keystone::{Caller, Trust},
    seed,
    state::State,
};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const QUOTA: &str = "Forbidden: resources.%s: Quota exceeded for instances: Requested 1, but already used 10 of 10 \
                     instances (HTTP 403)";

fn tags(body: &Value) -> Vec<String> {
    let text = body.get("tags").and_then(Value::as_str).unwrap_or_default();
    text.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

type Parameters = (Vec<Declared>, IndexMap<String, String>);

impl State {
    /// The declared and the given parameters, on top of `old` ones, or Heat's refusal.
    pub(super) fn stack_parameters(
        &self,
        body: &Value,
        old: Option<Parameters>,
    ) -> Result<Parameters, Reply> {
        let (declared, mut values) = match (body.get("template").and_then(Value::as_str), old) {
            (Some(text), old) => {
                let declared = template::declared(text);
                let declared = declared.ok_or_else(|| refused(400, "The template version is invalid."))?;
                (declared, old.map(|(_, values)| values).unwrap_or_default())
            }
            (None, Some(old)) => old,
            (None, None) => return Err(refused(400, "No template specified")),
        };
        for (name, value) in body.get("parameters").and_then(Value::as_object).into_iter().flatten() {
            if !declared.iter().any(|parameter| parameter.name == *name) {
                let words = format!("The Parameter ({name}) was not defined in template.");
                return Err(refused(400, &words));
            }
            values.insert(name.clone(), as_text(value));
        }
        let cleared = body.get("clear_parameters").and_then(Value::as_array).into_iter().flatten();
        for name in cleared.filter_map(Value::as_str) {
            values.shift_remove(name);
        }
        values.retain(|name, _| declared.iter().any(|parameter| parameter.name == *name));
        for parameter in &declared {
            match &parameter.default {
                _ if values.contains_key(&parameter.name) => {}
                Some(default) => {
                    values.insert(parameter.name.clone(), default.clone());
                }
                None if parameter.has_default => {}
                None => {
                    let words = format!("The Parameter ({}) was not provided.", parameter.name);
                    return Err(refused(400, &words));
                }
            }
        }
        Ok((declared, values))
    }

    fn due(&self) -> Option<Timestamp> {
        match self.heat.pace {
            Pace::After(seconds) => Some(self.after(seconds)),
            Pace::ByHand => None,
        }
    }

    pub(super) fn stack_create(&mut self, ask: &Ask, caller: &Caller) -> Reply {
        let Some(name) = ask.text("/stack_name").map(str::to_owned) else {
            return refused(400, "Missing required input: stack_name");
        };
        let project = caller.project().to_owned();
        let taken = |stack: &Stack| stack.is_live() && stack.name == name && stack.project == project;
        if self.heat.stacks.values().any(taken) {
            return refused(409, &format!("The Stack ({name}) already exists."));
        }
        if !caller.has_role("member") && !caller.is_admin() {
            return refused(403, "You are not authorized to use stacks:create.");
        }
        let (declared, parameters) = match self.stack_parameters(&ask.body, None) {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        // Heat acts later by a trust of its own; it cannot have one where the caller's trust may not be handed on.
        let trust = match self.heat_trust(caller) {
            Ok(trust) => trust,
            Err(()) => return refused(500, "Internal server error: the trust could not be created."),
        };
        let owner = self.identity.users.get(&caller.user).map(|user| user.name.clone());
        let mut stack = Stack {
            id: self.uuid(),
            name,
            project,
            owner: owner.unwrap_or_default(),
            trust,
            declared,
            parameters,
            before: None,
            disable_rollback: ask.body.get("disable_rollback").and_then(Value::as_bool).unwrap_or(true),
            timeout_mins: ask.body.get("timeout_mins").and_then(Value::as_u64),
            tags: tags(&ask.body),
            action: "CREATE",
            status: "IN_PROGRESS",
            reason: "Stack CREATE started".to_owned(),
            created: self.now(),
            updated: None,
            deleted: None,
            groups: Vec::new(),
            network: None,
            subnet: None,
            balancer: None,
            balancer_floating: None,
            due: self.due(),
            events: Vec::new(),
        };
        self.note(&mut stack);
        self.shared_things(&mut stack);
        self.fit_members(&mut stack);
        let id = stack.id.clone();
        let links = json!([{ "href": stack.href(&self.base_url), "rel": "self" }]);
        self.heat.stacks.insert(id.clone(), stack);
        Reply::json(201, &json!({ "stack": { "id": id, "links": links } }))
    }

    fn heat_trust(&mut self, caller: &Caller) -> Result<Option<String>, ()> {
        // An application credential is kept by Heat as it is.
        if caller.credential.is_some() {
            return Ok(None);
        }
        let trust = Trust {
            id: self.hex(),
            trustor: caller.user.clone(),
            trustee: seed::HEAT_USER.to_owned(),
            project: caller.project().to_owned(),
            roles: caller.roles.clone(),
            impersonation: true,
            redelegations: 0,
            from: None,
            expires: None,
        };
        self.trust_made(trust, caller.trust.as_deref()).map(|trust| Some(trust.id)).map_err(drop)
    }

    /// Heat authenticates by the trust of a stack before it updates it, and makes another one only for another trustor.
    fn heat_trust_renewed(&mut self, id: &str, caller: &Caller) -> Result<(), Reply> {
        let held = self.heat.stacks.get(id).and_then(|stack| stack.trust.clone());
        let Some(held) = held else { return Ok(()) };
        let trustor = self.identity.trusts.get(&held).map(|trust| trust.trustor.clone());
        match trustor {
            None => Err(refused(500, &format!("Could not find trust: {held}."))),
            Some(trustor) if trustor == caller.user => Ok(()),
            Some(_) => {
                let made = self.heat_trust(caller);
                let made =
                    made.map_err(|()| refused(500, "Internal server error: no trust could be created."))?;
                if let Some(stack) = self.heat.stacks.get_mut(id) {
                    stack.trust = made;
                }
                self.identity.forget_trust(&held);
                Ok(())
            }
        }
    }

    pub(super) fn stack_update(&mut self, ask: &Ask, id: &str, existing: bool, caller: &Caller) -> Reply {
        let Some(stack) = self.heat.stacks.get(id).filter(|stack| stack.is_live()) else {
            return no_stack(id);
        };
        if stack.action == "DELETE" {
            return refused(
                409,
                &format!("Stack {} already has an action (DELETE) in progress.", stack.name),
            );
        }
        let old = if existing { stack.parameters.clone() } else { IndexMap::new() };
        let (declared, parameters) =
            match self.stack_parameters(&ask.body, Some((stack.declared.clone(), old))) {
                Ok(read) => read,
                Err(refusal) => return refusal,
            };
        if let Err(refusal) = self.heat_trust_renewed(id, caller) {
            return refusal;
        }
        let (now, due) = (self.now(), self.due());
        self.change_stack(id, |state, stack| {
            stack.before = Some(std::mem::replace(&mut stack.parameters, parameters));
            stack.declared = declared;
            stack.disable_rollback =
                ask.body.get("disable_rollback").and_then(Value::as_bool).unwrap_or(stack.disable_rollback);
            stack.tags = tags(&ask.body);
            stack.updated = Some(now);
            stack.due = due;
            (stack.action, stack.status) = ("UPDATE", "IN_PROGRESS");
            "Stack UPDATE started".clone_into(&mut stack.reason);
            state.note(stack);
            state.fit_members(stack);
        });
        accepted()
    }

    pub(super) fn stack_delete(&mut self, id: &str) -> Reply {
        let Some(stack) = self.heat.stacks.get(id).filter(|stack| stack.is_live()) else {
            return no_stack(id);
        };
        if stack.action == "DELETE" && stack.is_working() {
            return Reply::empty(204);
        }
        let due = self.due();
        self.change_stack(id, |state, stack| {
            stack.due = due;
            (stack.action, stack.status) = ("DELETE", "IN_PROGRESS");
            "Stack DELETE started".clone_into(&mut stack.reason);
            state.note(stack);
        });
        Reply::empty(204)
    }

    pub(super) fn stack_cancel(&mut self, ask: &Ask, id: &str) -> Reply {
        let action = ask.body.as_object().and_then(|body| body.keys().next()).map(String::as_str);
        let Some(stack) = self.heat.stacks.get(id) else { return no_stack(id) };
        let fits = match action {
            Some("cancel_update") => stack.action == "UPDATE",
            Some("cancel_without_rollback") => matches!(stack.action, "CREATE" | "UPDATE"),
            _ => return refused(400, "Invalid action specified"),
        };
        if !fits || !stack.is_working() {
            return refused(400, "Cancelling is not possible in the stack's present state");
        }
        let rollback = action == Some("cancel_update");
        self.change_stack(id, |state, stack| {
            let reason = format!("Stack {} cancelled", stack.action);
            state.end_failed(stack, &reason, rollback);
        });
        accepted()
    }

    /// Ends the work of every stack whose time has come.
    pub fn settle_stacks(&mut self) {
        // A rollback that begins may be due at once.
        for _ in 0..2 {
            let now = self.now();
            let due = |stack: &&Stack| stack.is_working() && stack.due.is_some_and(|due| due <= now);
            let ready: Vec<String> = self.heat.stacks.values().filter(due).map(|s| s.id.clone()).collect();
            for id in ready {
                self.end_work(&id);
            }
        }
    }

    /// Ends the work of one stack, well or as the switches say.
    pub fn end_work(&mut self, id: &str) {
        self.change_stack(id, |state, stack| match stack.action {
            "DELETE" => match state.heat.delete_failures.pop_front().or_else(|| state.subnet_in_use(stack)) {
                Some(reason) => state.end(stack, "FAILED", reason),
                None => {
                    state.all_things_forget(stack);
                    stack.deleted = Some(state.now());
                    state.end(stack, "COMPLETE", "Stack DELETE completed successfully".to_owned());
                }
            },
            "ROLLBACK" => {
                state.members_settled(stack);
                state.end(stack, "COMPLETE", "Stack ROLLBACK completed successfully".to_owned());
            }
            action => {
                let building = stack.members().any(|member| member.condition == Condition::Building);
                let quota = state.heat.quota_exceeded && building;
                let used_up = || quota.then(|| (Part::Server, QUOTA.to_owned()));
                match state.heat.failures.pop_front().or_else(used_up) {
                    Some((part, reason)) => {
                        let wrapped = state.fail_a_member(stack, part, &reason);
                        state.end_failed(stack, &wrapped, !stack.disable_rollback);
                    }
                    None => {
                        state.members_settled(stack);
                        stack.before = None;
                        state.end(stack, "COMPLETE", format!("Stack {action} completed successfully"));
                    }
                }
            }
        });
    }

    /// Ends the work of one stack with a failure.
    pub fn fail_work(&mut self, id: &str, reason: &str) {
        self.change_stack(id, |state, stack| {
            let wrapped = state.fail_a_member(stack, Part::Server, reason);
            state.end_failed(stack, &wrapped, !stack.disable_rollback);
        });
    }

    fn end_failed(&mut self, stack: &mut Stack, reason: &str, rollback: bool) {
        if !rollback {
            return self.end(stack, "FAILED", reason.to_owned());
        }
        stack.due = self.due();
        match stack.before.take() {
            Some(before) => {
                stack.parameters = before;
                self.fit_members(stack);
            }
            None => {
                for group in &mut stack.groups {
                    group.members.iter_mut().for_each(|member| member.condition = Condition::Leaving);
                }
            }
        }
        (stack.action, stack.status) = ("ROLLBACK", "IN_PROGRESS");
        stack.reason = format!("Stack ROLLBACK started: {reason}");
        self.note(stack);
    }

    fn end(&mut self, stack: &mut Stack, status: &'static str, reason: String) {
        stack.status = status;
        stack.due = None;
        stack.reason = reason;
        self.note(stack);
    }

    /// Marks the failed server or port and everything around it; gives the stack's own reason.
    fn fail_a_member(&mut self, stack: &mut Stack, part: Part, reason: &str) -> String {
        let action = stack.action;
        let mut wrapped = format!("Resource {action} failed: {reason}");
        let mut found = None;
        let mut port = None;
        for group in &mut stack.groups {
            let layout = group.layout;
            for member in group.members.iter_mut().filter(|member| member.condition == Condition::Building) {
                let resource = match part {
                    Part::Server => layout.server,
                    Part::Port => layout.port,
                };
                let path = format!("{}.resources[{}].{resource}", layout.group, member.index);
                if found.is_none() {
                    let own = reason.replace("resources.%s", &format!("resources.{resource}"));
                    wrapped = format!("Resource {action} failed: {}", reason.replace("%s", &path));
                    member.condition = Condition::Failed(own);
                    member.failed_at = part;
                    port = if part == Part::Port { member.port.take() } else { None };
                    // One that could not be made anew is still there, in error.
                    found = Some(if member.rebuilding.is_some() { None } else { member.server.take() });
                } else {
                    member.condition = Condition::Failed(format!("{action} aborted"));
                }
            }
        }
        if let Some(server) = found.flatten() {
            self.server_forget(&server);
        }
        if let Some(port) = port {
            self.port_forget(&port);
        }
        wrapped
    }

    fn note(&mut self, stack: &mut Stack) {
        let event = Event {
            id: self.uuid(),
            time: self.now(),
            resource: stack.name.clone(),
            status: stack.status_line(),
            reason: stack.reason.clone(),
            physical: stack.id.clone(),
        };
        stack.events.push(event);
    }

    /// Lets `change` have the state and a stack of it at the same time.
    pub(super) fn change_stack(&mut self, id: &str, change: impl FnOnce(&mut Self, &mut Stack)) {
        if let Some(mut stack) = self.heat.stacks.get(id).cloned() {
            change(self, &mut stack);
            self.heat.stacks.insert(stack.id.clone(), stack);
        }
    }

    /// Forgets deleted stacks, as Heat's purge does.
    pub fn stacks_purge(&mut self) {
        self.heat.stacks.retain(|_, stack| stack.is_live());
    }

    /// Ids of the stacks that Heat works on.
    pub fn working_stacks(&self) -> BTreeSet<String> {
        self.heat.stacks.values().filter(|stack| stack.is_working()).map(|stack| stack.id.clone()).collect()
    }
}
