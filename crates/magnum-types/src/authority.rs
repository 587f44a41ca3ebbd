//! A cluster's certificate authorities, and what a rotation of them has reached.
//!
//! A rotation goes through phases, and every node must have followed before the next one begins. Who speaks to whom
//! can therefore never meet a certificate that it does not trust: first all trust both authorities, then clients show
//! certificates of the new one, then servers, then the old one is dropped.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One of a cluster's authorities (spec 6.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// Signs for users, for the engine's API and for nodes (`ca_cert_ref`).
    Cluster,
    /// Signs for the members of etcd and their clients (`etcd_ca_cert_ref`).
    Etcd,
    /// Signs for what speaks through the API's aggregation layer (`front_proxy_ca_cert_ref`).
    FrontProxy,
}

impl Authority {
    /// Every authority.
    pub const ALL: &'static [Authority] = &[Authority::Cluster, Authority::Etcd, Authority::FrontProxy];

    /// The authority that a request means by `ca_cert_type`; unknown words mean the cluster's own, as they always did.
    pub fn of_type(word: Option<&str>) -> Self {
        match word {
            Some("etcd") => Authority::Etcd,
            Some("front_proxy" | "front-proxy") => Authority::FrontProxy,
            _ => Authority::Cluster,
        }
    }
}

/// How far a rotation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationPhase {
    /// Everybody trusts both; the old one signs.
    Trust,
    /// Clients show certificates of the new one, servers still of the old one.
    Clients,
    /// Servers too. Next, the old one is dropped.
    Servers,
    /// The old one is trusted no more; it is kept on record until it has been taken away.
    Dropped,
}

/// A rotation under way, kept in the cluster's handle. References are those of the certificate store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// How far it is.
    pub phase: RotationPhase,
    /// The authorities before.
    pub old: BTreeMap<Authority, String>,
    /// The authorities after.
    pub new: BTreeMap<Authority, String>,
    /// Magnum's own certificate for the cluster before.
    #[serde(default)]
    pub old_client: Option<String>,
}

impl Rotation {
    /// The reference of the authority that signs certificates now, for servers or for clients.
    pub fn issuer(&self, authority: Authority, serves: bool) -> Option<&str> {
        let new = match self.phase {
            RotationPhase::Trust => false,
            RotationPhase::Clients => !serves,
            RotationPhase::Servers | RotationPhase::Dropped => true,
        };
        let from = if new { &self.new } else { &self.old };
        from.get(&authority).map(String::as_str)
    }

    /// The references of the authorities that are trusted now, the one that servers have their certificates of first.
    pub fn trusted(&self, authority: Authority) -> Vec<&str> {
        let order: &[&BTreeMap<Authority, String>] = match self.phase {
            RotationPhase::Trust | RotationPhase::Clients => &[&self.old, &self.new],
            RotationPhase::Servers => &[&self.new, &self.old],
            RotationPhase::Dropped => &[&self.new],
        };
        order.iter().filter_map(|refs| refs.get(&authority)).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_a_phase_is_trusted_in_the_phase_before() {
        let of = |name: &str| BTreeMap::from([(Authority::Cluster, name.to_owned())]);
        let rotation = |phase| Rotation { phase, old: of("old"), new: of("new"), old_client: None };
        for phase in [RotationPhase::Trust, RotationPhase::Clients, RotationPhase::Servers] {
            let now = rotation(phase);
            let mut trusted = now.trusted(Authority::Cluster);
            assert_eq!(trusted.first(), now.issuer(Authority::Cluster, true).as_ref(), "{phase:?}");
            trusted.sort_unstable();
            assert_eq!(trusted, ["new", "old"], "{phase:?}");
        }
        assert_eq!(rotation(RotationPhase::Clients).issuer(Authority::Cluster, false), Some("new"));
        assert_eq!(rotation(RotationPhase::Clients).issuer(Authority::Etcd, false), None);
    }
}
