//! A request as the fake services see it, and the answer they give.
//!
//! Both are plain data: the services are ordinary functions from one to the other, and only `server` knows HTTP.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Value, json};

/// A request. Path segments and query values are unescaped.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub method: Method,
    pub path: String,
    pub segments: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    /// Null when there is no body or it is no JSON.
    pub body: Value,
}

impl Ask {
    pub fn new(method: Method, uri: &Uri, headers: HeaderMap, body: &[u8]) -> Self {
        let segments =
            uri.path().split('/').filter(|part| !part.is_empty()).map(|part| unescape(part, false));
        let query = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(key, true), unescape(value, true))
        });
        Self {
            method,
            path: uri.path().to_owned(),
            segments: segments.collect(),
            query: query.collect(),
            headers,
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        }
    }

    /// `GET`, `POST` …
    pub fn verb(&self) -> &str {
        self.method.as_str()
    }

    /// The path's segments as text slices, to be matched on.
    pub fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first value of a query parameter.
    pub fn param(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter.
    pub fn params(&self, key: &str) -> Vec<&str> {
        self.query.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body's text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }

    /// True when a query parameter is absent or equals `value`.
    pub fn admits(&self, key: &str, value: &str) -> bool {
        let wanted = self.params(key);
        wanted.is_empty() || wanted.contains(&value)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    json: bool,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string().into_bytes(), json: true }
    }

    pub fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), json: false }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.as_bytes().to_vec(), json: false }
    }

    /// A body that a test wrote, sent as JSON when it is some.
    pub fn json_or_text(status: u16, body: &str) -> Self {
        let json = serde_json::from_str::<Value>(body).is_ok();
        Self { json, ..Self::text(status, body) }
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The refusal of a call in the words of the service that `path` belongs to.
    pub fn refusal(service: Spoken, status: u16, message: &str) -> Self {
        Self::json(status, &service.fault(status, message))
    }

    pub fn into_response(self, request_id: &str) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let kind = if self.json { "application/json" } else { "text/plain" };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let id = HeaderValue::from_str(request_id);
        headers.extend(id.ok().map(|id| (header::HeaderName::from_static("x-openstack-request-id"), id)));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(header::HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// How a service wraps its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Keystone,
    Heat,
    /// Nova and Cinder.
    Nova,
    Neutron,
    Glance,
    Barbican,
    Octavia,
}

impl Spoken {
    fn fault(self, status: u16, message: &str) -> Value {
        let title = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
        match self {
            Self::Keystone => json!({ "error": { "code": status, "message": message, "title": title } }),
            Self::Heat => json!({
                "code": status, "title": title, "explanation": "The server could not do what was asked.",
                "error": { "message": message, "traceback": null, "type": "Fault" },
            }),
            Self::Nova => {
                let name = match status {
                    400 => "badRequest",
                    403 => "forbidden",
                    404 => "itemNotFound",
                    409 => "conflictingRequest",
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
            Self::Barbican => json!({ "code": status, "title": title, "description": message }),
            Self::Octavia => json!({ "faultcode": "Client", "faultstring": message, "debuginfo": null }),
        }
    }
}

fn unescape(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let pair = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let code = std::str::from_utf8(&pair).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
                bytes.push(code.unwrap_or(b'?'));
            }
            b'+' if plus_is_space => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_query_are_read_unescaped() {
        let uri = "/a%2Fb/c?name=in%3A%22x+y%22&id=1&id=2".parse().unwrap();
        let ask = Ask::new(Method::GET, &uri, HeaderMap::new(), b"");
        assert_eq!(ask.parts(), ["a/b", "c"]);
        assert_eq!(ask.param("name"), Some("in:\"x y\""));
        assert_eq!(ask.params("id"), ["1", "2"]);
    }
}
