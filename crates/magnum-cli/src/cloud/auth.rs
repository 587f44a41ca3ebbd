//! From settings to credentials.

use crate::{
    cloud::Settings,
    error::{CliError, Result},
};
use magnum_openstack::{AuthMethod, AuthSettings, DomainRef, ProjectRef, Scope, UserRef};
use secrecy::SecretString;

/// What OpenStack's own tools assume where no domain is named.
const DEFAULT_DOMAIN: &str = "default";

/// The credentials that the settings hold.
///
/// # Errors
/// What is missing, by the name of its variable.
pub fn of(settings: &Settings) -> Result<AuthSettings> {
    let kind = kind(settings)?;
    let method = match kind {
        "none" | "token_endpoint" | "admin_token" => {
            required(settings, "endpoint_override", "OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE")?;
            let token = if kind == "none" { None } else { Some(secret(settings, "token", "OS_TOKEN")?) };
            return Ok(AuthSettings {
                auth_url: String::new(),
                method: AuthMethod::Fixed { token },
                scope: Scope::Unscoped,
            });
        }
        "v3applicationcredential" => {
            let secret =
                secret(settings, "application_credential_secret", "OS_APPLICATION_CREDENTIAL_SECRET")?;
            match settings.get("application_credential_id") {
                Some(id) => AuthMethod::ApplicationCredential { id: id.to_owned(), secret },
                None => AuthMethod::NamedApplicationCredential {
                    name: required(settings, "application_credential_name", "OS_APPLICATION_CREDENTIAL_ID")?,
                    user: user(settings)?,
                    secret,
                },
            }
        }
        "token" => AuthMethod::Token { token: secret(settings, "token", "OS_TOKEN")? },
        _ => AuthMethod::Password {
            user: user(settings)?,
            password: secret(settings, "password", "OS_PASSWORD")?,
        },
    };
    let scope = match method {
        // Its scope is its own.
        AuthMethod::ApplicationCredential { .. } | AuthMethod::NamedApplicationCredential { .. } => {
            Scope::Unscoped
        }
        _ => scope(settings),
    };
    // A token that is to stay as it is need not be exchanged for another.
    let method = match (method, &scope) {
        (AuthMethod::Token { token }, Scope::Unscoped) => AuthMethod::Given { token },
        (method, _) => method,
    };
    Ok(AuthSettings { auth_url: required(settings, "auth_url", "OS_AUTH_URL")?, method, scope })
}

/// The way to authenticate: the one that is named, or the one that the settings are for.
fn kind(settings: &Settings) -> Result<&'static str> {
    let Some(named) = settings.get("auth_type") else {
        return Ok(if settings.get("application_credential_secret").is_some() {
            "v3applicationcredential"
        } else if settings.get("token").is_some() && settings.get("password").is_none() {
            if settings.get("auth_url").is_some() { "token" } else { "token_endpoint" }
        } else {
            "password"
        });
    };
    match named {
        "none" | "noauth" => Ok("none"),
        "token_endpoint" => Ok("token_endpoint"),
        "admin_token" => Ok("admin_token"),
        "password" | "v3password" => Ok("password"),
        "token" | "v3token" => Ok("token"),
        "v3applicationcredential" => Ok("v3applicationcredential"),
        other => Err(CliError::usage(format!("the authentication type {other:?} is not known here")).advise(
            "use password, token, v3applicationcredential, none or token_endpoint; with another one let \
             `openstack token issue` give a token, and set OS_AUTH_TYPE=token and OS_TOKEN",
        )),
    }
}

fn user(settings: &Settings) -> Result<UserRef> {
    if let Some(id) = settings.get("user_id") {
        return Ok(UserRef::Id(id.to_owned()));
    }
    Ok(UserRef::Name(required(settings, "username", "OS_USERNAME")?, domain(settings, "user")))
}

fn scope(settings: &Settings) -> Scope {
    let text = |name: &str| settings.get(name).map(str::to_owned);
    if let Some(trust) = text("trust_id") {
        return Scope::Trust(SecretString::from(trust));
    }
    if settings.get("system_scope") == Some("all") {
        return Scope::System;
    }
    if let Some(id) = text("project_id") {
        return Scope::Project(ProjectRef::Id(id));
    }
    if let Some(name) = text("project_name") {
        return Scope::Project(ProjectRef::Name(name, domain(settings, "project")));
    }
    match (text("domain_id"), text("domain_name")) {
        (Some(id), _) => Scope::Domain(DomainRef::Id(id)),
        (None, Some(name)) => Scope::Domain(DomainRef::Name(name)),
        (None, None) => Scope::Unscoped,
    }
}

/// The domain of the `user` or the `project`.
fn domain(settings: &Settings, of: &str) -> DomainRef {
    let text = |name: String| settings.get(&name).map(str::to_owned);
    if let Some(id) = text(format!("{of}_domain_id")) {
        return DomainRef::Id(id);
    }
    if let Some(name) = text(format!("{of}_domain_name")) {
        return DomainRef::Name(name);
    }
    match (
        text("default_domain_id".into()).or(text("default_domain".into())),
        text("default_domain_name".into()),
    ) {
        (Some(id), _) => DomainRef::Id(id),
        (None, Some(name)) => DomainRef::Name(name),
        (None, None) => DomainRef::Id(DEFAULT_DOMAIN.to_owned()),
    }
}

fn required(settings: &Settings, name: &str, variable: &str) -> Result<String> {
    settings.get(name).map(str::to_owned).ok_or_else(|| {
        CliError::usage(format!("{name} is not set")).advise(format!(
            "set {variable} (an openrc file does), or name a cloud of clouds.yaml by OS_CLOUD or --os-cloud"
        ))
    })
}

fn secret(settings: &Settings, name: &str, variable: &str) -> Result<SecretString> {
    required(settings, name, variable).map(SecretString::from)
}
