//! A request as the services see it, and the answer they give. Both are plain data: a service is a function from one to
//! the other, and only `router` knows HTTP.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// A request. Path segments and query values are unescaped.
pub(crate) struct Ask {
    pub method: Method,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    pub headers: HeaderMap,
    /// Null when there is no body or it is no JSON.
    pub body: Value,
}

impl Ask {
    pub fn new(method: Method, uri: &Uri, headers: HeaderMap, body: &[u8]) -> Self {
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let segments = uri.path().split('/').filter(|part| !part.is_empty()).map(plain).collect();
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let query = query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        Self { method, segments, query, headers, body }
    }

    /// `GET`, `POST` …
    pub fn verb(&self) -> &str {
        self.method.as_str()
    }

    /// The path's segments, to be matched on.
    pub fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first value of a query parameter.
    pub fn param(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a query parameter says yes.
    pub fn flag(&self, key: &str) -> bool {
        self.param(key)
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes"))
    }

    /// True when a query parameter is absent, or one of its values is this.
    pub fn admits(&self, key: &str, value: &str) -> bool {
        let mut wanted = self.query.iter().filter(|(name, _)| name == key).peekable();
        wanted.peek().is_none() || wanted.any(|(_, wanted)| wanted == value)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body's text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

/// A request that is not served: the status, and why in the service's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    pub text: String,
    /// Where it is instead.
    pub location: Option<String>,
}

impl Refusal {
    pub fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), location: None }
    }

    pub fn bad(text: impl Into<String>) -> Self {
        Self::new(400, text)
    }

    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(404, text)
    }

    pub fn no_such_path() -> Self {
        Self::not_found("The resource could not be found.")
    }
}

/// The machine does not answer, or refuses.
impl From<crate::machines::MachinesError> for Refusal {
    fn from(error: crate::machines::MachinesError) -> Self {
        Self::new(503, error.to_string())
    }
}

/// An answer that is no refusal.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    body: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Json(Value),
    Text(&'static str),
    Empty,
}

/// What a service says to a request.
pub(crate) type Answer = Result<Reply, Refusal>;

impl Reply {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, body: Content::Json(body) }
    }

    pub fn ok(body: Value) -> Answer {
        Ok(Self::json(200, body))
    }

    pub fn empty(status: u16) -> Answer {
        Ok(Self { status, body: Content::Empty })
    }

    pub fn text(status: u16, body: &'static str) -> Answer {
        Ok(Self { status, body: Content::Text(body) })
    }
}

/// In whose words errors are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    Heat,
    /// Nova and Cinder.
    Nova,
    Neutron,
    Glance,
}

impl Spoken {
    fn fault(self, status: u16, message: &str) -> Value {
        let title = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
        match self {
            Self::Heat => json!({
                "code": status, "title": title, "explanation": message,
                "error": { "message": message, "traceback": null, "type": title.replace(' ', "") },
            }),
            Self::Nova => {
                let name = match status {
                    400 => "badRequest",
                    401 => "unauthorized",
                    403 => "forbidden",
                    404 => "itemNotFound",
                    409 => "conflictingRequest",
                    503 => "serviceUnavailable",
                    _ => "computeFault",
                };
                json!({ name: { "code": status, "message": message } })
            }
            Self::Neutron => {
                json!({ "NeutronError": { "type": title.replace(' ', ""), "message": message, "detail": "" } })
            }
            Self::Glance => {
                json!({ "message": message, "code": format!("{status} {title}"), "title": title })
            }
        }
    }
}

pub(crate) fn response(answer: Answer, spoken: Spoken, request_id: &str) -> Response {
    let mut more = vec![(HeaderName::from_static("x-openstack-request-id"), request_id.to_owned())];
    let (status, body) = match answer {
        Ok(reply) => (reply.status, reply.body),
        Err(refusal) => {
            more.extend(refusal.location.map(|location| (header::LOCATION, location)));
            (refusal.status, Content::Json(spoken.fault(refusal.status, &refusal.text)))
        }
    };
    let (kind, body) = match body {
        Content::Json(body) => (Some("application/json"), Body::from(body.to_string())),
        Content::Text(text) => (Some("text/plain; charset=UTF-8"), Body::from(text)),
        Content::Empty => (None, Body::empty()),
    };
    more.extend(kind.map(|kind| (header::CONTENT_TYPE, kind.to_owned())));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers =
        more.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)));
    response.headers_mut().extend(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_query_are_read_unescaped() {
        let uri = "/a%2Fb/c+d?name=in%3A%22x+y%22&id=1&id=2&all=True".parse().unwrap();
        let ask = Ask::new(Method::GET, &uri, HeaderMap::new(), b"");
        assert_eq!(ask.parts(), ["a/b", "c+d"]);
        assert_eq!(ask.param("name"), Some("in:\"x y\""));
        assert!(ask.admits("id", "2") && !ask.admits("id", "3") && ask.admits("tag", "x"));
        assert!(ask.flag("all") && !ask.flag("none"));
    }
}
