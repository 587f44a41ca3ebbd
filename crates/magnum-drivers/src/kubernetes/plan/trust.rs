//! Whom a node trusts, who it is, and how its components say so to the API.

use super::{PKI, Planned, kubeconfig};
use crate::{
    kubernetes::{
        SERVICE_ACCOUNT_KEY,
        identity::{self, *},
    },
    plan_steps::{MINUTE, file, step},
};
use magnum_types::{
    Authority, Role,
    plan::{Action, PlanStep},
};
use serde_json::json;

/// Path of an authority's certificates.
pub(super) fn authority(authority: Authority) -> String {
    let name = match authority {
        Authority::Cluster => "ca",
        Authority::Etcd => "etcd-ca",
        Authority::FrontProxy => "front-proxy-ca",
    };
    format!("{PKI}/{name}.crt")
}

/// Paths of an identity's certificate and key.
pub(super) fn pair(identity: &str) -> (String, String) {
    (format!("{PKI}/{identity}.crt"), format!("{PKI}/{identity}.key"))
}

/// Path of the key that signs the tokens of service accounts.
pub(super) const SERVICE_ACCOUNTS: &str = "/etc/kubernetes/pki/service-accounts.key";

impl Planned<'_> {
    /// Certificates to trust, the node's own, and the components' ways to the API.
    pub(super) fn trust(&self) -> Vec<PlanStep> {
        let master = self.node().role == Role::Master;
        let mut steps = vec![self.authority_file("cluster authority", Authority::Cluster)];
        let mut identities = vec![KUBELET, KUBELET_SERVER, KUBE_PROXY];
        let mut speakers = vec![KUBELET, KUBE_PROXY];
        if master {
            steps.push(self.authority_file("etcd authority", Authority::Etcd));
            steps.push(self.authority_file("front proxy authority", Authority::FrontProxy));
            let key = self.inputs.facts.get(SERVICE_ACCOUNT_KEY).cloned().unwrap_or_default();
            steps.push(file("service account key", SERVICE_ACCOUNTS, 0o600, key));
            identities.extend([
                API_SERVER,
                API_SERVER_KUBELET,
                API_SERVER_ETCD,
                CONTROLLERS,
                SCHEDULER,
                ADMIN,
            ]);
            identities.extend([FRONT_PROXY, ETCD_SERVER, ETCD_PEER]);
            speakers.extend([CONTROLLERS, SCHEDULER, ADMIN]);
        }
        steps.extend(identities.into_iter().filter_map(|name| self.certificate(name)));
        steps.extend(speakers.into_iter().map(|name| self.kubeconfig(name)));
        steps
    }

    fn authority_file(&self, name: &str, which: Authority) -> PlanStep {
        file(name, &authority(which), 0o644, self.inputs.authorities.trusted(which).to_owned())
    }

    fn certificate(&self, name: &str) -> Option<PlanStep> {
        let wanted = identity::identity(self.inputs, name)?;
        let (certificate, key) = pair(name);
        let revision = identity::revision(self.inputs, &wanted);
        let action = Action::Certificate { identity: name.to_owned(), key, certificate, revision };
        Some(step(&format!("certificate {name}"), 10 * MINUTE, action))
    }

    fn kubeconfig(&self, name: &str) -> PlanStep {
        let (certificate, key) = pair(name);
        let document = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": {
                "server": format!("https://{}", self.api),
                "certificate-authority": authority(Authority::Cluster),
            }}],
            "users": [{"name": "self", "user": {"client-certificate": certificate, "client-key": key}}],
            "contexts": [{"name": "self", "context": {"cluster": "cluster", "user": "self"}}],
            "current-context": "self",
        });
        file(&format!("kubeconfig {name}"), &kubeconfig(name), 0o600, format!("{document:#}\n"))
    }
}
