//! A kubeconfig: where the API is, whom to trust, who one is.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// What kubectl runs to get a Keystone token: the one in the variable `OS_TOKEN`.
const TOKEN_FROM_VARIABLE: &str = "if [ -z \"$OS_TOKEN\" ]; then echo 'OS_TOKEN is not set: \
    export OS_TOKEN=$(openstack token issue -f value -c id)' >&2; exit 1; fi; \
    printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s\"}}' \"$OS_TOKEN\"";

/// Who one is.
pub enum User {
    /// By a certificate and its key, PEM.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its key.
        key: String,
    },
    /// By a token of Keystone's.
    Keystone,
    /// Nobody: the API asks for nothing.
    Nobody,
}

/// See the module.
pub struct Kubeconfig {
    /// Name of the cluster and, unless one has not all rights, of the context.
    pub cluster: String,
    /// What the user and the context are called after the cluster's name.
    pub role: String,
    /// The API's address.
    pub server: String,
    /// The authority to trust, PEM; none for an API without TLS.
    pub authority: Option<String>,
    /// Who one is.
    pub user: User,
}

/// The lists of named things in a kubeconfig, each with its things' key.
pub const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("users", "user"), ("contexts", "context")];

impl Kubeconfig {
    fn user_name(&self) -> String {
        format!("{}-{}", self.cluster, self.role)
    }

    /// What the context is called.
    pub fn context(&self) -> String {
        if self.role == "admin" { self.cluster.clone() } else { self.user_name() }
    }

    /// The document.
    pub fn document(&self) -> Value {
        let mut cluster = Map::from_iter([("server".to_owned(), json!(self.server))]);
        if let Some(authority) = &self.authority {
            cluster.insert("certificate-authority-data".to_owned(), json!(STANDARD.encode(authority)));
        }
        let user = match &self.user {
            User::Certificate { certificate, key } => json!({
                "client-certificate-data": STANDARD.encode(certificate),
                "client-key-data": STANDARD.encode(key),
            }),
            User::Keystone => json!({"exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "/bin/sh",
                "args": ["-c", TOKEN_FROM_VARIABLE],
                "interactiveMode": "Never",
            }}),
            User::Nobody => json!({}),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.cluster, "cluster": cluster}],
            "users": [{"name": self.user_name(), "user": user}],
            "contexts": [{
                "name": self.context(),
                "context": {"cluster": self.cluster, "user": self.user_name()},
            }],
            "current-context": self.context(),
            "preferences": {},
        })
    }
}
