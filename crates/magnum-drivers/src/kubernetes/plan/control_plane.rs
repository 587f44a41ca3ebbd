//! The API server, the controllers and the scheduler of a master, each a unit. The API listens with TLS only, knows
//! nobody without a certificate or token, writes an audit log, and keeps secrets encrypted in etcd.

use super::{
    Planned, kubeconfig,
    trust::{SERVICE_ACCOUNTS, authority, pair},
};
use crate::{
    kubernetes::{
        ENCRYPTION_KEY,
        addons::KEYSTONE_AUTH_DIRECTORY,
        identity::{
            API_SERVER, API_SERVER_ETCD, API_SERVER_KUBELET, CONTROLLERS, FRONT_PROXY, KEYSTONE_AUTH,
            SCHEDULER, identity, revision,
        },
        shape::{is_on, pods_range, port, service_range, value},
    },
    plan_steps::{MINUTE, file, step, unit},
    stack_values::label,
};
use magnum_types::{
    Authority,
    plan::{Action, PlanStep},
};
use serde_json::json;

const AUDIT: &str = "/etc/kubernetes/audit-policy.yaml";
const ENCRYPTION: &str = "/etc/kubernetes/encryption.yaml";
const KEYSTONE: &str = "/etc/kubernetes/keystone-webhook.yaml";

/// A component's command line and what its unit says besides.
pub(super) struct Component {
    program: String,
    flags: Vec<String>,
    unit: &'static str,
}

impl Component {
    pub(super) fn new(program: String) -> Self {
        Self { program, flags: Vec::new(), unit: "" }
    }

    /// Lines of the unit's service section.
    pub(super) fn with(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(super) fn flag(&mut self, name: &str, value: &str) {
        self.flags.push(format!("--{name}={value}"));
    }

    /// The tenant's own flags, which come last and win.
    pub(super) fn options(&mut self, options: &str) {
        self.flags.extend(options.split_whitespace().map(str::to_owned));
    }

    pub(super) fn text(&self, description: &str) -> String {
        // systemd would take a per cent sign for a specifier and a dollar for a variable.
        let flags: Vec<String> =
            self.flags.iter().map(|flag| flag.replace('%', "%%").replace('$', "$$")).collect();
        format!(
            "[Unit]\n\
             Description={description}\n\
             After=network-online.target containerd.service etcd.service\n\
             Wants=network-online.target\n\
             StartLimitIntervalSec=0\n\
             [Service]\n\
             Type=exec\n{unit}\
             ExecStart={program} \\\n  {flags}\n\
             Restart=always\n\
             RestartSec=2\n\
             LimitNOFILE=65536\n\
             [Install]\n\
             WantedBy=multi-user.target\n",
            unit = self.unit,
            program = self.program,
            flags = flags.join(" \\\n  "),
        )
    }
}

pub(super) fn unit_path(name: &str) -> String {
    format!("/etc/systemd/system/{name}.service")
}

impl Planned<'_> {
    pub(super) fn services(&self) -> &str {
        service_range(&self.inputs.cluster.labels)
    }

    pub(super) fn pods(&self) -> &str {
        pods_range(&self.inputs.cluster.labels, self.inputs.template)
    }

    /// The API.
    pub(super) fn serve(&self) -> Vec<PlanStep> {
        let mut steps = vec![
            file("audit policy", AUDIT, 0o600, audit_policy()),
            file("encryption of secrets", ENCRYPTION, 0o600, self.encryption()),
        ];
        let ca = authority(Authority::Cluster);
        let front = authority(Authority::FrontProxy);
        let etcd = authority(Authority::Etcd);
        let (server, _) = pair(API_SERVER);
        let (kubelet, _) = pair(API_SERVER_KUBELET);
        let (store, _) = pair(API_SERVER_ETCD);
        steps.extend(self.keystone_webhook());
        let watched =
            [AUDIT, ENCRYPTION, SERVICE_ACCOUNTS, KEYSTONE, &ca, &front, &etcd, &server, &kubelet, &store];
        steps.extend(self.component("kube-apiserver", &self.api_server(), "Kubernetes API", &watched));
        steps
    }

    /// What acts by the API.
    pub(super) fn control(&self) -> Vec<PlanStep> {
        let (ca, front) = (authority(Authority::Cluster), authority(Authority::FrontProxy));
        let mut steps = Vec::new();
        for (name, component, description) in [
            (CONTROLLERS, self.controllers(), "Kubernetes controllers"),
            (SCHEDULER, self.scheduler(), "Kubernetes scheduler"),
        ] {
            let (own, _) = pair(name);
            let config = kubeconfig(name);
            let watched = [config.as_str(), &own, &ca, &front, SERVICE_ACCOUNTS];
            steps.extend(self.component(name, &component, description, &watched));
        }
        steps
    }

