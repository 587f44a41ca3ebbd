//! Roles and who holds them, which `users.yaml` says.
//!
//! Admins see all; who administers a domain sees the roles, and who holds them in its domain and its projects.

use super::{
    caller::Caller,
    listing::{self, Query, is_on, link},
    refusal::Refusal,
};
use crate::{
    identity::Identity,
    people::{Place, User, role_id},
    state::State,
};
use axum::{
    extract::{Path, State as Shared},
    response::Response,
};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// A role as tokens and trusts name it.
pub(super) fn role_reference(name: &str) -> Value {
    json!({ "id": role_id(name), "name": name })
}

pub(super) fn role_document(identity: &Identity, name: &str) -> Value {
    let id = role_id(name);
    json!({
        "id": id, "name": name, "domain_id": null, "description": null, "options": {},
        "links": { "self": link(identity, &format!("roles/{id}")) },
    })
}

/// Who may ask what is held at a place.
fn may_see(caller: &Caller, place: &Place) -> bool {
    let domain = caller.state.people.domain_of(place);
    caller.session.is_admin() || domain.is_some_and(|domain| caller.session.administers(domain))
}

fn may_see_roles(caller: &Caller, action: &str) -> Result<(), Refusal> {
    let may = caller.session.is_admin() || caller.session.own_domain().is_some();
    if may { Ok(()) } else { Err(Refusal::forbidden(action)) }
}

/// `GET /v3/roles`.
pub(super) async fn list(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    may_see_roles(&caller, "identity:list_roles")?;
    let roles = caller.state.people.roles().iter().map(|name| role_document(&identity, name)).collect();
    // `domain_id` asks for the roles of a domain; there are none of those here.
    Ok(listing::list(&identity, "roles", roles, &query, &["name", "domain_id"]))
}

/// `GET /v3/roles/{role}`.
pub(super) async fn show(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    may_see_roles(&caller, "identity:get_role")?;
    let name = caller.state.role_by_id(&id).ok_or_else(|| Refusal::not_found("role", &id))?;
    Ok(listing::one("role", role_document(&identity, &name)))
}

/// The roles assigned to a user at a place.
fn held(identity: &Identity, caller: &Caller, place: &Place, user: &str) -> Result<Vec<Value>, Refusal> {
    if !may_see(caller, place) {
        return Err(Refusal::forbidden("identity:list_grants"));
    }
    match place {
        Place::Project(id) if !caller.state.people.projects.contains_key(id) => {
            return Err(Refusal::not_found("project", id));
        }
        Place::Domain(id) if caller.state.people.domain(id).is_none() => {
            return Err(Refusal::not_found("domain", id));
        }
        _ => {}
    }
    let user = caller.state.user(user).ok_or_else(|| Refusal::not_found("user", user))?;
    Ok(user.assigned(place).iter().map(|name| role_document(identity, name)).collect())
}

fn grant_list(
    identity: &Identity,
    caller: &Caller,
    place: &Place,
    user: &str,
    query: &Query,
) -> Result<Response, Refusal> {
    Ok(listing::list(identity, "roles", held(identity, caller, place, user)?, query, &["name"]))
}

/// `GET /v3/projects/{project}/users/{user}/roles`.
pub(super) async fn in_project(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path((project, user)): Path<(String, String)>,
    query: Query,
) -> Result<Response, Refusal> {
    grant_list(&identity, &caller, &Place::Project(project), &user, &query)
}

/// `GET /v3/domains/{domain}/users/{user}/roles`.
pub(super) async fn in_domain(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path((domain, user)): Path<(String, String)>,
    query: Query,
) -> Result<Response, Refusal> {
    grant_list(&identity, &caller, &Place::Domain(domain), &user, &query)
}

/// `GET /v3/system/users/{user}/roles`.
pub(super) async fn in_system(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path(user): Path<String>,
    query: Query,
) -> Result<Response, Refusal> {
    grant_list(&identity, &caller, &Place::System, &user, &query)
}

fn grant_check(
    identity: &Identity,
    caller: &Caller,
    place: &Place,
    user: &str,
    role: &str,
) -> Result<StatusCode, Refusal> {
    let held = held(identity, caller, place, user)?;
    let is_held = held.iter().any(|document| document.get("id").is_some_and(|id| id == role));
    if is_held {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::not_found("role assignment with role", role))
    }
}

