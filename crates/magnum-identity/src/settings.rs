//! What the identity service is told when it is opened.

use crate::error::IdentityError;
use std::{path::PathBuf, time::Duration};
use url::Url;

/// One service of the catalog, at one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The service's type, such as `container-infra`.
    pub service_type: String,
    /// The service's name, such as `magnum`.
    pub name: String,
    /// The interface.
    pub interface: CatalogInterface,
    /// The address. `%(project_id)s` stands for the token's project; tokens without one do not list such an address.
    pub url: String,
}

impl CatalogEntry {
    /// The service at all three interfaces under one address.
    pub fn everywhere(service_type: &str, name: &str, url: &str) -> [Self; 3] {
        CatalogInterface::ALL.map(|interface| Self {
            service_type: service_type.to_owned(),
            name: name.to_owned(),
            interface,
            url: url.to_owned(),
        })
    }
}

/// From where an address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogInterface {
    /// Users.
    Public,
    /// The services among themselves.
    Internal,
    /// Operators.
    Admin,
}

impl CatalogInterface {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Public, Self::Internal, Self::Admin];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// Where `users.yaml`, `identity.json` and `token.key` are; made (mode 700) if it is not there.
    pub directory: PathBuf,
    /// The address of this service's v3 root as users reach it, such as `https://127.0.0.1:9511/identity/v3`.
    pub public_url: String,
    /// The other services. The identity service itself is added unless it is among them.
    pub catalog: Vec<CatalogEntry>,
    /// How long a token lives: a minute to a day.
    pub token_life: Duration,
    /// The one region's id.
    pub region: String,
}

impl IdentitySettings {
    /// Tokens of one hour and `RegionOne`, with no other service in the catalog.
    pub fn new(directory: impl Into<PathBuf>, public_url: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            public_url: public_url.into(),
            catalog: Vec::new(),
            token_life: Duration::from_secs(3600),
            region: "RegionOne".to_owned(),
        }
    }

    /// The settings in order: the address without a slash at its end, and itself in the catalog.
    pub(crate) fn checked(mut self) -> Result<Self, IdentityError> {
        let wrong = |name, problem: &str| IdentityError::Setting { name, problem: problem.to_owned() };
        self.public_url = self.public_url.trim_end_matches('/').to_owned();
        let url = Url::parse(&self.public_url).map_err(|error| wrong("public_url", &error.to_string()))?;
        if !url.has_host() || !url.path().ends_with("/v3") {
            return Err(wrong("public_url", "it must be an address that ends with /v3"));
        }
        if !(60..=86_400).contains(&self.token_life.as_secs()) {
            return Err(wrong("token_life", "it must be between a minute and a day"));
        }
        if self.region.is_empty() {
            return Err(wrong("region", "it is empty"));
        }
        if !self.catalog.iter().any(|entry| entry.service_type == "identity") {
            self.catalog.extend(CatalogEntry::everywhere("identity", "keystone", &self.public_url));
        }
        Ok(self)
    }
}
