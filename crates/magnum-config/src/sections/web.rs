//! What stands round the REST server: policy, cross-origin rules, proxies, health. And two groups of libraries
//! that the Python service reads in every process.

use crate::option::section;
use crate::value::Repeated;

section! {
    /// `[oslo_policy]`: who may do what.
    Policy {
        /// File of rules that differ from the built-in ones; may be missing.
        policy_file: String = "policy.yaml", was(&["DEFAULT/policy_file"]);
        /// Rule that decides where a rule is named that does not exist.
        policy_default_rule: String = "default", was(&["DEFAULT/policy_default_rule"]);
        /// Directories of further rule files, read in the order of their names.
        policy_dirs: Repeated = "policy.d", was(&["DEFAULT/policy_dirs"]);
        /// Whether a token of the wrong scope is refused.
        enforce_scope: bool = "true";
        /// Whether only the new default rules count, without the older ones beside them.
        enforce_new_defaults: bool = "true";
        /// Form of the questions put to a remote rule.
        remote_content_type: String = "application/x-www-form-urlencoded",
            one_of(&["application/x-www-form-urlencoded", "application/json"]);
        /// Whether the certificate of a remote rule's server is checked.
        remote_ssl_verify_server_crt: bool = "false";
        /// File of the authorities for that check, PEM.
        remote_ssl_ca_crt_file: Option<String>;
        /// File of the certificate shown to that server, PEM.
        remote_ssl_client_crt_file: Option<String>;
        /// File of that certificate's private key, PEM.
        remote_ssl_client_key_file: Option<String>;
        /// Seconds to wait for a remote rule's answer.
        remote_timeout: f64 = "60", at_least(0);
    }
}

section! {
    /// `[cors]`: which web pages of other origins may use the API.
    Cors {
        /// Origins that may; empty means none, `*` any.
        allowed_origin: Vec<String>;
        /// Whether such pages may send credentials.
        allow_credentials: bool = "true";
        /// Response headers that such pages may read.
        expose_headers: Vec<String> = "X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID,X-Server-Management-Url";
        /// Seconds that a browser may keep the answer to its preflight question.
        max_age: u64 = "3600";
        /// Methods that such pages may use.
        allow_methods: Vec<String> = "GET,PUT,POST,DELETE,PATCH";
        /// Request headers that such pages may send.
        allow_headers: Vec<String> = "X-Auth-Token,X-Identity-Status,X-Roles,X-Service-Catalog,X-User-Id,X-Tenant-Id,X-OpenStack-Request-ID,X-Server-Management-Url";
    }
}

section! {
    /// `[oslo_middleware]`: requests and the proxies before the server.
    Middleware {
        /// Largest request body, in bytes.
        max_request_body_size: u64 = "114688", at_least(1), was(&["DEFAULT/osapi_max_request_body_size", "DEFAULT/max_request_body_size"]);
        /// Whether `X-Forwarded-*` and `Forwarded` headers are believed; only for a server behind a proxy that sets them.
        enable_proxy_headers_parsing: bool = "false";
    }
    ignored "the server names the header of a proxy that ends TLS by itself" {
        secure_proxy_ssl_header: String = "X-Forwarded-Proto";
    }
    ignored "there is no HTTP basic authentication" {
        http_basic_auth_user_file: String = "/etc/htpasswd";
    }
}

section! {
    /// `[healthcheck]`: the answer to load balancers.
    Healthcheck {
        /// Path of the answer.
        path: String = "/healthcheck";
        /// Whether the answer tells details; they may help an attacker.
        detailed: bool = "false";
        /// Checks to make.
        backends: Vec<String> = "disable_by_file", one_of(&["disable_by_file", "disable_by_files_ports", "enable_by_files"]);
        /// File whose existence takes this server out of service.
        disable_by_file_path: Option<String> = "/etc/magnum/healthcheck_disable";
        /// The same for single ports, `port:file`.
        disable_by_file_paths: Vec<String>;
        /// Files of which one must exist for the server to be in service.
        enable_by_file_paths: Vec<String>;
        /// Networks that may ask, as CIDR; empty means all.
        allowed_source_ranges: Vec<String>;
        /// Whether requests that came through a proxy are answered as if there were no such path.
        ignore_proxied_requests: bool = "false";
    }
}

section! {
    /// `[oslo_concurrency]`: locks between processes of the Python service.
    fn concurrency ignored "claims are kept in the database, not in lock files" {
        disable_process_locking: bool = "false", was(&["DEFAULT/disable_process_locking"]);
        lock_path: Option<String>, was(&["DEFAULT/lock_path"]);
    }
}

section! {
    /// `[oslo_reports]`: state dumps of the Python service.
    fn reports ignored "there are no Guru Meditation reports; the log and the metrics say the same" {
        log_dir: Option<String>;
        file_event_handler: Option<String>;
        file_event_handler_interval: i64 = "1";
    }
}