    pub(super) fn component(
        &self,
        name: &str,
        component: &Component,
        description: &str,
        watched: &[&str],
    ) -> [PlanStep; 2] {
        let path = unit_path(name);
        let mut watches = vec![path.as_str()];
        watches.extend(watched);
        [
            file(&format!("{name} unit file"), &path, 0o644, component.text(description)),
            unit(name, &format!("{name}.service"), &watches),
        ]
    }

    fn api_server(&self) -> Component {
        let labels = &self.inputs.cluster.labels;
        let mut api = Component::new(self.program("kube-apiserver"));
        let (server, server_key) = pair(API_SERVER);
        let (kubelet, kubelet_key) = pair(API_SERVER_KUBELET);
        let (store, store_key) = pair(API_SERVER_ETCD);
        let (proxy, proxy_key) = pair(FRONT_PROXY);
        let ca = authority(Authority::Cluster);
        let domain = value(labels, "dns_cluster_domain");
        let keystone = is_on(labels, "keystone_auth_enabled");
        let mode = if keystone { "Node,RBAC,Webhook" } else { "Node,RBAC" };
        for (name, value) in [
            ("advertise-address", self.node().address.as_str()),
            ("secure-port", &port(self.inputs.template).to_string()),
            ("etcd-servers", "https://127.0.0.1:2379"),
            ("etcd-cafile", &authority(Authority::Etcd)),
            ("etcd-certfile", &store),
            ("etcd-keyfile", &store_key),
            ("tls-cert-file", &server),
            ("tls-private-key-file", &server_key),
            ("tls-min-version", "VersionTLS12"),
            ("client-ca-file", &ca),
            ("anonymous-auth", "false"),
            ("authorization-mode", mode),
            ("enable-admission-plugins", &self.admission()),
            ("allow-privileged", "true"),
            ("profiling", "false"),
            ("service-cluster-ip-range", self.services()),
            ("service-account-issuer", &format!("https://kubernetes.default.svc.{domain}")),
            ("service-account-key-file", SERVICE_ACCOUNTS),
            ("service-account-signing-key-file", SERVICE_ACCOUNTS),
            ("kubelet-certificate-authority", &ca),
            ("kubelet-client-certificate", &kubelet),
            ("kubelet-client-key", &kubelet_key),
            // Names of nodes need not resolve for logs and exec to work.
            ("kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname"),
            ("requestheader-client-ca-file", &authority(Authority::FrontProxy)),
            ("requestheader-allowed-names", FRONT_PROXY),
            ("requestheader-username-headers", "X-Remote-User"),
            ("requestheader-group-headers", "X-Remote-Group"),
            ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
            ("proxy-client-cert-file", &proxy),
            ("proxy-client-key-file", &proxy_key),
            ("encryption-provider-config", ENCRYPTION),
        ] {
            api.flag(name, value);
        }
        if self.minor.open_ports {
            api.flag("insecure-port", "0");
        }
        if is_on(labels, "audit_log_enabled") {
            api.flag("audit-policy-file", AUDIT);
            api.flag("audit-log-path", "/var/log/kubernetes/audit.log");
            for name in ["maxage", "maxbackup", "maxsize"] {
                api.flag(&format!("audit-log-{name}"), value(labels, &format!("audit_log_{name}")));
            }
        }
        if keystone {
            // The webhook beside it, which the add-on runs on every master.
            api.flag("authentication-token-webhook-config-file", KEYSTONE);
            api.flag("authorization-webhook-config-file", KEYSTONE);
        }
        api.options(label(labels, "kubeapi_options").unwrap_or_default());
        // Told to stop, it admits nobody any more and waits a minute for those who only watch: that long nobody would be
        // served at each restart. What is written takes less than these seconds.
        api.with("LogsDirectory=kubernetes\nTimeoutStopSec=10\n")
    }

