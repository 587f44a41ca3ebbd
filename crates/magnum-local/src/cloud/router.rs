//! The services' HTTP side: who asks is found out once, then the path's first word chooses the service.

use super::{
    exchange::{Answer, Ask, Refusal, Reply, Spoken, response},
    services::Services,
};
use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest request body; documents are a few KiB.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// The longest body of a signal.
const MAX_SIGNAL: usize = 64 * 1024;

const SERVICES: &[&str] = &["orchestration", "compute", "network", "image", "volume"];

/// Everything.
pub(super) fn all(services: Arc<Services>) -> Router {
    let mut router = Router::new();
    for service in SERVICES {
        for path in [format!("/{service}"), format!("/{service}/"), format!("/{service}/{{*rest}}")] {
            router = router.route(&path, any(answer));
        }
    }
    router.with_state(services)
}

/// What nodes may reach.
pub(super) fn nodes(services: Arc<Services>) -> Router {
    Router::new().route("/orchestration/v1/signal/{stack}/{member}", any(answer)).with_state(services)
}

async fn answer(State(services): State<Arc<Services>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let id = services.request_id();
    let is_signal = head.uri.path().starts_with("/orchestration/v1/signal/");
    let spoken = match head.uri.path().split('/').nth(1) {
        Some("orchestration") => Spoken::Heat,
        Some("network") => Spoken::Neutron,
        Some("image") => Spoken::Glance,
        _ => Spoken::Nova,
    };
    let limit = if is_signal { MAX_SIGNAL } else { MAX_BODY };
    let Ok(body) = axum::body::to_bytes(body, limit).await else {
        return response(Err(Refusal::new(413, "The request is too large.")), spoken, &id);
    };
    let ask = Ask::new(head.method, &head.uri, head.headers, &body);
    let answer = serve(&services, &ask).await;
    if let Err(refusal) = &answer
        && refusal.status >= 500
    {
        tracing::warn!(
            request = id,
            path = head.uri.path(),
            reason = refusal.text,
            "a request could not be served"
        );
    }
    response(answer, spoken, &id)
}

async fn serve(services: &Services, ask: &Ask) -> Answer {
    let parts = ask.parts();
    let Some((service, rest)) = parts.split_first() else { return Err(Refusal::no_such_path()) };
    if let ("GET" | "HEAD", Some(versions)) = (ask.verb(), versions(services.base_url(), service, rest)) {
        return Ok(versions);
    }
    if let ("orchestration", ["v1", "signal", stack, member]) = (*service, rest) {
        return services.signal(ask, stack, member).await;
    }
    let caller = match ask.header("x-auth-token") {
        Some(token) => services.tokens.check(token).await,
        None => None,
    };
    let caller =
        caller.ok_or_else(|| Refusal::new(401, "The request you have made requires authentication."))?;
    match *service {
        "orchestration" => services.heat(ask, rest, &caller).await,
        "compute" => services.nova(ask, rest, &caller).await,
        "network" => services.neutron(ask, rest, &caller).await,
        "image" => services.glance(ask, rest, &caller).await,
        "volume" => services.cinder(ask, rest, &caller),
        _ => Err(Refusal::no_such_path()),
    }
}

/// The version documents, by which clients find their way from a service's address.
fn versions(base: &str, service: &str, rest: &[&str]) -> Option<Reply> {
    let links = |path: &str| json!([{ "rel": "self", "href": format!("{base}/{path}") }]);
    let version = |id: &str, path: &str, more: Value| {
        let mut document = json!({ "id": id, "status": "CURRENT", "links": links(path), "media-types": [] });
        if let (Some(fields), Value::Object(more)) = (document.as_object_mut(), more) {
            fields.extend(more);
        }
        document
    };
    let updated = json!({ "updated": "2013-07-23T11:33:21Z", "version": "2.1", "min_version": "2.1" });
    let nova = version("v2.1", "compute/v2.1/", updated);
    let cinder = json!({ "updated": "2016-02-08T12:20:21Z", "version": "3.0", "min_version": "3.0" });
    let cinder = version("v3.0", "volume/v3/", cinder);
    let (status, document) = match (service, rest) {
        ("orchestration", []) => {
            (300, json!({ "versions": [version("v1.0", "orchestration/v1/", json!({}))] }))
        }
        ("compute", []) => (200, json!({ "versions": [nova] })),
        ("compute", ["v2.1"]) => (200, json!({ "version": nova })),
        ("network", []) => (200, json!({ "versions": [version("v2.0", "network/v2.0/", json!({}))] })),
        ("network", ["v2.0"]) => (200, json!({ "resources": [] })),
        ("image", [] | ["versions"]) => {
            let status = if rest.is_empty() { 300 } else { 200 };
            (status, json!({ "versions": [version("v2.0", "image/v2/", json!({}))] }))
        }
        ("volume", []) => (300, json!({ "versions": [cinder] })),
        ("volume", ["v3"]) => (200, json!({ "versions": [cinder] })),
        _ => return None,
    };
    Some(Reply::json(status, document))
}
