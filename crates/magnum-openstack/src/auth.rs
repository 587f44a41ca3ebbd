//! Who we are to Keystone: the credentials, the wanted scope, and the request body they make.
//!
//! Secrets are held as [`SecretString`] and leave it only in `AuthSettings::body`. A session by the caller's own
//! token is [`AuthMethod::Given`]: there is nothing to authenticate with, so it can never be renewed.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// A domain, by id or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainRef {
    /// By id.
    Id(String),
    /// By name.
    Name(String),
}

/// A user, by id or by name within a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// By id.
    Id(String),
    /// By name within a domain.
    Name(String, DomainRef),
}

/// A project, by id or by name within a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectRef {
    /// By id.
    Id(String),
    /// By name within a domain.
    Name(String, DomainRef),
}

/// What the token is good for.
#[derive(Debug, Clone)]
pub enum Scope {
    /// No scope asked for: Keystone's own choice, or that of the application credential.
    Unscoped,
    /// A project.
    Project(ProjectRef),
    /// A domain, as the trustee domain's admin needs.
    Domain(DomainRef),
    /// The project and roles of a trust (its id; kept out of logs).
    Trust(SecretString),
    /// The whole system.
    System,
}

/// How to prove who we are.
#[derive(Debug, Clone)]
pub enum AuthMethod {
    /// User and password.
    Password {
        /// The user.
        user: UserRef,
        /// Its password.
        password: SecretString,
    },
    /// Exchange a token for one of another scope.
    Token {
        /// The token given in exchange.
        token: SecretString,
    },
    /// An application credential by id; its scope is its own.
    ApplicationCredential {
        /// The credential's id.
        id: String,
        /// Its secret.
        secret: SecretString,
    },
    /// An application credential by its name among its owner's.
    NamedApplicationCredential {
        /// The credential's name.
        name: String,
        /// Its owner.
        user: UserRef,
        /// Its secret.
        secret: SecretString,
    },
    /// Use this token as it is.
    Given {
        /// The token.
        token: SecretString,
    },
    /// Never ask Keystone: send this token, or none at all, to a service whose address is known.
    Fixed {
        /// The token.
        token: Option<SecretString>,
    },
}

/// Where and how to authenticate.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// Keystone's address, with or without `/v3`.
    pub auth_url: String,
    /// The credentials.
    pub method: AuthMethod,
    /// The wanted scope.
    pub scope: Scope,
}

impl DomainRef {
    fn json(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name(name) => json!({ "name": name }),
        }
    }
}

impl UserRef {
    fn json(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name(name, domain) => json!({ "name": name, "domain": domain.json() }),
        }
    }
}

impl AuthSettings {
    /// The body of `POST /v3/auth/tokens`; `None` when there is nothing to authenticate with.
    pub(crate) fn body(&self) -> Option<Value> {
        let identity = match &self.method {
            AuthMethod::Password { user, password } => {
                let mut user = user.json();
                if let Some(user) = user.as_object_mut() {
                    user.insert("password".to_owned(), password.expose_secret().into());
                }
                json!({ "methods": ["password"], "password": { "user": user } })
            }
            AuthMethod::Token { token } => {
                json!({ "methods": ["token"], "token": { "id": token.expose_secret() } })
            }
            AuthMethod::ApplicationCredential { id, secret } => json!({
                "methods": ["application_credential"],
                "application_credential": { "id": id, "secret": secret.expose_secret() },
            }),
            AuthMethod::NamedApplicationCredential { name, user, secret } => json!({
                "methods": ["application_credential"],
                "application_credential": {
                    "name": name,
                    "user": user.json(),
                    "secret": secret.expose_secret(),
                },
            }),
            AuthMethod::Given { .. } | AuthMethod::Fixed { .. } => return None,
        };
        let scope = match &self.scope {
            Scope::Unscoped => None,
            Scope::Project(ProjectRef::Id(id)) => Some(json!({ "project": { "id": id } })),
            Scope::Project(ProjectRef::Name(name, domain)) => {
                Some(json!({ "project": { "name": name, "domain": domain.json() } }))
            }
            Scope::Domain(domain) => Some(json!({ "domain": domain.json() })),
            Scope::Trust(id) => Some(json!({ "OS-TRUST:trust": { "id": id.expose_secret() } })),
            Scope::System => Some(json!({ "system": { "all": true } })),
        };
        let mut auth = json!({ "identity": identity });
        if let (Some(scope), Some(auth)) = (scope, auth.as_object_mut()) {
            auth.insert("scope".to_owned(), scope);
        }
        Some(json!({ "auth": auth }))
    }

    /// Keystone's v3 root, whatever form the operator wrote.
    pub(crate) fn identity_root(&self) -> String {
        let base = self.auth_url.trim_end_matches('/');
        let base = base.strip_suffix("/v3").or_else(|| base.strip_suffix("/v2.0")).unwrap_or(base);
        format!("{}/v3", base.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(auth_url: &str, scope: Scope) -> AuthSettings {
        let user = UserRef::Name("magnum".into(), DomainRef::Name("Default".into()));
        AuthSettings {
            auth_url: auth_url.into(),
            method: AuthMethod::Password { user, password: "pw".into() },
            scope,
        }
    }

    #[test]
    fn every_spelling_of_the_auth_url_leads_to_v3() {
        for (url, root) in [
            ("http://k:5000", "http://k:5000/v3"),
            ("http://k:5000/v3/", "http://k:5000/v3"),
            ("https://k/identity", "https://k/identity/v3"),
            ("http://k:35357/v2.0", "http://k:35357/v3"),
        ] {
            assert_eq!(settings(url, Scope::Unscoped).identity_root(), root);
        }
    }

    #[test]
    fn a_trust_scope_goes_under_its_extension_name() {
        let body = settings("", Scope::Trust("t1".into())).body().unwrap();
        assert_eq!(body["auth"]["scope"], json!({ "OS-TRUST:trust": { "id": "t1" } }));
        assert_eq!(body["auth"]["identity"]["password"]["user"]["password"], "pw");
    }

    #[test]
    fn a_named_application_credential_is_found_by_its_owner() {
        let user = UserRef::Name("demo".into(), DomainRef::Id("default".into()));
        let method = AuthMethod::NamedApplicationCredential { name: "ci".into(), user, secret: "s".into() };
        let body = AuthSettings { auth_url: String::new(), method, scope: Scope::Unscoped }.body().unwrap();
        let expected =
            json!({ "name": "ci", "user": { "name": "demo", "domain": { "id": "default" } }, "secret": "s" });
        assert_eq!(body["auth"]["identity"]["application_credential"], expected);
        assert!(body["auth"].get("scope").is_none());
    }

    #[test]
    fn settings_printed_for_debugging_hold_no_secret() {
        let printed = format!("{:?}", settings("http://k", Scope::Trust("trust-id".into())));
        assert!(!printed.contains("pw") && !printed.contains("trust-id"), "{printed}");
    }
}
