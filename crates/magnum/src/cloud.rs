//! The cloud as `magnum.conf` describes it.

use anyhow::{Context, Result, bail};
use magnum_config::{Auth, Client, MagnumConfig};
use magnum_openstack::{
    AuthMethod, AuthSettings, Cloud, CloudSettings, DomainRef, EndpointSettings, Interface, ProjectRef,
    Scope, Service, TransportSettings, TrusteeAdmin, UserRef, ValidatorSettings,
};
use magnum_types::{Clock, Entropy};
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// The cloud.
///
/// # Errors
/// When the credentials are incomplete (names the section and option), or a certificate file is unusable.
pub fn connect(config: &MagnumConfig, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Cloud> {
    let auth = config.service_auth();
    let service =
        service_auth(auth).context("the service's credentials ([keystone_auth] or [keystone_authtoken])")?;
    let transport = TransportSettings {
        ca_file: auth.cafile.as_ref().map(Into::into),
        insecure: auth.insecure,
        client_cert: auth.certfile.as_ref().map(Into::into),
        client_key: auth.keyfile.as_ref().map(Into::into),
        attempt_timeout: auth
            .timeout
            .map_or(TransportSettings::default().attempt_timeout, Duration::from_secs),
        ..TransportSettings::default()
    };
    let keystone = EndpointSettings {
        region: config.trust.trustee_keystone_region_name.clone().or_else(|| auth.region_name.clone()),
        interface: Interface::parse(&config.trust.trustee_keystone_interface).unwrap_or(Interface::Public),
        address: None,
    };
    let mut services = vec![(Service::Identity, keystone.clone(), transport.clone())];
    for (service, client) in [
        (Service::Orchestration, &config.heat_client),
        (Service::Compute, &config.nova_client),
        (Service::Network, &config.neutron_client),
        (Service::Image, &config.glance_client),
        (Service::BlockStorage, &config.cinder_client),
        (Service::LoadBalancer, &config.octavia_client),
        (Service::KeyManager, &config.barbican_client),
        (Service::ContainerInfra, &config.magnum_client),
    ] {
        services.push((service, endpoint(client), reach(client, &transport)));
    }
    let settings = CloudSettings {
        service,
        trustee_admin: trustee_admin(config),
        transport,
        endpoint: keystone,
        services,
    };
    Cloud::new(settings, clock, entropy).context("the cloud's clients cannot be made")
}

/// How tokens of callers are checked.
pub fn validator(config: &MagnumConfig) -> ValidatorSettings {
    let seconds = u64::try_from(config.keystone_authtoken.middleware.token_cache_time).unwrap_or(0);
    ValidatorSettings { cache_time: Duration::from_secs(seconds), ..ValidatorSettings::default() }
}

fn endpoint(client: &Client) -> EndpointSettings {
    EndpointSettings {
        region: client.region_name.clone(),
        interface: Interface::parse(&client.endpoint_type).unwrap_or(Interface::Public),
        address: None,
    }
}

/// A service's own certificates, or those of Keystone.
fn reach(client: &Client, keystone: &TransportSettings) -> TransportSettings {
    let mut transport = keystone.clone();
    if let Some(file) = &client.ca_file {
        transport.ca_file = Some(file.into());
    }
    if let Some(file) = &client.cert_file {
        transport.client_cert = Some(file.into());
        transport.client_key = client.key_file.as_ref().map(Into::into);
    }
    transport.insecure |= client.insecure;
    transport
}

fn domain(id: &Option<String>, name: &Option<String>, auth: &Auth) -> DomainRef {
    let by_id = id.as_ref().or(auth.default_domain_id.as_ref().filter(|_| name.is_none()));
    match (by_id, name.as_ref().or(auth.default_domain_name.as_ref())) {
        (Some(id), _) => DomainRef::Id(id.clone()),
        (None, Some(name)) => DomainRef::Name(name.clone()),
        (None, None) => DomainRef::Id("default".to_owned()),
    }
}

fn service_auth(auth: &Auth) -> Result<AuthSettings> {
    let auth_url = auth.auth_url.clone().context("auth_url is not set")?;
    let scope = if auth.system_scope.as_deref() == Some("all") {
        Scope::System
    } else if let Some(trust) = &auth.trust_id {
        Scope::Trust(SecretString::from(trust.clone()))
    } else if let Some(id) = &auth.project_id {
        Scope::Project(ProjectRef::Id(id.clone()))
    } else if let Some(name) = &auth.project_name {
        let domain = domain(&auth.project_domain_id, &auth.project_domain_name, auth);
        Scope::Project(ProjectRef::Name(name.clone(), domain))
    } else if let Some(id) = &auth.domain_id {
        Scope::Domain(DomainRef::Id(id.clone()))
    } else if let Some(name) = &auth.domain_name {
        Scope::Domain(DomainRef::Name(name.clone()))
    } else {
        Scope::Unscoped
    };
    let method = match auth.method() {
        Some("password" | "v3password") => AuthMethod::Password {
            user: match (&auth.user_id, &auth.username) {
                (Some(id), _) => UserRef::Id(id.clone()),
                (None, Some(name)) => {
                    UserRef::Name(name.clone(), domain(&auth.user_domain_id, &auth.user_domain_name, auth))
                }
                (None, None) => bail!("username is not set"),
            },
            password: auth.password.clone().context("password is not set")?,
        },
        Some("token" | "v3token") => AuthMethod::Token { token: auth.token.clone().context("token is not set")? },
        Some("v3applicationcredential") => AuthMethod::ApplicationCredential {
            id: auth.application_credential_id.clone().context(
                "application_credential_id is not set (an application credential is used by its id, not its name)",
            )?,
            secret: auth
                .application_credential_secret
                .clone()
                .context("application_credential_secret is not set")?,
        },
        Some(other) => bail!("auth_type {other:?} is not supported: use password, token or v3applicationcredential"),
        None => bail!("no credentials: set auth_type, username and password"),
    };
    // An application credential has its scope in itself.
    let scope =
        if matches!(method, AuthMethod::ApplicationCredential { .. }) { Scope::Unscoped } else { scope };
    Ok(AuthSettings { auth_url, method, scope })
}

fn trustee_admin(config: &MagnumConfig) -> Option<TrusteeAdmin> {
    let trust = &config.trust;
    let trustee_domain = match (&trust.trustee_domain_id, &trust.trustee_domain_name) {
        (Some(id), _) => DomainRef::Id(id.clone()),
        (None, Some(name)) => DomainRef::Name(name.clone()),
        (None, None) => return None,
    };
    let admin_domain = match (&trust.trustee_domain_admin_domain_id, &trust.trustee_domain_admin_domain_name)
    {
        (Some(id), _) => DomainRef::Id(id.clone()),
        (None, Some(name)) => DomainRef::Name(name.clone()),
        (None, None) => trustee_domain.clone(),
    };
    let user = match (&trust.trustee_domain_admin_id, &trust.trustee_domain_admin_name) {
        (Some(id), _) => UserRef::Id(id.clone()),
        (None, Some(name)) => UserRef::Name(name.clone(), admin_domain),
        (None, None) => return None,
    };
    let password = trust.trustee_domain_admin_password.clone()?;
    Some(TrusteeAdmin { user, password, domain: trustee_domain })
}
