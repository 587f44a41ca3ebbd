//! Brings paths into the one form that the router knows: without trailing slashes, and with `/v1` in front when the
//! client left it out (bookmark links rely on that).

use http::{Request, Uri, uri::PathAndQuery};

/// Paths outside of `/v1`.
const UNVERSIONED: &[&str] = &["v1", "healthcheck"];

/// Rewrites the request's path; a path that needs nothing is left untouched.
pub fn rewrite<B>(mut request: Request<B>) -> Request<B> {
    if let Some(path) = canonical(request.uri().path()) {
        let with_query = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let mut parts = request.uri().clone().into_parts();
        if let Ok(rewritten) = PathAndQuery::try_from(with_query) {
            parts.path_and_query = Some(rewritten);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

/// The canonical form, or `None` when `path` has it already.
fn canonical(path: &str) -> Option<String> {
    let trimmed = path.trim_end_matches('/');
    let first = trimmed.trim_start_matches('/').split('/').next().unwrap_or_default();
    let rewritten = if first.is_empty() {
        "/".to_owned()
    } else if UNVERSIONED.contains(&first) {
        trimmed.to_owned()
    } else {
        format!("/v1{trimmed}")
    };
    (rewritten != path).then_some(rewritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_version_is_put_in_front() {
        assert_eq!(canonical("/clusters").as_deref(), Some("/v1/clusters"));
        assert_eq!(canonical("/clusters/a/nodegroups/").as_deref(), Some("/v1/clusters/a/nodegroups"));
    }

    #[test]
    fn trailing_slashes_are_dropped_and_queries_kept() {
        let request = rewrite(Request::builder().uri("/v1/clusters/a/?rollback=True").body(()).unwrap());
        assert_eq!(request.uri().to_string(), "/v1/clusters/a?rollback=True");
        assert_eq!(canonical("/v1/").as_deref(), Some("/v1"));
        assert_eq!(canonical("//").as_deref(), Some("/"));
    }

    #[test]
    fn a_canonical_path_is_left_alone() {
        for path in ["/", "/v1", "/v1/clusters", "/healthcheck"] {
            assert_eq!(canonical(path), None, "{path}");
        }
    }
}
