//! One service as one session sees it: finds its endpoint, builds URLs, reads JSON.
//!
//! The clients of the services are thin layers over this; path segments and query values are always escaped here,
//! so a name with a slash stays one name.

use crate::{
    catalog::{Interface, Service, with_version},
    error::{CloudError, CloudErrorKind},
    session::Session,
    transport::{Answer, Call, Transport, failure},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use url::Url;

/// The most pages a listing follows (1000 objects each as a rule).
const MAX_PAGES: usize = 100;

/// Which endpoint of a service to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointSettings {
    /// The region; any when absent.
    pub region: Option<String>,
    /// The interface.
    pub interface: Interface,
    /// An address to use instead of the catalog's.
    pub address: Option<String>,
}

/// See the module.
#[derive(Clone)]
pub struct ServiceClient {
    service: Service,
    session: Session,
    transport: Arc<Transport>,
    endpoint: Arc<EndpointSettings>,
    project: Option<String>,
}

pub(crate) type Query<'a> = &'a [(&'a str, &'a str)];

impl ServiceClient {
    /// `service` as `session` reaches it.
    pub fn new(
        service: Service,
        session: Session,
        transport: Arc<Transport>,
        endpoint: Arc<EndpointSettings>,
    ) -> Self {
        Self { service, session, transport, endpoint, project: None }
    }

    /// The same client on another project's part of the service (Heat's URL ends with the project's id).
    #[must_use]
    pub(crate) fn in_project(&self, project_id: &str) -> Self {
        Self { project: Some(project_id.to_owned()), ..self.clone() }
    }

    /// The session it acts for.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The service's address. `NoEndpoint` when the catalog has none.
    pub async fn root(&self) -> Result<Url, CloudError> {
        let url = if let Some(address) = &self.endpoint.address {
            self.parse(address)?
        } else if self.service == Service::Identity {
            self.parse(&self.session.identity_root())?
        } else {
            let facts = self.session.facts().await?;
            let (interface, region) = (self.endpoint.interface, self.endpoint.region.as_deref());
            facts.catalog.url(self.service, interface, region).ok_or_else(|| {
                let text = format!(
                    "the catalog has no {} endpoint of interface {interface:?} in region {}",
                    self.service.types().first().unwrap_or(&""),
                    region.unwrap_or("(any)"),
                );
                CloudError::local(self.service.name(), CloudErrorKind::NoEndpoint, text)
            })?
        };
        let mut url = with_version(url, self.service.version());
        if let (Some(project), Ok(mut segments)) = (&self.project, url.path_segments_mut()) {
            segments.pop_if_empty().pop().push(project);
        }
        Ok(url)
    }