/// `GET` and `HEAD /v3/projects/{project}/users/{user}/roles/{role}`: 204 when the role is assigned.
pub(super) async fn held_in_project(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path((project, user, role)): Path<(String, String, String)>,
) -> Result<StatusCode, Refusal> {
    grant_check(&identity, &caller, &Place::Project(project), &user, &role)
}

/// `GET` and `HEAD /v3/domains/{domain}/users/{user}/roles/{role}`.
pub(super) async fn held_in_domain(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    Path((domain, user, role)): Path<(String, String, String)>,
) -> Result<StatusCode, Refusal> {
    grant_check(&identity, &caller, &Place::Domain(domain), &user, &role)
}

/// `GET /v3/role_assignments`, with `effective` also what is implied, with `include_names` names beside ids.
pub(super) async fn assignments(
    Shared(identity): Shared<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    may_see_roles(&caller, "identity:list_role_assignments")?;
    let (effective, names) = (is_on(&query, "effective"), is_on(&query, "include_names"));
    let mut found = Vec::new();
    for user in caller.state.users().filter(|user| is_wanted(&query, "user.id", &user.id)) {
        let mut places: Vec<&Place> = Vec::new();
        for grant in &user.grants {
            if !places.contains(&&grant.place) {
                places.push(&grant.place);
            }
        }
        for place in
            places.into_iter().filter(|place| is_wanted_place(&query, place) && may_see(&caller, place))
        {
            let roles = if effective { user.roles(place) } else { user.assigned(place) };
            let roles = roles.into_iter().filter(|role| is_wanted(&query, "role.id", &role_id(role)));
            found.extend(roles.map(|role| assignment(&identity, &caller.state, user, place, &role, names)));
        }
    }
    // There are no groups, so nothing is held through one.
    if query.contains_key("group.id") {
        found.clear();
    }
    Ok(listing::list(&identity, "role_assignments", found, &query, &[]))
}

fn is_wanted(query: &Query, key: &str, id: &str) -> bool {
    query.get(key).is_none_or(|wanted| wanted == id)
}

fn is_wanted_place(query: &Query, place: &Place) -> bool {
    let asks = |key: &str| query.contains_key(key);
    match place {
        Place::Project(id) => {
            is_wanted(query, "scope.project.id", id) && !asks("scope.domain.id") && !asks("scope.system")
        }
        Place::Domain(id) => {
            is_wanted(query, "scope.domain.id", id) && !asks("scope.project.id") && !asks("scope.system")
        }
        Place::System => !asks("scope.project.id") && !asks("scope.domain.id"),
    }
}

fn assignment(
    identity: &Identity,
    state: &State,
    user: &User,
    place: &Place,
    role: &str,
    names: bool,
) -> Value {
    let domain =
        |id: &str| json!({ "id": id, "name": state.people.domain(id).map(|domain| domain.name.as_str()) });
    let reference = |id: &str, name: Option<&str>, domain_id: Option<&str>| {
        let mut fields = Map::new();
        fields.insert("id".to_owned(), id.into());
        if names {
            fields.insert("name".to_owned(), name.into());
            if let Some(id) = domain_id {
                fields.insert("domain".to_owned(), domain(id));
            }
        }
        Value::Object(fields)
    };
    let role_id = role_id(role);
    let (scope, path) = match place {
        Place::Project(id) => {
            let project = state.people.projects.get(id);
            let name = project.map(|project| project.name.as_str());
            let domain_id = project.map(|project| project.domain_id.as_str());
            (json!({ "project": reference(id, name, domain_id) }), format!("projects/{id}"))
        }
        Place::Domain(id) => {
            let name = state.people.domain(id).map(|domain| domain.name.as_str());
            (json!({ "domain": reference(id, name, None) }), format!("domains/{id}"))
        }
        Place::System => (json!({ "system": { "all": true } }), "system".to_owned()),
    };
    json!({
        "role": reference(&role_id, Some(role), None),
        "user": reference(&user.id, Some(&user.name), Some(&user.domain_id)),
        "scope": scope,
        "links": { "assignment": link(identity, &format!("{path}/users/{}/roles/{role_id}", user.id)) },
    })
}
