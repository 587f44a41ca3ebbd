//! Users, projects, domains, regions and registered services.

use super::{Caller, Place, User, forbidden, not_found, refused};
use crate::{
    exchange::{Ask, Reply},
    seed,
    state::State,
};
use serde_json::{Value, json};

fn listing(key: &str, items: Vec<Value>) -> Reply {
    Reply::ok(&json!({ key: items, "links": { "next": null, "self": null, "previous": null } }))
}

fn user_json(user: &User) -> Value {
    json!({
        "id": user.id, "name": user.name, "domain_id": user.domain, "enabled": user.enabled,
        "password_expires_at": null, "options": {},
    })
}

impl State {
    pub(super) fn people(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        match (ask.verb(), rest) {
            ("GET", ["domains"]) => {
                let domains = self.identity.domains.iter().filter(|domain| ask.admits("name", &domain.name));
                let items = domains.map(|d| json!({ "id": d.id, "name": d.name, "enabled": true })).collect();
                if caller.is_admin() { listing("domains", items) } else { forbidden("identity:list_domains") }
            }
            ("GET", ["regions"]) => {
                listing("regions", vec![json!({ "id": seed::REGION, "description": "" })])
            }
            ("GET", ["services"]) if caller.is_admin() => {
                let wanted = |kind: &str| ask.admits("type", kind);
                let services = seed::SERVICES.iter().filter(|(kind, ..)| wanted(kind));
                let shown = services.map(|(kind, name, _)| {
                    json!({ "id": format!("service-{name}"), "type": kind, "name": name, "enabled": true })
                });
                listing("services", shown.collect())
            }
            ("GET", ["services"]) => forbidden("identity:list_services"),
            ("GET", ["projects", id]) => {
                let Some(project) = self.identity.project(id) else { return not_found("project", id) };
                if !State::may_see(caller, id) {
                    return forbidden("identity:get_project");
                }
                Reply::ok(&json!({ "project": {
                    "id": project.id, "name": project.name, "domain_id": project.domain, "enabled": true,
                }}))
            }
            ("GET", ["projects", project, "users", user, "roles"]) => {
                if !caller.is_admin() {
                    return forbidden("identity:list_grants");
                }
                if self.identity.project(project).is_none() {
                    return not_found("project", project);
                }
                let roles = self.identity.roles_of(user, &Place::Project((*project).to_owned()));
                let items = roles.iter().map(|name| json!({ "id": seed::role_id(name), "name": name }));
                listing("roles", items.collect())
            }
            (_, ["users", rest @ ..]) => self.users(ask, rest, caller),
            _ => refused(404, "The resource could not be found."),
        }
    }

    fn users(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        match (ask.verb(), rest) {
            ("GET", []) => {
                let domain = ask.param("domain_id").unwrap_or_default();
                if !caller.administers(domain) {
                    return forbidden("identity:list_users");
                }
                // As on MySQL, names are compared without regard to case.
                let named =
                    |user: &User| ask.param("name").is_none_or(|name| user.name.eq_ignore_ascii_case(name));
                let users = self.identity.users.values();
                let shown = users.filter(|user| named(user) && ask.admits("domain_id", &user.domain));
                listing("users", shown.map(user_json).collect())
            }
            ("POST", []) => self.user_create(ask, caller),
            (verb, [id]) => {
                let Some(user) = self.identity.users.get_mut(*id) else { return not_found("user", id) };
                let own = caller.user == *id && verb == "GET";
                if !own && !caller.administers(&user.domain) {
                    return forbidden("identity:update_user");
                }
                match verb {
                    "GET" => Reply::ok(&json!({ "user": user_json(user) })),
                    "PATCH" => {
                        if let Some(password) = ask.text("/user/password") {
                            password.clone_into(&mut user.password);
                            // A new password ends the tokens that the old one opened.
                            self.identity.tokens.retain(|_, token| token.user != *id);
                        }
                        let user = self.identity.users.get(*id).map(user_json);
                        Reply::ok(&json!({ "user": user }))
                    }
                    "DELETE" => {
                        self.identity.forget_user(id);
                        Reply::empty(204)
                    }
                    _ => refused(405, "The method is not allowed for this resource."),
                }
            }
            _ => refused(404, "The resource could not be found."),
        }
    }

    fn user_create(&mut self, ask: &Ask, caller: &Caller) -> Reply {
        let text = |key: &str| ask.text(&format!("/user/{key}")).unwrap_or_default().to_owned();
        let (name, domain, password) = (text("name"), text("domain_id"), text("password"));
        if self.identity.domain(&domain).is_none() {
            return not_found("domain", &domain);
        }
        if !caller.administers(&domain) {
            return forbidden("identity:create_user");
        }
        let taken = |user: &User| user.domain == domain && user.name.eq_ignore_ascii_case(&name);
        if self.identity.users.values().any(taken) {
            let words = format!(
                "Conflict occurred attempting to store user - Duplicate entry found with name {name}."
            );
            return refused(409, &words);
        }
        let user = User { id: self.hex(), name, domain, password, enabled: true };
        let shown = user_json(&user);
        self.identity.users.insert(user.id.clone(), user);
        Reply::json(201, &json!({ "user": shown }))
    }
}
