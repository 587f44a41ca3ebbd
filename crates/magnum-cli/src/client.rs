//! Magnum's API as the commands use it.

use crate::{
    cloud::Settings,
    error::{CliError, Kind, Result},
    screen::Screen,
};
use http::Method;
use magnum_openstack::container_infra::{ContainerInfra, Reply, Request};
use serde_json::{Value, json};

/// Pages that a list follows at most; a page is a thousand objects as a rule.
const MAX_PAGES: usize = 1000;

/// See the module.
#[derive(Clone)]
pub struct Api {
    infra: ContainerInfra,
    version: String,
    debug: bool,
}

/// An argument of a request.
pub type Argument = (&'static str, String);

/// Arguments of a request.
pub type Query = Vec<Argument>;

impl Api {
    /// The API behind `infra`, in the version that the settings ask for.
    pub fn new(infra: ContainerInfra, settings: &Settings, debug: bool) -> Self {
        let version = match settings.get("container_infra_api_version") {
            // The old client's `1` means whatever the server has.
            None | Some("1" | "latest") => "latest",
            Some(version) => version,
        };
        Self { infra, version: format!("container-infra {version}"), debug }
    }

    /// GET one object.
    pub async fn get(&self, path: &[&str], query: &[Argument]) -> Result<Value> {
        Ok(self.send(Method::GET, path, query, None).await?.body)
    }

    /// POST an object.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Reply> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// PATCH by an object or a list of operations, or by nothing.
    pub async fn patch(&self, path: &[&str], query: &[Argument], body: Option<&Value>) -> Result<Reply> {
        self.send(Method::PATCH, path, query, body).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &[&str]) -> Result<Reply> {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// A page that is not below `/v1`.
    pub async fn get_beside_v1(&self, path: &[&str]) -> Result<Value> {
        let request =
            Request { method: Method::GET, path, beside_v1: true, query: &[], version: None, body: None };
        Ok(self.exchange(&request).await?.body)
    }

    /// The objects of a list, page after page. With a `limit` in the query that many at most.
    pub async fn list(&self, path: &[&str], collection: &str, query: &[Argument]) -> Result<Vec<Value>> {
        let wanted = query.iter().find(|(name, _)| *name == "limit");
        let wanted = wanted.and_then(|(_, limit)| limit.parse::<usize>().ok());
        let mut items = Vec::new();
        let mut query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        for _ in 0..MAX_PAGES {
            let borrowed: Vec<(&str, &str)> = query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let request = Request {
                method: Method::GET,
                path,
                beside_v1: false,
                query: &borrowed,
                version: Some(&self.version),
                body: None,
            };
            let mut page = self.exchange(&request).await?.body;
            let Some(Value::Array(found)) = page.get_mut(collection).map(Value::take) else {
                return Err(CliError::new(Kind::Failed, format!("the answer has no list {collection}"))
                    .advise("check that the address is Magnum's"));
            };
            items.extend(found);
            if wanted.is_some_and(|wanted| items.len() >= wanted) {
                items.truncate(wanted.unwrap_or(usize::MAX));
                return Ok(items);
            }
            // Only its arguments: behind a proxy the address may be one that this machine does not reach.
            let next = page.get("next").and_then(Value::as_str).and_then(|next| next.split_once('?'));
            let Some((_, next)) = next else { return Ok(items) };
            query = url::form_urlencoded::parse(next.as_bytes()).into_owned().collect();
        }
        Err(CliError::new(Kind::Failed, format!("{collection} has over {MAX_PAGES} pages"))
            .advise("give a --limit"))
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[Argument],
        body: Option<&Value>,
    ) -> Result<Reply> {
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let version = Some(self.version.as_str());
        self.exchange(&Request { method, path, beside_v1: false, query: &query, version, body }).await
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Reply> {
        if self.debug {
            Screen::process().note(&spoken(request));
        }
        let reply = self.infra.send(request).await;
        if self.debug {
            let words = match &reply {
                Ok(reply) => format!("< ok, {}", reply.request_id.as_deref().unwrap_or("no request id")),
                Err(error) => format!("< {error}"),
            };
            Screen::process().note(&words);
        }
        Ok(reply?)
    }
}

/// A request as `--debug` shows it: without the token, and without values that may be secrets.
fn spoken(request: &Request<'_>) -> String {
    let mut text = format!("> {} ", request.method);
    if !request.beside_v1 {
        text.push_str("/v1");
    }
    for segment in request.path {
        text.push('/');
        text.push_str(segment);
    }
    for (number, (name, value)) in request.query.iter().enumerate() {
        text.push_str(&format!("{}{name}={value}", if number == 0 { '?' } else { '&' }));
    }
    if let Some(version) = request.version {
        text.push_str(&format!("\n> OpenStack-API-Version: {version}"));
    }
    text.push_str("\n> X-Auth-Token: (hidden)");
    if let Some(body) = request.body {
        text.push_str(&format!("\n> {}", hidden(body)));
    }
    text
}

/// A body whose labels keep their names only: registries' passwords are labels, too.
fn hidden(body: &Value) -> Value {
    const HIDDEN: &str = "(hidden)";
    match body {
        Value::Array(operations) => operations
            .iter()
            .map(|operation| {
                let mut operation = operation.clone();
                let of_labels = operation
                    .get("path")
                    .and_then(Value::as_str)
                    .is_some_and(|path| path.starts_with("/labels"));
                if let (true, Some(value)) = (of_labels, operation.get_mut("value")) {
                    *value = json!(HIDDEN);
                }
                operation
            })
            .collect(),
        Value::Object(fields) => {
            let mut fields = fields.clone();
            if let Some(Value::Object(labels)) = fields.get_mut("labels") {
                labels.values_mut().for_each(|value| *value = json!(HIDDEN));
            }
            if let Some(csr) = fields.get_mut("csr") {
                *csr = json!("(a certificate request)");
            }
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debug_shows_holds_no_label_and_no_token() {
        let body = json!({"name": "c1", "labels": {"admin_password": "geheim"}, "csr": "-----BEGIN"});
        let request = Request {
            method: Method::POST,
            path: &["clusters"],
            beside_v1: false,
            query: &[("limit", "1")],
            version: Some("container-infra latest"),
            body: Some(&body),
        };
        let text = spoken(&request);
        assert!(text.starts_with("> POST /v1/clusters?limit=1\n"), "{text}");
        assert!(text.contains("admin_password") && text.contains("c1"), "{text}");
        assert!(!text.contains("geheim") && !text.contains("BEGIN"), "{text}");
        let patch = json!([{"op": "replace", "path": "/labels/admin_password", "value": "geheim"}]);
        assert!(!hidden(&patch).to_string().contains("geheim"));
    }
}
