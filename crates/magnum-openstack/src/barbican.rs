//! Barbican: certificates and keys, kept as text secrets in a certificate container.
//!
//! Barbican names things by URL ("refs"). Only the id at the end of a ref is used: the host in it is the one that Barbican
//! believes in, which behind a proxy is often unreachable, and a ref read from elsewhere must never receive our token.

use crate::{
    client::ServiceClient,
    error::{CloudError, CloudErrorKind, gone_is_done},
};
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

/// The Key Manager API for one session.
#[derive(Clone)]
pub struct Barbican(pub(crate) ServiceClient);

/// A container: names for a few secrets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Container {
    /// Its ref (a URL that ends with its id).
    pub container_ref: String,
    /// Its name.
    pub name: Option<String>,
    /// `certificate`, `generic` or `rsa`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Its secrets.
    #[serde(default)]
    pub secret_refs: Vec<SecretRef>,
}

/// A secret in a container.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SecretRef {
    /// Its role: `certificate`, `private_key`, `private_key_passphrase`, `intermediates`.
    pub name: Option<String>,
    /// Its ref.
    pub secret_ref: String,
}

#[derive(Deserialize)]
struct SecretAnswer {
    secret_ref: String,
}
#[derive(Deserialize)]
struct ContainerAnswer {
    container_ref: String,
}

impl Container {
    /// The ref of the secret in the role `name`.
    pub fn secret_ref(&self, name: &str) -> Option<&str> {
        self.secret_refs
            .iter()
            .find(|secret| secret.name.as_deref() == Some(name))
            .map(|secret| secret.secret_ref.as_str())
    }
}

/// The id at a ref's end; a bare id is its own.
fn id_of(reference: &str) -> Result<&str, CloudError> {
    let id = reference.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if uuid::Uuid::try_parse(id).is_ok() {
        return Ok(id);
    }
    Err(CloudError::local(
        "barbican",
        CloudErrorKind::BadRequest,
        format!("{reference:?} is no ref of a secret or container"),
    ))
}

impl Barbican {
    /// Stores a text; returns its ref.
    pub async fn secret_create(&self, name: &str, payload: &SecretString) -> Result<String, CloudError> {
        let secret = json!({
            "name": name, "secret_type": "opaque",
            "payload": payload.expose_secret(), "payload_content_type": "text/plain",
        });
        Ok(self.0.write::<SecretAnswer>(Method::POST, &["secrets"], &secret).await?.secret_ref)
    }

    /// A secret's text. `Decode` when it is no UTF-8.
    pub async fn secret_payload(&self, reference: &str) -> Result<SecretString, CloudError> {
        let bytes = self.0.get_bytes(&["secrets", id_of(reference)?, "payload"], "text/plain").await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            CloudError::local("barbican", CloudErrorKind::Decode, "the secret's payload is no text")
        })?;
        Ok(SecretString::from(text))
    }

    /// Deletes a secret; done when there is none.
    pub async fn secret_delete(&self, reference: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["secrets", id_of(reference)?], &[]).await)
    }

    /// Makes a certificate container of stored secrets (role, ref); returns its ref.
    pub async fn container_create(&self, name: &str, secrets: &[(&str, &str)]) -> Result<String, CloudError> {
        let refs: Vec<Value> = secrets
            .iter()
            .map(|(role, reference)| json!({ "name": role, "secret_ref": reference }))
            .collect();
        let container = json!({ "type": "certificate", "name": name, "secret_refs": refs });
        Ok(self.0.write::<ContainerAnswer>(Method::POST, &["containers"], &container).await?.container_ref)
    }

    /// One container. `NotFound` when there is none.
    pub async fn container_get(&self, reference: &str) -> Result<Container, CloudError> {
        self.0.get(&["containers", id_of(reference)?], &[]).await
    }

    /// The containers of a name, to find what a crash left behind.
    pub async fn containers_named(&self, name: &str) -> Result<Vec<Container>, CloudError> {
        const PAGE: usize = 100;
        let mut found = Vec::new();
        // Barbican filters containers by nothing: every page is read, up to 100 000 containers.
        for page in 0..1000 {
            let (limit, offset) = (PAGE.to_string(), (page * PAGE).to_string());
            let answer: Value =
                self.0.get(&["containers"], &[("limit", &limit), ("offset", &offset)]).await?;
            let containers: Vec<Container> =
                serde_json::from_value(answer.get("containers").cloned().unwrap_or_default()).map_err(
                    |_| CloudError::local("barbican", CloudErrorKind::Decode, "the answer has no containers"),
                )?;
            let last = containers.len() < PAGE;
            found.extend(containers.into_iter().filter(|container| container.name.as_deref() == Some(name)));
            if last {
                break;
            }
        }
        Ok(found)
    }

    /// The refs of the secrets of a name.
    pub async fn secrets_named(&self, name: &str) -> Result<Vec<String>, CloudError> {
        let answer: Value = self.0.get(&["secrets"], &[("name", name), ("limit", "100")]).await?;
        let secrets: Vec<SecretAnswer> =
            serde_json::from_value(answer.get("secrets").cloned().unwrap_or_default()).map_err(|_| {
                CloudError::local("barbican", CloudErrorKind::Decode, "the answer has no secrets")
            })?;
        Ok(secrets.into_iter().map(|secret| secret.secret_ref).collect())
    }

    /// Deletes a container, not its secrets; done when there is none.
    pub async fn container_delete(&self, reference: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["containers", id_of(reference)?], &[]).await)
    }

    /// Notes on the container who uses it.
    pub async fn consumer_register(&self, reference: &str, name: &str, url: &str) -> Result<(), CloudError> {
        let consumer = json!({ "name": name, "URL": url });
        self.0.write_only(Method::POST, &["containers", id_of(reference)?, "consumers"], &consumer).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_of_a_ref_is_used() {
        let id = "7ca1f1e6-6f6f-4e4e-9c11-5a4e0a6f0b0a";
        assert_eq!(id_of(&format!("http://evil/v1/secrets/{id}/")).unwrap(), id);
        assert_eq!(id_of(id).unwrap(), id);
        assert_eq!(id_of("http://evil/v1/secrets/../users").unwrap_err().kind, CloudErrorKind::BadRequest);
    }
}