    fn parse(&self, address: &str) -> Result<Url, CloudError> {
        Url::parse(address).map_err(|e| CloudError {
            source: Some(Arc::new(e)),
            ..CloudError::local(
                self.service.name(),
                CloudErrorKind::Settings,
                "the endpoint's address is no URL",
            )
        })
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
    ) -> Result<Call, CloudError> {
        // A URL drops such segments: "show" would become "list", or worse.
        if let Some(odd) = path.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            let text = format!("{odd:?} is neither a name nor an id");
            return Err(CloudError::local(self.service.name(), CloudErrorKind::BadRequest, text));
        }
        let mut url = self.root().await?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Call { service: self.service.name(), method, url, headers, body: None })
    }

    pub(crate) async fn send(&self, mut call: Call) -> Result<(Call, Answer), CloudError> {
        let answer = self.session.send(&self.transport, &mut call).await?;
        Ok((call, answer))
    }

    /// GET and read the JSON answer.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Query<'_>,
    ) -> Result<T, CloudError> {
        let (call, answer) = self.send(self.call(Method::GET, path, query).await?).await?;
        decode(&call, &answer)
    }

    /// GET bytes of another media type.
    pub(crate) async fn get_bytes(&self, path: &[&str], accept: &'static str) -> Result<Bytes, CloudError> {
        let mut call = self.call(Method::GET, path, &[]).await?;
        call.headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        Ok(self.send(call).await?.1.body)
    }

    /// GET with additional headers.
    pub(crate) async fn get_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        headers: &[(&'static str, HeaderValue)],
    ) -> Result<T, CloudError> {
        let mut call = self.call(Method::GET, path, &[]).await?;
        for (name, value) in headers {
            call.headers.insert(*name, value.clone());
        }
        let (call, answer) = self.send(call).await?;
        decode(&call, &answer)
    }

    /// POST, PUT or PATCH a JSON body and read the JSON answer.
    pub(crate) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<T, CloudError> {
        let (call, answer) = self.send_body(method, path, body).await?;
        decode(&call, &answer)
    }

    /// POST, PUT or PATCH a JSON body whose answer does not matter.
    pub(crate) async fn write_only(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<(), CloudError> {
        self.send_body(method, path, body).await.map(drop)
    }

    async fn send_body(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<(Call, Answer), CloudError> {
        let mut call = self.call(method, path, &[]).await?;
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        call.body = Some(body.to_string().into());
        self.send(call).await
    }

    /// DELETE. A missing object is an error here; callers choose.
    pub(crate) async fn delete(&self, path: &[&str], query: Query<'_>) -> Result<(), CloudError> {
        self.delete_with(path, query, &[]).await
    }

    /// DELETE with additional headers.
    pub(crate) async fn delete_with(
        &self,
        path: &[&str],
        query: Query<'_>,
        headers: &[(&'static str, HeaderValue)],
    ) -> Result<(), CloudError> {
        let mut call = self.call(Method::DELETE, path, query).await?;
        for (name, value) in headers {
            call.headers.insert(*name, value.clone());
        }
        self.send(call).await.map(drop)
    }

    /// GET every page of the list under `key`, by the `marker` convention: a page shorter than `limit` is the last.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        key: &str,
        query: Query<'_>,
    ) -> Result<Vec<T>, CloudError> {
        let mut found = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = query.to_vec();
            if let Some(marker) = &marker {
                query.push(("marker", marker));
            }
            let (call, answer) = self.send(self.call(Method::GET, path, &query).await?).await?;
            let mut page: Value = decode(&call, &answer)?;
            let links = format!("{key}_links");
            let more =
                [links.as_str(), "links", "next"].iter().any(|name| page.get(*name).is_some_and(has_next));
            let Some(Value::Array(items)) = page.get_mut(key).map(Value::take) else {
                return Err(failure(&call, CloudErrorKind::Decode, &format!("the answer has no list {key}")));
            };
            let last = items.last().and_then(|item| item.get("id")?.as_str()).map(str::to_owned);
            for item in items {
                found.push(serde_json::from_value(item).map_err(|e| undecodable(&call, e))?);
            }
            if !more || last.is_none() || last == marker {
                return Ok(found);
            }
            marker = last;
        }
        Err(CloudError::local(
            self.service.name(),
            CloudErrorKind::TooLarge,
            format!("{key} has over {MAX_PAGES} pages"),
        ))
    }
}

/// A link to a next page: `[{"rel": "next"}]` (Nova, Neutron, Cinder, Octavia), `{"next": url}` (Keystone), a string (Glance).
fn has_next(links: &Value) -> bool {
    match links {
        Value::Array(links) => links.iter().any(|link| link.get("rel").is_some_and(|rel| rel == "next")),
        Value::Object(links) => links.get("next").is_some_and(Value::is_string),
        Value::String(_) => true,
        _ => false,
    }
}

pub(crate) fn decode<T: DeserializeOwned>(call: &Call, answer: &Answer) -> Result<T, CloudError> {
    serde_json::from_slice(&answer.body).map_err(|e| undecodable(call, e))
}

fn undecodable(call: &Call, source: serde_json::Error) -> CloudError {
    CloudError {
        source: Some(Arc::new(source)),
        ..failure(call, CloudErrorKind::Decode, "the answer is not what the API promises")
    }
}
