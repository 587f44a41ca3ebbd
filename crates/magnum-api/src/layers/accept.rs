//! `Accept`: every document is JSON, so a client that does not take JSON is told so (406), as upstream does. A client
//! that says nothing, or nothing at all in the header (openstacksdk's actions), takes everything.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};

/// Media types and ranges that a JSON document satisfies.
const SATISFIED: &[&str] = &[
    "*/*",
    "application/*",
    "application/json",
    "text/*",
    "text/json",
    "text/javascript",
    "application/javascript",
];

/// The layer.
pub async fn layer(request: Request, next: Next) -> Response {
    if admits_json(request.headers()) {
        next.run(request).await
    } else {
        StatusCode::NOT_ACCEPTABLE.into_response()
    }
}

fn admits_json(headers: &HeaderMap) -> bool {
    let mut named = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .filter(|range| !range.is_empty())
        .peekable();
    named.peek().is_none() || named.any(|range| SATISFIED.contains(&range.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_json_is_served() {
        let headers = |accept: &str| HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
        for accept in
            ["", "*/*", "application/json", "text/html, application/xml;q=0.9, */*;q=0.8", "Application/JSON"]
        {
            assert!(admits_json(&headers(accept)), "{accept}");
        }
        for accept in ["application/xml", "text/html", "image/png, text/html"] {
            assert!(!admits_json(&headers(accept)), "{accept}");
        }
        assert!(admits_json(&HeaderMap::new()));
    }
}
