//! The kubelet and kube-proxy of every node. The kubelet answers nobody without a certificate or a token that the API
//! knows, and has no other port.

use super::{
    Planned,
    control_plane::Component,
    kubeconfig,
    trust::{authority, pair},
};
use crate::{
    kubernetes::{
        identity::{KUBE_PROXY, KUBELET, KUBELET_SERVER},
        shape::{dns_address, value},
    },
    plan_steps::file,
    stack_values::label,
};
use magnum_types::{Authority, plan::PlanStep};
use serde_json::{Value, json};

const CONFIG: &str = "/etc/kubernetes/kubelet-config.yaml";
const PROXY_CONFIG: &str = "/etc/kubernetes/kube-proxy-config.yaml";
const SOCKET: &str = "unix:///run/containerd/containerd.sock";

impl Planned<'_> {
    pub(super) fn kubelet(&self) -> Vec<PlanStep> {
        let ca = authority(Authority::Cluster);
        let mut steps = vec![file("kubelet options", CONFIG, 0o644, self.kubelet_config())];
        let ((client, _), (server, _)) = (pair(KUBELET), pair(KUBELET_SERVER));
        let config = kubeconfig(KUBELET);
        let watched = [CONFIG, &ca, &client, &server, &config];
        steps.extend(self.component(KUBELET, &self.kubelet_unit(), "Kubernetes node agent", &watched));
        steps
    }

    pub(super) fn proxy(&self) -> Vec<PlanStep> {
        let mut steps = vec![file("proxy options", PROXY_CONFIG, 0o644, self.proxy_config())];
        let (own, _) = pair(KUBE_PROXY);
        let config = kubeconfig(KUBE_PROXY);
        let watched = [PROXY_CONFIG, &authority(Authority::Cluster), &own, &config];
        steps.extend(self.component("kube-proxy", &self.proxy_unit(), "Kubernetes service proxy", &watched));
        steps
    }

    fn kubelet_unit(&self) -> Component {
        let labels = &self.inputs.cluster.labels;
        let node = self.node();
        let mut kubelet = Component::new(self.program("kubelet"));
        for (name, value) in [
            ("config", CONFIG),
            ("kubeconfig", &kubeconfig(KUBELET)),
            ("hostname-override", &node.name),
            ("node-ip", &node.address),
        ] {
            kubelet.flag(name, value);
        }
        let own: Vec<String> = self
            .group_labels(self.group())
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !own.is_empty() {
            kubelet.flag("node-labels", &own.join(","));
        }
        if self.minor.names_runtime {
            kubelet.flag("container-runtime", "remote");
        }
        if !self.minor.socket_in_config {
            kubelet.flag("container-runtime-endpoint", SOCKET);
        }
        if !self.minor.taints_in_config {
            let taints = self.taints(node.role, self.group());
            if !taints.is_empty() {
                // kubectl writes `key:Effect`, this flag `key=:Effect`.
                let taints: Vec<String> = taints
                    .into_iter()
                    .map(|taint| if taint.contains('=') { taint } else { taint.replacen(':', "=:", 1) })
                    .collect();
                kubelet.flag("register-with-taints", &taints.join(","));
            }
        }
        if self.has_cloud() {
            kubelet.flag("cloud-provider", "external");
        }
        kubelet.options(label(labels, "kubelet_options").unwrap_or_default());
        kubelet.with(
            "Delegate=yes\nKillMode=process\n\
             ExecStartPre=-/sbin/modprobe br_netfilter\nExecStartPre=-/sbin/modprobe overlay\n\
             ExecStartPre=-/sbin/sysctl -q -w net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1\n\
             ExecStartPre=-/sbin/swapoff -a\n",
        )
    }

    fn kubelet_config(&self) -> String {
        let labels = &self.inputs.cluster.labels;
        let (certificate, key) = pair(KUBELET_SERVER);
        let mut config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": false},
                "webhook": {"enabled": true},
                "x509": {"clientCAFile": authority(Authority::Cluster)},
            },
            "authorization": {"mode": "Webhook"},
            "readOnlyPort": 0,
            "rotateCertificates": false,
            "tlsCertFile": certificate,
            "tlsPrivateKeyFile": key,
            "tlsMinVersion": "VersionTLS12",
            "cgroupDriver": self.cgroup_driver(),
            "failSwapOn": false,
            "clusterDNS": [dns_address(labels)],
            "clusterDomain": value(labels, "dns_cluster_domain"),
            "providerID": format!("openstack:///{}", self.node().instance_id),
        });
        let Some(fields) = config.as_object_mut() else { return String::new() };
        // Where a stub on the machine answers names, pods need what is behind it.
        if matches!(
            self.inputs.template.cluster_distro.as_deref(),
            Some("ubuntu" | "fedora-coreos" | "flatcar")
        ) {
            fields.insert("resolvConf".to_owned(), json!("/run/systemd/resolve/resolv.conf"));
        }
        if self.minor.socket_in_config {
            fields.insert("containerRuntimeEndpoint".to_owned(), json!(SOCKET));
        }
        if self.minor.taints_in_config {
            let taints = self.taints(self.node().role, self.group());
            if !taints.is_empty() {
                let taints: Vec<Value> = taints.iter().filter_map(|taint| as_object(taint)).collect();
                fields.insert("registerWithTaints".to_owned(), json!(taints));
            }
        }
        format!("{config:#}\n")
    }

    fn proxy_unit(&self) -> Component {
        let mut proxy = Component::new(self.program("kube-proxy"));
        proxy.flag("config", PROXY_CONFIG);
        proxy.options(label(&self.inputs.cluster.labels, "kubeproxy_options").unwrap_or_default());
        proxy.with("ExecStartPre=-/sbin/modprobe br_netfilter\n")
    }

    fn proxy_config(&self) -> String {
        let config = json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": self.pods(),
            "hostnameOverride": self.node().name,
            "metricsBindAddress": "127.0.0.1:10249",
            "clientConnection": {"kubeconfig": kubeconfig(KUBE_PROXY)},
        });
        format!("{config:#}\n")
    }
}

/// `key=value:Effect` as the API writes it.
fn as_object(taint: &str) -> Option<Value> {
    let (what, effect) = taint.rsplit_once(':')?;
    let (key, value) = what.split_once('=').unwrap_or((what, ""));
    Some(match value {
        "" => json!({"key": key, "effect": effect}),
        value => json!({"key": key, "value": value, "effect": effect}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taint_is_written_as_the_api_wants_it() {
        assert_eq!(
            as_object("gpu=yes:NoExecute"),
            Some(json!({"key": "gpu", "value": "yes", "effect": "NoExecute"}))
        );
        assert_eq!(as_object("gpu:NoSchedule"), Some(json!({"key": "gpu", "effect": "NoSchedule"})));
        assert_eq!(as_object("gpu"), None);
    }
}
