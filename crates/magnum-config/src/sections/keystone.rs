//! Who the service is in Keystone, and how it checks the tokens of its callers.
//!
//! `[keystone_auth]` and `[keystone_authtoken]` hold the same options of keystoneauth; the second has those of
//! the token check as well. The names of the times before keystoneauth (`admin_user` and its like) still work.

use secrecy::SecretString;

use crate::error::ConfigError;
use crate::option::{Section, section};
use crate::resolver::Resolver;
use crate::sources::group_key;

section! {
    /// Credentials and the session that carries them.
    Auth {
        /// Kind of credentials: password, token, v3applicationcredential and so on. Unset means password if a user is named.
        auth_type: Option<String>, was(&["auth_plugin"]);
        /// Group from which all credentials are read instead of this one.
        auth_section: Option<String>;
        /// URL of Keystone.
        auth_url: Option<String>, was(&["identity_uri"]);
        /// Name of the user.
        username: Option<String>, was(&["user_name", "admin_user"]);
        /// Id of the user.
        user_id: Option<String>;
        /// Password of the user.
        password: Option<SecretString>, was(&["admin_password"]);
        /// Id of the user's domain.
        user_domain_id: Option<String>;
        /// Name of the user's domain.
        user_domain_name: Option<String>;
        /// Id of the project to act in.
        project_id: Option<String>, was(&["tenant_id"]);
        /// Name of the project to act in.
        project_name: Option<String>, was(&["tenant_name", "admin_tenant_name"]);
        /// Id of the project's domain.
        project_domain_id: Option<String>;
        /// Name of the project's domain.
        project_domain_name: Option<String>;
        /// Id of the domain for user and project where none is given.
        default_domain_id: Option<String>;
        /// Name of the domain for user and project where none is given.
        default_domain_name: Option<String>;
        /// Id of the domain to act in, instead of a project.
        domain_id: Option<String>;
        /// Name of the domain to act in, instead of a project.
        domain_name: Option<String>;
        /// `all` to act on the whole system, instead of a project.
        system_scope: Option<String>;
        /// Id of the trust to act by.
        trust_id: Option<String>;
        /// Id of the application credential.
        application_credential_id: Option<String>;
        /// Name of the application credential.
        application_credential_name: Option<String>;
        /// Secret of the application credential.
        application_credential_secret: Option<SecretString>;
        /// Token to act by.
        token: Option<SecretString>, was(&["admin_token"]);
        /// Region of Keystone's endpoint; unset means the first one in the catalogue.
        region_name: Option<String>;
        /// File of the authorities that Keystone's certificate is checked against, PEM.
        cafile: Option<String>;
        /// File of the certificate shown to Keystone, PEM.
        certfile: Option<String>;
        /// File of that certificate's private key, PEM.
        keyfile: Option<String>;
        /// Whether Keystone's certificate goes unchecked.
        insecure: bool = "false";
        /// Seconds to wait for Keystone's answer; unset leaves it to the service.
        timeout: Option<u64>, at_least(1);
    }
    ignored "only the Python library measures and names its calls this way" {
        collect_timing: bool = "false";
        split_loggers: bool = "false";
    }
}

impl Auth {
    /// The kind of credentials: the one named, else `password` where a user is named; none without credentials.
    pub fn method(&self) -> Option<&str> {
        let user_named = self.username.is_some() || self.user_id.is_some();
        self.auth_type.as_deref().or_else(|| user_named.then_some("password"))
    }

    /// Reads `group`, or the group that its `auth_section` points to. How Keystone is reached (region,
    /// certificates, time-out) stays that of `group`, as in keystoneauth.
    pub(crate) fn resolve(resolver: &Resolver<'_>, group: &str) -> Result<Self, ConfigError> {
        let own = Self::read(resolver, group)?;
        let Some(section) = own.auth_section.as_deref().map(group_key).filter(|section| section != group)
        else {
            return Ok(own);
        };
        let Self { region_name, cafile, certfile, keyfile, insecure, timeout, auth_section, .. } = own;
        let other = Self::read_from(resolver, group, &section)?;
        Ok(Self { region_name, cafile, certfile, keyfile, insecure, timeout, auth_section, ..other })
    }
}

section! {
    /// How the tokens of callers are checked.
    TokenMiddleware {
        /// Public URL of Keystone, told to callers without a token.
        www_authenticate_uri: Option<String>, was(&["auth_uri"]);
        /// Which of Keystone's endpoints tokens are checked at.
        interface: String = "internal";
        /// Whether a request without a valid token is let through to the service.
        delay_auth_decision: bool = "false";
        /// Seconds to wait for Keystone's answer to a check; unset leaves it to the service.
        http_connect_timeout: Option<u64>, at_least(1);
        /// Times that a failed check is repeated.
        http_request_max_retries: u32 = "3";
        /// Memcached servers that other services share validated tokens in, `host:port`.
        memcached_servers: Vec<String>, was(&["memcache_servers"]);
        /// Seconds that a validated token is believed without a new check; -1 means none.
        token_cache_time: i64 = "300", at_least(-1);
        /// Whether the caller's service catalogue is fetched with the check.
        include_service_catalog: bool = "true";
        /// Roles of which a service token must have one.
        service_token_roles: Vec<String> = "service";
        /// Whether a service token without such a role is refused.
        service_token_roles_required: bool = "false";
        /// Type of this service, for access rules of application credentials.
        service_type: Option<String> = "container-infra";
    }
    ignored "Keystone no longer binds tokens to a transport" {
        enforce_token_bind: String = "permissive";
    }
    ignored "the version of the identity API is always 3" {
        auth_version: Option<String>;
    }
    ignored "validated tokens are cached in the process, for token_cache_time" {
        cache: Option<String>;
        memcache_security_strategy: String = "None";
        memcache_secret_key: Option<SecretString>;
        memcache_tls_enabled: bool = "false";
        memcache_tls_cafile: Option<String>;
        memcache_tls_certfile: Option<String>;
        memcache_tls_keyfile: Option<String>;
        memcache_tls_allowed_ciphers: Option<String>;
        memcache_pool_dead_retry: i64 = "300";
        memcache_pool_maxsize: i64 = "10";
        memcache_pool_socket_timeout: i64 = "3";
        memcache_pool_unused_timeout: i64 = "60";
        memcache_pool_conn_get_timeout: i64 = "10";
        memcache_use_advanced_pool: bool = "true";
        memcache_sasl_enabled: bool = "false";
        memcache_username: Option<String>;
        memcache_password: Option<SecretString>;
    }
    ignored "only tokens without an identity in Keystone were checked with it; such tokens are gone" {
        signing_dir: Option<String>, releases("P");
        check_revocations_for_cached: bool = "false", releases("P");
        hash_algorithms: Vec<String> = "md5", releases("P");
        revocation_cache_time: i64 = "10", releases("P");
    }
}

/// `[keystone_authtoken]`: credentials of the token check beside its own options.
#[derive(Debug, Clone)]
pub struct AuthToken {
    /// Credentials with which tokens are checked.
    pub auth: Auth,
    /// How they are checked.
    pub middleware: TokenMiddleware,
}
