//! The container runtime: containerd with its plugins' directory, its registry settings, and images that the machine
//! brings. And the programs of the release, from the image or from where the operator keeps them.

use super::Planned;
use crate::{
    kubernetes::{shape::value, versions::Containerd},
    plan_steps::{MINUTE, file, programs, proxies, step, unit},
    stack_values::label,
};
use magnum_types::{
    Role,
    plan::{Action, PlanStep},
};

const CONFIG: &str = "/etc/containerd/config.toml";
const DROP_IN: &str = "/etc/systemd/system/containerd.service.d/magnum.conf";
/// Run before containerd: fails with the remedy where it is not of the release's kubelet.
const CHECK: (&str, &str) =
    ("/etc/magnum/check-runtime", include_str!("../../../assets/kubernetes/check-runtime"));
/// Where containerd and the network drivers' own installers agree that CNI plugins are.
pub(super) const CNI_BIN: &str = "/opt/cni/bin";
/// Where distributions put them.
const CNI_CANDIDATES: &[&str] = &["/usr/lib/cni", "/usr/libexec/cni", "/opt/cni/plugins"];
/// What stands for a release where the operator pins them.
const CNI: &str = "cni";
/// The plugins that every network driver uses.
const PLUGINS: &[&str] = &["bridge", "host-local", "loopback", "portmap"];
/// Where an image may bring programs of a release.
const BIN_CANDIDATES: &[&str] = &["/usr/local/bin", "/usr/bin"];
/// Archives of container images that the machine's image brings.
const IMAGES: &str = "/opt/images";

impl Planned<'_> {
    /// Volumes that the stack gave the node.
    pub(super) fn volumes(&self) -> Vec<PlanStep> {
        let own = self.group().and_then(|group| group.docker_volume_size);
        let size = own.or(self
            .inputs
            .cluster
            .docker_volume_size
            .filter(|_| self.group().is_none_or(|g| g.is_default)));
        if size.is_none_or(|size| size < 1) {
            return Vec::new();
        }
        // The node knows its volume's id from the stack.
        let action = Action::Volume {
            volume_id: String::new(),
            mount: "/var/lib/containerd".to_owned(),
            file_system: "ext4".to_owned(),
        };
        vec![step("runtime volume", 10 * MINUTE, action)]
    }

    pub(super) fn runtime(&self) -> Vec<PlanStep> {
        let labels = &self.inputs.cluster.labels;
        let mut steps = vec![
            file("runtime options", CONFIG, 0o644, self.containerd_config()),
            file("runtime check", CHECK.0, 0o644, CHECK.1.to_owned()),
            file("runtime unit", DROP_IN, 0o644, self.containerd_unit()),
        ];
        if let Some(registry) =
            self.inputs.template.insecure_registry.as_deref().filter(|name| !name.is_empty())
        {
            let path = format!("/etc/containerd/certs.d/{registry}/hosts.toml");
            let content = format!("server = \"http://{registry}\"\n[host.\"http://{registry}\"]\n");
            steps.push(file("insecure registry", &path, 0o644, content));
        }
        match label(labels, "containerd_tarball_url") {
            Some(url) => {
                let sha256 = value(labels, "containerd_tarball_sha256").to_owned();
                let action = Action::Archive { url: url.to_owned(), sha256, directory: "/".to_owned() };
                steps.push(step("runtime archive", 15 * MINUTE, action));
            }
            None => {
                let wanted = [("containerd", "containerd"), ("runc", "runc")];
                let action = Action::Packages { programs: programs(&wanted) };
                steps.push(step("runtime packages", 15 * MINUTE, action));
            }
        }
        steps.extend(PLUGINS.iter().map(|plugin| {
            // They have no releases of their own that Kubernetes' would name.
            let (url, sha256) = self.settings.pinned(plugin, CNI);
            let action = Action::Program {
                path: format!("{CNI_BIN}/{plugin}"),
                candidates: CNI_CANDIDATES.iter().map(|place| format!("{place}/{plugin}")).collect(),
                says: String::new(),
                named: Vec::new(),
                url,
                sha256,
            };
            step(&format!("network plugin {plugin}"), 5 * MINUTE, action)
        }));
        steps.push(unit("runtime", "containerd.service", &[CONFIG, DROP_IN]));
        let images = Action::Images { directory: IMAGES.to_owned() };
        steps.push(step("container images", 15 * MINUTE, images));
        steps
    }

    pub(super) fn cgroup_driver(&self) -> &str {
        label(&self.inputs.cluster.labels, "cgroup_driver").unwrap_or(self.minor.cgroup_driver)
    }

    fn containerd_config(&self) -> String {
        let labels = &self.inputs.cluster.labels;
        let prefix = label(labels, "container_infra_prefix").unwrap_or(self.minor.registry);
        let pause = label(labels, "pause_tag").unwrap_or(self.minor.pause);
        let systemd = self.cgroup_driver() == "systemd";
        // containerd 2 reads version 2 too, and takes it over.
        let cri = "plugins.\"io.containerd.grpc.v1.cri\"";
        format!(
            "version = 2\n\
             [{cri}]\n  sandbox_image = \"{prefix}pause:{pause}\"\n\
             [{cri}.containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n\
             [{cri}.containerd.runtimes.runc.options]\n  SystemdCgroup = {systemd}\n\
             [{cri}.cni]\n  bin_dir = \"{CNI_BIN}\"\n  conf_dir = \"/etc/cni/net.d\"\n\
             [{cri}.registry]\n  config_path = \"/etc/containerd/certs.d\"\n"
        )
    }

    fn containerd_unit(&self) -> String {
        let ranges = [self.services(), self.pods()];
        let proxies = proxies(self.inputs.template, &ranges);
        let Containerd { from, below } = self.minor.containerd;
        let check = format!("ExecStartPre=/bin/sh {} \"{from}\" \"{below}\"\n", CHECK.0);
        format!("[Unit]\nRequiresMountsFor=/var/lib/containerd\n[Service]\n{check}{proxies}")
    }

    /// The release's programs.
    pub(super) fn programs(&self) -> Vec<PlanStep> {
        let mut names = vec!["kubelet", "kube-proxy", "kubectl"];
        if self.node().role == Role::Master {
            names.extend(["kube-apiserver", "kube-controller-manager", "kube-scheduler"]);
        }
        names.into_iter().map(|name| self.fetched(name)).collect()
    }

    fn fetched(&self, name: &str) -> PlanStep {
        let release = self.release;
        // An image that brings several releases has a directory for each; there the path is enough.
        let named = vec![format!("/usr/lib/kubernetes/{release}/bin/{name}")];
        let candidates = BIN_CANDIDATES.iter().map(|place| format!("{place}/{name}")).collect();
        let (url, sha256) = self.settings.pinned(name, release);
        // kubectl has no --version: it is taken from beside a kubelet that is right.
        let says = if name == "kubectl" { String::new() } else { format!("Kubernetes {release}") };
        let action = Action::Program { path: self.program(name), candidates, says, named, url, sha256 };
        step(&format!("program {name}"), 15 * MINUTE, action)
    }
}
