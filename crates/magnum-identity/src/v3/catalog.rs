//! The catalog, and the services, endpoints and the one region that it is made of.

use super::{
    caller::Caller,
    listing::{self, Query, link},
    refusal::Refusal,
};
use crate::{identity::Identity, people::derived_id, settings::CatalogEntry};
use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::{Value, json};

/// An entry's address for a project; none when it needs one and there is none.
fn address(entry: &CatalogEntry, project_id: Option<&str>) -> Option<String> {
    let mut url = entry.url.clone();
    for place in ["%(project_id)s", "$(project_id)s", "%(tenant_id)s", "$(tenant_id)s"] {
        if url.contains(place) {
            url = url.replace(place, project_id?);
        }
    }
    Some(url)
}

fn service_id(entry: &CatalogEntry) -> String {
    derived_id("service", &[&entry.service_type])
}

fn endpoint_id(entry: &CatalogEntry) -> String {
    derived_id("endpoint", &[&entry.service_type, entry.interface.name()])
}

/// The first entry of each service type.
fn services_of(identity: &Identity) -> Vec<&CatalogEntry> {
    let entries = &identity.0.settings.catalog;
    let is_first = |(at, entry): &(usize, &CatalogEntry)| {
        entries.iter().take(*at).all(|before| before.service_type != entry.service_type)
    };
    entries.iter().enumerate().filter(is_first).map(|(_, entry)| entry).collect()
}

/// The catalog as tokens carry it.
pub(super) fn document(identity: &Identity, project_id: Option<&str>) -> Value {
    let settings = &identity.0.settings;
    let region = &settings.region;
    let services = services_of(identity).into_iter().map(|service| {
        let own = settings.catalog.iter().filter(|entry| entry.service_type == service.service_type);
        let endpoints = own.filter_map(|entry| {
            let url = address(entry, project_id)?;
            let interface = entry.interface.name();
            Some(json!({
                "id": endpoint_id(entry), "interface": interface, "region": region, "region_id": region, "url": url,
            }))
        });
        let endpoints: Vec<Value> = endpoints.collect();
        json!({
            "id": service_id(service), "type": service.service_type, "name": service.name, "endpoints": endpoints,
        })
    });
    services.collect()
}

/// `GET /v3/auth/catalog`.
pub(super) async fn of_token(State(identity): State<Identity>, caller: Caller) -> Result<Response, Refusal> {
    if caller.session.place.is_none() {
        return Err(Refusal::forbidden("identity:get_auth_catalog"));
    }
    let catalog = document(&identity, caller.session.project_id());
    let links = json!({ "self": link(&identity, "auth/catalog"), "previous": null, "next": null });
    Ok(axum::response::IntoResponse::into_response(axum::Json(json!({ "catalog": catalog, "links": links }))))
}

fn region_document(identity: &Identity) -> Value {
    let id = &identity.0.settings.region;
    json!({
        "id": id, "description": "", "parent_region_id": null,
        "links": { "self": link(identity, &format!("regions/{id}")) },
    })
}

/// `GET /v3/regions`: for everybody with a token.
pub(super) async fn regions(State(identity): State<Identity>, _caller: Caller, query: Query) -> Response {
    listing::list(&identity, "regions", vec![region_document(&identity)], &query, &["parent_region_id"])
}

/// `GET /v3/regions/{region}`.
pub(super) async fn region(
    State(identity): State<Identity>,
    _caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    if id != identity.0.settings.region {
        return Err(Refusal::not_found("region", &id));
    }
    Ok(listing::one("region", region_document(&identity)))
}

fn service_documents(identity: &Identity) -> Vec<Value> {
    let document = |entry: &CatalogEntry| {
        let id = service_id(entry);
        json!({
            "id": id, "type": entry.service_type, "name": entry.name, "enabled": true,
            "links": { "self": link(identity, &format!("services/{id}")) },
        })
    };
    services_of(identity).into_iter().map(document).collect()
}

fn endpoint_documents(identity: &Identity) -> Vec<Value> {
    let region = &identity.0.settings.region;
    let document = |entry: &CatalogEntry| {
        let id = endpoint_id(entry);
        json!({
            "id": id, "service_id": service_id(entry), "interface": entry.interface.name(), "url": entry.url,
            "region": region, "region_id": region, "enabled": true,
            "links": { "self": link(identity, &format!("endpoints/{id}")) },
        })
    };
    identity.0.settings.catalog.iter().map(document).collect()
}

fn admin_only(caller: &Caller, action: &str) -> Result<(), Refusal> {
    if caller.session.is_admin() { Ok(()) } else { Err(Refusal::forbidden(action)) }
}

fn by_id(documents: Vec<Value>, key: &str, id: &str) -> Result<Response, Refusal> {
    let found = documents.into_iter().find(|document| document.get("id").is_some_and(|own| own == id));
    found.map(|document| listing::one(key, document)).ok_or_else(|| Refusal::not_found(key, id))
}

/// `GET /v3/services`: for admins.
pub(super) async fn services(
    State(identity): State<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    admin_only(&caller, "identity:list_services")?;
    Ok(listing::list(&identity, "services", service_documents(&identity), &query, &["type", "name"]))
}

/// `GET /v3/services/{service}`.
pub(super) async fn service(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    admin_only(&caller, "identity:get_service")?;
    by_id(service_documents(&identity), "service", &id)
}

/// `GET /v3/endpoints`: for admins.
pub(super) async fn endpoints(
    State(identity): State<Identity>,
    caller: Caller,
    query: Query,
) -> Result<Response, Refusal> {
    admin_only(&caller, "identity:list_endpoints")?;
    let filters = ["interface", "service_id", "region_id"];
    Ok(listing::list(&identity, "endpoints", endpoint_documents(&identity), &query, &filters))
}

/// `GET /v3/endpoints/{endpoint}`.
pub(super) async fn endpoint(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    admin_only(&caller, "identity:get_endpoint")?;
    by_id(endpoint_documents(&identity), "endpoint", &id)
}
