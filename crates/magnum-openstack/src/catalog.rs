//! The service catalog: from "Heat, internal, RegionOne" to a URL.
//!
//! A service type has had several names over the years and an interface two spellings each; both are matched here,
//! so that operators' old settings and old catalogs keep working.

use serde::{Deserialize, Serialize};
use url::Url;

/// The services Magnum calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Keystone.
    Identity,
    /// Heat.
    Orchestration,
    /// Nova.
    Compute,
    /// Neutron.
    Network,
    /// Glance.
    Image,
    /// Cinder.
    BlockStorage,
    /// Octavia.
    LoadBalancer,
    /// Barbican.
    KeyManager,
    /// Magnum itself, for the address given to nodes.
    ContainerInfra,
}

impl Service {
    /// Every service, in the order of `Service::index`.
    pub const ALL: [Self; 9] = [
        Self::Identity,
        Self::Orchestration,
        Self::Compute,
        Self::Network,
        Self::Image,
        Self::BlockStorage,
        Self::LoadBalancer,
        Self::KeyManager,
        Self::ContainerInfra,
    ];

    /// The project's name, used in messages and to name the settings' section (`heat` is `[heat_client]`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "keystone",
            Self::Orchestration => "heat",
            Self::Compute => "nova",
            Self::Network => "neutron",
            Self::Image => "glance",
            Self::BlockStorage => "cinder",
            Self::LoadBalancer => "octavia",
            Self::KeyManager => "barbican",
            Self::ContainerInfra => "magnum",
        }
    }

    /// The catalog's types of this service, the preferred one first.
    pub fn types(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["identity"],
            Self::Orchestration => &["orchestration"],
            Self::Compute => &["compute"],
            Self::Network => &["network"],
            Self::Image => &["image"],
            Self::BlockStorage => &["block-storage", "volumev3", "block-store", "volume"],
            Self::LoadBalancer => &["load-balancer"],
            Self::KeyManager => &["key-manager"],
            Self::ContainerInfra => &[
                "container-infra",
                "container-infrastructure-management",
                "container-infrastructure",
                "container",
            ],
        }
    }

    /// The version segment that clients add to an endpoint without one.
    pub(crate) fn version(self) -> Option<&'static str> {
        match self {
            Self::Identity => Some("v3"),
            Self::Network | Self::LoadBalancer => Some("v2.0"),
            Self::Image => Some("v2"),
            Self::KeyManager | Self::ContainerInfra => Some("v1"),
            Self::Compute => Some("v2.1"),
            // These carry the project in their URL: the catalog alone knows the whole.
            Self::Orchestration | Self::BlockStorage => None,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// From where an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Interface {
    /// Tenants.
    #[default]
    Public,
    /// The services among themselves.
    Internal,
    /// Operators.
    Admin,
}

impl Interface {
    /// Reads both spellings, `public` and `publicURL`, in any case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        match lower.strip_suffix("url").unwrap_or(&lower) {
            "public" => Some(Self::Public),
            "internal" => Some(Self::Internal),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// The catalog that came with a token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalog(pub Vec<CatalogEntry>);

/// One service of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// Its type, such as `orchestration`.
    #[serde(rename = "type", default)]
    pub service_type: String,
    /// Its name, such as `heat`.
    #[serde(default)]
    pub name: Option<String>,
    /// Its addresses.
    #[serde(default)]
    pub endpoints: Vec<CatalogEndpoint>,
}

/// One address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEndpoint {
    /// `public`, `internal` or `admin`.
    #[serde(default)]
    pub interface: String,
    /// The region's id.
    #[serde(default)]
    pub region_id: Option<String>,
    /// The region under its older key.
    #[serde(default)]
    pub region: Option<String>,
    /// The address.
    #[serde(default)]
    pub url: String,
}

impl Catalog {
    /// The URL of `service`; without a region the first one listed. `None` when there is none or it is no URL.
    pub fn url(&self, service: Service, interface: Interface, region: Option<&str>) -> Option<Url> {
        service.types().iter().find_map(|wanted| {
            let entries = self.0.iter().filter(|entry| entry.service_type.eq_ignore_ascii_case(wanted));
            entries.flat_map(|entry| &entry.endpoints).find_map(|endpoint| {
                let here = match region.filter(|region| !region.is_empty()) {
                    None => true,
                    some => endpoint.region_id.as_deref() == some || endpoint.region.as_deref() == some,
                };
                let reachable = Interface::parse(&endpoint.interface) == Some(interface);
                (here && reachable).then(|| Url::parse(&endpoint.url).ok()).flatten()
            })
        })
    }

    /// True when the catalog lists the service at all.
    pub fn has(&self, service: Service) -> bool {
        self.0.iter().any(|entry| service.types().iter().any(|t| entry.service_type.eq_ignore_ascii_case(t)))
    }
}

/// Adds the version segment unless the path has one.
pub(crate) fn with_version(mut url: Url, version: Option<&str>) -> Url {
    let is_version = |segment: &str| {
        segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let versioned = url.path_segments().into_iter().flatten().any(is_version);
    if let (false, Some(version)) = (versioned, version)
        && let Ok(mut segments) = url.path_segments_mut()
    {
        segments.pop_if_empty().push(version);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        serde_json::from_str(
            r#"[{"type":"volumev3","name":"cinderv3","endpoints":[
                 {"interface":"public","region":"One","region_id":"One","url":"http://one/v3/p"},
                 {"interface":"internal","region":"One","region_id":"One","url":"http://one-in/v3/p"},
                 {"interface":"public","region_id":"Two","url":"http://two/v3/p","extra":1}]},
                {"type":"container","endpoints":[{"interface":"publicURL","url":"http://magnum"}]}]"#,
        )
        .unwrap()
    }

    #[test]
    fn an_endpoint_is_chosen_by_type_interface_and_region() {
        let find =
            |interface, region| catalog().url(Service::BlockStorage, interface, region).map(String::from);
        assert_eq!(find(Interface::Public, Some("Two")).as_deref(), Some("http://two/v3/p"));
        assert_eq!(find(Interface::Internal, Some("One")).as_deref(), Some("http://one-in/v3/p"));
        assert_eq!(find(Interface::Public, None).as_deref(), Some("http://one/v3/p"));
        assert_eq!(find(Interface::Internal, Some("Two")), None);
    }

    #[test]
    fn old_type_names_and_interface_spellings_are_understood() {
        assert!(catalog().url(Service::ContainerInfra, Interface::Public, None).is_some());
        assert!(catalog().has(Service::BlockStorage) && !catalog().has(Service::LoadBalancer));
        assert_eq!(Interface::parse("internalURL"), Some(Interface::Internal));
        assert_eq!(Interface::parse("nowhere"), None);
    }

    #[test]
    fn a_version_is_added_only_where_none_is() {
        for (url, expected) in [
            ("http://n:9696", "http://n:9696/v2.0"),
            ("http://n/network/", "http://n/network/v2.0"),
            ("http://n/v2.0", "http://n/v2.0"),
        ] {
            assert_eq!(with_version(Url::parse(url).unwrap(), Some("v2.0")).as_str(), expected);
        }
    }
}