    /// Where the API asks about Keystone's tokens, and the certificate that it is answered with.
    fn keystone_webhook(&self) -> Vec<PlanStep> {
        let identity = is_on(&self.inputs.cluster.labels, "keystone_auth_enabled")
            .then(|| identity(self.inputs, KEYSTONE_AUTH))
            .flatten();
        let Some(identity) = identity else { return Vec::new() };
        let certificate = Action::Certificate {
            identity: KEYSTONE_AUTH.to_owned(),
            key: format!("{KEYSTONE_AUTH_DIRECTORY}/server.key"),
            certificate: format!("{KEYSTONE_AUTH_DIRECTORY}/server.crt"),
            revision: revision(self.inputs, &identity),
        };
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "keystone", "cluster": {
                "server": "https://127.0.0.1:8443/webhook",
                "certificate-authority": authority(Authority::Cluster),
            }}],
            "users": [{"name": "api"}],
            "contexts": [{"name": "webhook", "context": {"cluster": "keystone", "user": "api"}}],
            "current-context": "webhook",
        });
        vec![
            step("certificate keystone-auth", 10 * MINUTE, certificate),
            file("keystone webhook", KEYSTONE, 0o600, format!("{config:#}\n")),
        ]
    }

    /// The webhook reads its certificate when it starts only.
    pub(super) fn keystone_webhook_anew(&self) -> Option<PlanStep> {
        if !is_on(&self.inputs.cluster.labels, "keystone_auth_enabled") {
            return None;
        }
        let action = Action::KubePodsAnew {
            kubectl: self.admin(),
            node: self.node().name.clone(),
            namespace: "kube-system".to_owned(),
            label: "k8s-app=k8s-keystone-auth".to_owned(),
            watches: vec![format!("{KEYSTONE_AUTH_DIRECTORY}/server.crt")],
        };
        Some(step("keystone webhook anew", 5 * MINUTE, action))
    }

    /// What the tenant asks for, and always what keeps a node from changing others.
    fn admission(&self) -> String {
        let asked = label(&self.inputs.cluster.labels, "admission_control_list").unwrap_or_default();
        let mut plugins = vec!["NodeRestriction"];
        let known = |name: &&str| {
            *name != "NodeRestriction" && (*name != "PodSecurityPolicy" || self.minor.pod_security_policy)
        };
        plugins.extend(asked.split(',').map(str::trim).filter(|name| !name.is_empty()).filter(known));
        plugins.join(",")
    }

    fn controllers(&self) -> Component {
        let labels = &self.inputs.cluster.labels;
        let mut controllers = Component::new(self.program(CONTROLLERS));
        self.speaks(&mut controllers, CONTROLLERS);
        for (name, value) in [
            ("use-service-account-credentials", "true"),
            ("service-account-private-key-file", SERVICE_ACCOUNTS),
            ("root-ca-file", &authority(Authority::Cluster)),
            ("service-cluster-ip-range", self.services()),
            ("cluster-name", &self.inputs.cluster.uuid.to_string()),
        ] {
            controllers.flag(name, value);
        }
        // Nodes that bridge have their ranges from Magnum, before there is an API (see `pod_ranges`).
        controllers.flag("allocate-node-cidrs", if self.bridges() { "false" } else { "true" });
        if !self.bridges() {
            controllers.flag("cluster-cidr", self.pods());
            controllers.flag("node-cidr-mask-size", value(labels, "flannel_network_subnetlen"));
        }
        if self.has_cloud() {
            controllers.flag("cloud-provider", "external");
        }
        controllers.options(label(labels, "kubecontroller_options").unwrap_or_default());
        controllers
    }

    fn scheduler(&self) -> Component {
        let mut scheduler = Component::new(self.program(SCHEDULER));
        self.speaks(&mut scheduler, SCHEDULER);
        scheduler.options(label(&self.inputs.cluster.labels, "kubescheduler_options").unwrap_or_default());
        scheduler
    }

    /// How the controllers and the scheduler speak to the API, and who may speak to them.
    fn speaks(&self, component: &mut Component, name: &str) {
        let config = kubeconfig(name);
        for flag in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
            component.flag(flag, &config);
        }
        component.flag("bind-address", "127.0.0.1");
        component.flag("leader-elect", "true");
        component.flag("profiling", "false");
        if self.minor.open_ports {
            component.flag("port", "0");
        }
    }

    fn encryption(&self) -> String {
        let key = self.inputs.facts.get(ENCRYPTION_KEY).map_or("", String::as_str);
        let document = json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{
                "resources": ["secrets"],
                // The first writes; the second reads what was written before there was a key.
                "providers": [{"secretbox": {"keys": [{"name": "key1", "secret": key}]}}, {"identity": {}}],
            }],
        });
        format!("{document:#}\n")
    }
}

/// Who did what, without the contents of secrets; the components' own endless reading is left out.
fn audit_policy() -> String {
    let secret = json!([{"group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"]},
                        {"group": "authentication.k8s.io", "resources": ["tokenreviews"]}]);
    let document = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/healthz*", "/readyz*", "/livez*", "/version"]},
            {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
            {"level": "None", "verbs": ["get", "list", "watch"], "userGroups": ["system:nodes"]},
            {"level": "None", "verbs": ["get", "list", "watch", "update"],
             "users": ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy",
                       "system:apiserver"]},
            {"level": "Metadata", "resources": secret},
            {"level": "Metadata", "verbs": ["get", "list", "watch"]},
            {"level": "Request", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
            {"level": "Metadata"},
        ],
    });
    format!("{document:#}\n")
}
