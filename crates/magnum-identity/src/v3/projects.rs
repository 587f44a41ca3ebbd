//! Projects and domains, which `users.yaml` makes.
//!
//! Admins see all, who administers a domain sees it and its projects, everybody else the projects and domains with a
//! role of its own, and the one of its token.

use super::{
    caller::Caller,
    listing::{self, Query, link},
    refusal::Refusal,
};
use crate::{
    identity::Identity,
    people::{Domain, Place, Project, User},
};
use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

const PROJECT_FILTERS: [&str; 5] = ["name", "domain_id", "enabled", "parent_id", "is_domain"];
const DOMAIN_FILTERS: [&str; 2] = ["name", "enabled"];

fn project_document(identity: &Identity, project: &Project) -> Value {
    json!({
        "id": project.id, "name": project.name, "domain_id": project.domain_id, "enabled": project.enabled,
        "description": project.description, "is_domain": false, "parent_id": project.domain_id,
        "tags": [], "options": {}, "links": { "self": link(identity, &format!("projects/{}", project.id)) },
    })
}

fn domain_document(identity: &Identity, domain: &Domain) -> Value {
    json!({
        "id": domain.id, "name": domain.name, "description": domain.description, "enabled": domain.enabled,
        "tags": [], "options": {}, "links": { "self": link(identity, &format!("domains/{}", domain.id)) },
    })
}

/// The projects in which a user could act now.
fn projects_of(identity: &Identity, caller: &Caller, user: &User) -> Vec<Value> {
    let people = &caller.state.people;
    let held = people.projects.values().filter(|project| {
        people.open_project(&project.id).is_some()
            && !user.roles(&Place::Project(project.id.clone())).is_empty()
    });
    held.map(|project| project_document(identity, project)).collect()
}

/// `GET /v3/auth/projects`: where the caller's token could be exchanged to. For a token by delegation, its own project.
pub(super) async fn of_token(State(identity): State<Identity>, caller: Caller, query: Query) -> Response {
    let projects = match &caller.session {
        session if session.trust.is_some() || session.credential.is_some() => {
            let own = session.project_id().and_then(|id| caller.state.people.projects.get(id));
            own.map(|project| project_document(&identity, project)).into_iter().collect()
        }
        session => projects_of(&identity, &caller, &session.user),
    };
    listing::list(&identity, "auth/projects", projects, &query, &PROJECT_FILTERS)
}

/// `GET /v3/auth/domains`.
pub(super) async fn domains_of_token(
    State(identity): State<Identity>,
    caller: Caller,
    query: Query,
) -> Response {
    let session = &caller.session;
    let is_delegated = session.trust.is_some() || session.credential.is_some();
    let held = caller.state.people.domains.iter().filter(|domain| {
        domain.enabled && !is_delegated && !session.user.roles(&Place::Domain(domain.id.clone())).is_empty()
    });
    let domains = held.map(|domain| domain_document(&identity, domain)).collect();
    listing::list(&identity, "auth/domains", domains, &query, &DOMAIN_FILTERS)
}

/// `GET /v3/auth/system`.
pub(super) async fn system_of_token(State(identity): State<Identity>, caller: Caller) -> Response {
    let session = &caller.session;
    let is_delegated = session.trust.is_some() || session.credential.is_some();
    let system = if !is_delegated && !session.user.roles(&Place::System).is_empty() {
        json!([{ "all": true }])
    } else {
        json!([])
    };
    Json(json!({ "system": system, "links": { "self": link(&identity, "auth/system") } })).into_response()
}

/// `GET /v3/users/{user}/projects`: the own ones, and any user's for admins.
pub(super) async fn of_user(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Refusal> {
    let session = &caller.session;
    if session.user.id != id && !session.is_admin() {
        return Err(Refusal::forbidden("identity:list_user_projects"));
    }
    let user = caller.state.user(&id).ok_or_else(|| Refusal::not_found("user", &id))?;
    let projects = projects_of(&identity, &caller, user);
    Ok(listing::list(&identity, "projects", projects, &query, &PROJECT_FILTERS))
}

/// `GET /v3/projects`.
pub(super) async fn list(
    State(identity): State<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    let session = &caller.session;
    if !session.is_admin() && session.own_domain().is_none() {
        return Err(Refusal::forbidden("identity:list_projects"));
    }
    let seen =
        caller.state.people.projects.values().filter(|project| session.administers(&project.domain_id));
    let projects = seen.map(|project| project_document(&identity, project)).collect();
    Ok(listing::list(&identity, "projects", projects, &query, &PROJECT_FILTERS))
}

/// `GET /v3/projects/{project}`.
pub(super) async fn show(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let session = &caller.session;
    let may_see = |project: &&Project| {
        session.project_id() == Some(&id)
            || session.administers(&project.domain_id)
            || !session.user.roles(&Place::Project(project.id.clone())).is_empty()
    };
    match caller.state.people.projects.get(&id).filter(may_see) {
        Some(project) => Ok(listing::one("project", project_document(&identity, project))),
        None if session.is_admin() || session.own_domain().is_some() => {
            Err(Refusal::not_found("project", &id))
        }
        None => Err(Refusal::forbidden("identity:get_project")),
    }
}

/// `GET /v3/domains`.
pub(super) async fn domain_list(
    State(identity): State<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    let session = &caller.session;
    if !session.is_admin() && session.own_domain().is_none() {
        return Err(Refusal::forbidden("identity:list_domains"));
    }
    let seen = caller.state.people.domains.iter().filter(|domain| session.administers(&domain.id));
    let domains = seen.map(|domain| domain_document(&identity, domain)).collect();
    Ok(listing::list(&identity, "domains", domains, &query, &DOMAIN_FILTERS))
}

/// `GET /v3/domains/{domain}`: the own user's and project's domains too.
pub(super) async fn domain_show(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let session = &caller.session;
    let people = &caller.state.people;
    let place = session.place.as_ref().and_then(|place| people.domain_of(place));
    let is_own = session.user.domain_id == id || place == Some(&id);
    match people.domain(&id).filter(|_| is_own || session.administers(&id)) {
        Some(domain) => Ok(listing::one("domain", domain_document(&identity, domain))),
        None if session.is_admin() || session.own_domain().is_some() => {
            Err(Refusal::not_found("domain", &id))
        }
        None => Err(Refusal::forbidden("identity:get_domain")),
    }
}
