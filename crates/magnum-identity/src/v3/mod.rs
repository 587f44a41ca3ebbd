//! The Identity API v3: routes, and what every answer has.

mod application_credentials;
mod auth;
mod caller;
mod catalog;
mod fields;
mod listing;
mod projects;
mod refusal;
mod roles;
mod scope;
mod token_view;
mod tokens;
mod trusts;
mod users;
mod versions;

use crate::{error::IdentityError, identity::Identity, made::Made, state::State};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State as Shared},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use caller::Caller;
use http::{HeaderName, HeaderValue, StatusCode, header};
use refusal::Refusal;
use tower::Layer;
use tower_http::normalize_path::NormalizePathLayer;

/// The longest request body, in bytes; Keystone's own bound.
const MAX_BODY: usize = 114_688;

/// All routes. A slash at the end of a path changes nothing.
pub(crate) fn router(identity: Identity) -> Router {
    let routes = Router::new()
        .route("/", get(versions::list))
        .route("/v3", get(versions::show))
        .nest("/v3", v3())
        .fallback(async || Refusal::no_resource())
        .method_not_allowed_fallback(async || Refusal::no_method())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(identity.clone(), every_answer))
        .with_state(identity);
    Router::new().fallback_service(NormalizePathLayer::trim_trailing_slash().layer(routes))
}

fn v3() -> Router<Identity> {
    let credentials = "/users/{user}/application_credentials";
    Router::new()
        .route("/auth/tokens", post(auth::create).get(tokens::validate).delete(tokens::revoke))
        .route("/auth/catalog", get(catalog::of_token))
        .route("/auth/projects", get(projects::of_token))
        .route("/auth/domains", get(projects::domains_of_token))
        .route("/auth/system", get(projects::system_of_token))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{user}", get(users::show).patch(users::update).delete(users::delete))
        .route("/users/{user}/password", post(kept_in_file))
        .route("/users/{user}/projects", get(projects::of_user))
        .route(credentials, get(application_credentials::list).post(application_credentials::create))
        .route(
            &format!("{credentials}/{{id}}"),
            get(application_credentials::show).delete(application_credentials::delete),
        )
        .route("/projects", get(projects::list).post(kept_in_file))
        .route("/projects/{project}", get(projects::show).patch(kept_in_file).delete(kept_in_file))
        .route("/domains", get(projects::domain_list).post(kept_in_file))
        .route("/domains/{domain}", get(projects::domain_show).patch(kept_in_file).delete(kept_in_file))
        .route("/roles", get(roles::list).post(kept_in_file))
        .route("/roles/{role}", get(roles::show).patch(kept_in_file).delete(kept_in_file))
        .route("/role_assignments", get(roles::assignments))
        .route("/projects/{project}/users/{user}/roles", get(roles::in_project))
        .route(
            "/projects/{project}/users/{user}/roles/{role}",
            get(roles::held_in_project).merge(put(kept_in_file)).delete(kept_in_file),
        )
        .route("/domains/{domain}/users/{user}/roles", get(roles::in_domain))
        .route(
            "/domains/{domain}/users/{user}/roles/{role}",
            get(roles::held_in_domain).merge(put(kept_in_file)).delete(kept_in_file),
        )
        .route("/system/users/{user}/roles", get(roles::in_system))
        .route("/OS-TRUST/trusts", get(trusts::list).post(trusts::create))
        .route("/OS-TRUST/trusts/{trust}", get(trusts::show).delete(trusts::delete))
        .route("/OS-TRUST/trusts/{trust}/roles", get(trusts::roles))
        .route("/OS-TRUST/trusts/{trust}/roles/{role}", get(trusts::role))
        .route("/regions", get(catalog::regions))
        .route("/regions/{region}", get(catalog::region))
        .route("/services", get(catalog::services))
        .route("/services/{service}", get(catalog::service))
        .route("/endpoints", get(catalog::endpoints))
        .route("/endpoints/{endpoint}", get(catalog::endpoint))
}

/// A request to change over HTTP what an operator writes in `users.yaml`.
async fn kept_in_file(caller: Caller) -> Refusal {
    if caller.session.is_admin() {
        Refusal::kept_in_file()
    } else {
        Refusal::forbidden("change what users.yaml says")
    }
}

/// A request id and what caches and clients need to know, on every answer; where to log in, on a 401.
async fn every_answer(Shared(identity): Shared<Identity>, request: Request, next: Next) -> Response {
    let id = format!("req-{}", identity.0.entropy.uuid());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if response.status().is_client_error() && !is_json {
        // A body that is too long, a path or query that is no text: refused before a handler saw it.
        response = Refusal::unread(response.status()).into_response();
    }
    let status = response.status();
    tracing::debug!(%method, path = without_ids(&path), status = status.as_u16(), request_id = id, "identity answered");
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("X-Auth-Token"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-openstack-request-id"), id);
    }
    let challenge = format!("Keystone uri=\"{}\"", identity.0.settings.public_url);
    if let (StatusCode::UNAUTHORIZED, Ok(challenge)) = (status, HeaderValue::from_str(&challenge)) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A trust's id is half a credential and stays out of the log.
fn without_ids(path: &str) -> &str {
    path.find("/trusts/").map_or(path, |at| path.get(..at + "/trusts".len()).unwrap_or_default())
}

impl Identity {
    /// Makes a change that is kept before this returns, and made also if the caller goes away.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&State, &mut Made) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (service, now) = (self.0.clone(), self.0.clock.now());
        let done = tokio::task::spawn_blocking(move || service.store.change(now, change)).await;
        done.unwrap_or_else(|error| Err(IdentityError::crypto("finish the change")(error).into()))
    }
}
