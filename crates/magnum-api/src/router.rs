//! Every route, one line each, and the order of the layers around them. Tests read [`routes`]: an endpoint without
//! a row in the roles matrix fails the build.

use crate::{
    error, healthcheck,
    layers::{accept, access_log, auth_token, cors, microversion, request_id, rewrite, safety},
    nodes, openapi,
    state::AppState,
    v1,
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodFilter, MethodRouter, on},
};
use http::{Method, StatusCode};
use tower::{Layer as _, ServiceBuilder, util::MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;

/// Who may knock at a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anybody.
    Public,
    /// A node of a cluster, by its own credential.
    Node,
    /// A caller with a valid Keystone token.
    Token,
}

/// One route.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with the router's placeholders.
    pub path: &'static str,
    /// Who may knock.
    pub access: Access,
    handler: MethodRouter<AppState>,
}

fn route<H, T>(access: Access, method: Method, path: &'static str, handler: H) -> Route
where
    H: Handler<T, AppState>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    Route { method, path, access, handler: on(filter, handler) }
}

/// Every route.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    use Access::{Node, Public, Token};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PATCH: Method = Method::PATCH;
    const DELETE: Method = Method::DELETE;
    vec![
        route(Public, GET, "/healthcheck", healthcheck::show),
        route(Public, GET, "/", v1::versions::roots),
        route(Public, GET, "/v1", v1::versions::v1),
        route(Public, GET, "/v1/openapi.json", openapi::show),

        route(Token, GET, "/v1/clustertemplates", v1::clustertemplates::list::list),
        route(Token, GET, "/v1/clustertemplates/detail", v1::clustertemplates::list::detail),
        route(Token, POST, "/v1/clustertemplates", v1::clustertemplates::create::create),
        route(Token, GET, "/v1/clustertemplates/{template}", v1::clustertemplates::show::show),
        route(Token, PATCH, "/v1/clustertemplates/{template}", v1::clustertemplates::update::update),
        route(Token, DELETE, "/v1/clustertemplates/{template}", v1::clustertemplates::delete::delete),

        route(Token, GET, "/v1/clusters", v1::clusters::list::list),
        route(Token, GET, "/v1/clusters/detail", v1::clusters::list::detail),
        route(Token, POST, "/v1/clusters", v1::clusters::create::create),
        route(Token, GET, "/v1/clusters/{cluster}", v1::clusters::show::show),
        route(Token, PATCH, "/v1/clusters/{cluster}", v1::clusters::update::update),
        route(Token, DELETE, "/v1/clusters/{cluster}", v1::clusters::delete::delete),
        route(Token, POST, "/v1/clusters/{cluster}/actions/resize", v1::clusters::resize::resize),
        route(Token, POST, "/v1/clusters/{cluster}/actions/upgrade", v1::clusters::upgrade::upgrade),
        route(Token, DELETE, "/v1/clusters/{cluster}/actions/upgrade", v1::clusters::upgrade::stop),

        route(Token, GET, "/v1/clusters/{cluster}/operations", v1::operations::list::list),
        route(Token, GET, "/v1/clusters/{cluster}/operations/{operation}", v1::operations::show::show),
        route(Token, GET, "/v1/clusters/{cluster}/nodes", v1::nodes::list::list),

        route(Token, GET, "/v1/clusters/{cluster}/nodegroups", v1::nodegroups::list::list),
        route(Token, POST, "/v1/clusters/{cluster}/nodegroups", v1::nodegroups::create::create),
        route(Token, GET, "/v1/clusters/{cluster}/nodegroups/{nodegroup}", v1::nodegroups::show::show),
        route(Token, PATCH, "/v1/clusters/{cluster}/nodegroups/{nodegroup}", v1::nodegroups::update::update),
        route(Token, DELETE, "/v1/clusters/{cluster}/nodegroups/{nodegroup}", v1::nodegroups::delete::delete),

        route(Token, GET, "/v1/certificates/{cluster}", v1::certificates::show::show),
        route(Token, POST, "/v1/certificates", v1::certificates::sign::sign),

        route(Token, PATCH, "/v1/certificates/{cluster}", v1::certificates::rotate::rotate),
        route(Token, PATCH, "/v1/credentials/{cluster}", v1::credentials::rotate::rotate),

        route(Token, GET, "/v1/quotas", v1::quotas::list::list),
        route(Token, POST, "/v1/quotas", v1::quotas::change::create),
        route(Token, GET, "/v1/quotas/{project}/{resource}", v1::quotas::show::show),
        route(Token, PATCH, "/v1/quotas/{project}/{resource}", v1::quotas::change::update),
        route(Token, DELETE, "/v1/quotas/{project}/{resource}", v1::quotas::change::delete),

        route(Token, GET, "/v1/federations", v1::federations::list::list),
        route(Token, GET, "/v1/federations/detail", v1::federations::list::detail),
        route(Token, POST, "/v1/federations", v1::federations::change::create),
        route(Token, GET, "/v1/federations/{federation}", v1::federations::show::show),
        route(Token, PATCH, "/v1/federations/{federation}", v1::federations::change::update),
        route(Token, DELETE, "/v1/federations/{federation}", v1::federations::change::delete),

        route(Token, GET, "/v1/mservices", v1::mservices::list::list),
        route(Token, GET, "/v1/stats", v1::stats::show),

        route(Node, POST, "/v1/nodes/register", nodes::register::register),
        route(Node, GET, "/v1/nodes/plan", nodes::plan::show),
        route(Node, POST, "/v1/nodes/report", nodes::report::report),
        route(Node, POST, "/v1/nodes/certificates", nodes::certificates::sign),
        route(Node, GET, "/v1/nodes/program/{sha256}", nodes::program::show),
    ]
}

/// The whole application.
pub fn app(state: AppState) -> Router {
    let mut open = Router::new();
    let mut tenants = Router::new();
    for route in routes() {
        match route.access {
            Access::Public | Access::Node => open = open.route(route.path, route.handler),
            Access::Token => tenants = tenants.route(route.path, route.handler),
        }
    }
    // The fallback is inside of the token check: who has no token learns nothing about paths.
    let tenants = tenants
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(from_fn(accept::layer))
        .layer(from_fn_with_state(state.clone(), microversion::layer))
        .layer(from_fn_with_state(state.clone(), auth_token::layer));
    around(open.merge(tenants), state)
}

/// What the cluster's nodes call, and nothing else: for a listener that only they can reach.
pub fn node_app(state: AppState) -> Router {
    let nodes = routes().into_iter().filter(|route| route.access == Access::Node);
    let routed = nodes.fold(Router::new(), |routed, route| routed.route(route.path, route.handler));
    around(routed.fallback(async || StatusCode::NOT_FOUND), state)
}

/// The layers that every request goes through.
fn around(routed: Router<AppState>, state: AppState) -> Router {
    let routed: Router =
        routed.layer(DefaultBodyLimit::max(state.settings.max_body_size)).with_state(state.clone());
    let app = Router::new().fallback_service(MapRequestLayer::new(rewrite::rewrite).layer(routed));
    let app = match cors::layer(state.settings.cors.as_ref()) {
        Some(layer) => app.layer(layer),
        None => app,
    };
    app.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(state.clone(), request_id::layer))
            .layer(from_fn(access_log::layer))
            .layer(from_fn(error::documents))
            .layer(CatchPanicLayer::custom(safety::answer_to_panic))
            .layer(from_fn_with_state(state, safety::time_limit)),
    )
}
