//! The add-ons in a plan: the acting master applies the manifests of those that are wanted, and takes away what it once
//! applied and nobody wants any more. None of them keeps a node from being ready, except those that act by the cluster's
//! credential while that is being replaced.

use super::Planned;
use crate::{
    inputs::CloudCredential,
    kubernetes::{
        ADDON,
        addons::{self, Addon, AddonInputs},
        shape::{dns_address, network_driver, port, value},
    },
    plan_steps::{MINUTE, optional, step},
};
use magnum_types::{
    nodegroup::DEFAULT_WORKER,
    plan::{Action, PlanStep, Text},
};
use secrecy::ExposeSecret as _;

/// The set that masters and nodes cannot do without.
const RULES: &str = "rbac";

impl Planned<'_> {
    /// The few rules that the API needs before anything else.
    pub(super) fn rules(&self) -> Option<PlanStep> {
        let rules = self.sets().into_iter().find(|addon| addon.set == RULES)?;
        Some(step("access rules", 10 * MINUTE, self.apply(rules)))
    }

    pub(super) fn addons(&self) -> Vec<PlanStep> {
        let applied = |addon: &Addon| {
            self.inputs.facts.get(&format!("{ADDON}{}", addon.set)).is_some_and(|state| state == "on")
        };
        let due = |addon: &Addon| addon.set != RULES && (!addon.manifest.is_empty() || applied(addon));
        let mut acting = Vec::new();
        let mut steps = Vec::new();
        for addon in self.sets().into_iter().filter(due) {
            let name = format!("add-on {}", addon.set);
            // Whoever still acts by the credential before would lose the cloud when that one ends.
            let must = self.inputs.cloud_is_new && addon.needs_cloud;
            acting.extend(addon.acting.iter().filter(|_| must).cloned());
            let make = if must { step } else { optional };
            steps.push(make(&name, 3 * MINUTE, self.apply(addon)));
        }
        if self.inputs.cloud_is_new {
            let rolled_out = Action::KubeRolledOut { kubectl: self.admin(), workloads: acting };
            steps.push(step("new credential in use", 10 * MINUTE, rolled_out));
        }
        steps
    }

    fn apply(&self, addon: Addon) -> Action {
        Action::KubeApply {
            kubectl: self.admin(),
            set: addon.set.to_owned(),
            manifest: Text(addon.manifest),
            absent: addon.absent,
            client_side: addon.client_side,
        }
    }

    fn sets(&self) -> Vec<Addon> {
        let inputs = self.inputs;
        let (cluster, template, labels) = (inputs.cluster, inputs.template, &inputs.cluster.labels);
        let uuid = cluster.uuid.to_string();
        let dns = dns_address(labels);
        let api = self.api_inside();
        let workers = inputs.nodegroups.iter().find(|group| group.name == DEFAULT_WORKER);
        let cloud = inputs.cloud.map(|cloud| match cloud {
            CloudCredential::Trust { user_id, password, trust_id } => addons::CloudCredential::Trust {
                user_id,
                password: password.expose_secret(),
                trust_id: trust_id.expose_secret(),
            },
            CloudCredential::Application { id, secret } => {
                addons::CloudCredential::Application { id, secret: secret.expose_secret() }
            }
        });
        addons::addons(&AddonInputs {
            labels,
            minor: self.minor,
            network_driver: network_driver(template),
            cinder: template.volume_driver.as_deref() == Some("cinder"),
            cluster_uuid: &uuid,
            pod_cidr: self.pods(),
            node_cidr_length: value(labels, "flannel_network_subnetlen").parse().unwrap_or(24),
            dns_ip: &dns,
            cluster_domain: value(labels, "dns_cluster_domain"),
            api_host: &api,
            api_port: port(template),
            keystone_url: &self.settings.keystone_url,
            openstack_ca: &self.settings.openstack_ca,
            region: &self.settings.region,
            project_id: &cluster.project_id,
            external_network_id: template.external_network_id.as_deref().unwrap_or_default(),
            subnet_id: cluster.fixed_subnet.as_deref().unwrap_or_default(),
            node_count: workers.map_or(0, |group| group.node_count),
            max_node_count: workers.and_then(|group| group.max_node_count),
            cloud,
        })
    }
}
