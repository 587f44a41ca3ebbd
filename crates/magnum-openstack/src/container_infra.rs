//! Magnum itself, as its command line calls it: any request, since the command line has a command for each.

use crate::{
    catalog::with_version,
    client::ServiceClient,
    error::{CloudError, CloudErrorKind},
    transport::failure,
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use std::sync::Arc;
use url::Url;

/// See the module.
#[derive(Clone)]
pub struct ContainerInfra(pub ServiceClient);

/// One request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The path, segment by segment.
    pub path: &'a [&'a str],
    /// Whether the path is beside `/v1` instead of below it.
    pub beside_v1: bool,
    /// The arguments.
    pub query: &'a [(&'a str, &'a str)],
    /// The value of `OpenStack-API-Version`.
    pub version: Option<&'a str>,
    /// The JSON body.
    pub body: Option<&'a Value>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The request's id, to be found in the service's log and at the operation that it caused.
    pub request_id: Option<String>,
    /// The JSON body; null when there is none, and a text when it is no JSON.
    pub body: Value,
}

impl ContainerInfra {
    /// The address of version 1.
    pub async fn root(&self) -> Result<Url, CloudError> {
        self.0.root().await
    }

    /// Sends a request.
    pub async fn send(&self, request: &Request<'_>) -> Result<Reply, CloudError> {
        let mut call = self.0.call(request.method.clone(), request.path, request.query).await?;
        if request.beside_v1 {
            call.url = self.beside(request.path).await?;
        }
        if let Some(version) = request.version {
            let value = HeaderValue::from_str(version).map_err(|error| CloudError {
                source: Some(Arc::new(error)),
                ..failure(&call, CloudErrorKind::Settings, "the API version is no header value")
            })?;
            call.headers.insert("openstack-api-version", value);
        }
        if let Some(body) = request.body {
            call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            call.body = Some(body.to_string().into());
        }
        let (_, answer) = self.0.send(call).await?;
        Ok(Reply { request_id: request_id(&answer.headers), body: body(&answer.body) })
    }

    /// A page of the server that is not below `/v1`.
    async fn beside(&self, path: &[&str]) -> Result<Url, CloudError> {
        let mut url = with_version(self.0.root().await?, Some("v1"));
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().pop().pop_if_empty().extend(path);
            if path.is_empty() {
                segments.push("");
            }
        }
        Ok(url)
    }
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-openstack-request-id")?.to_str().ok().map(str::to_owned)
}

fn body(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).trim().to_owned()))
}
