//! The door to the cloud: built once from the settings, shared by everything that calls OpenStack.
//!
//! It owns one connection pool per distinct set of transport settings, the service user's session and the trustee
//! domain admin's, and hands out service clients bound to whichever session the caller has.

use crate::{
    auth::{AuthMethod, AuthSettings, DomainRef, Scope, UserRef},
    barbican::Barbican,
    catalog::Service,
    cinder::Cinder,
    client::{EndpointSettings, ServiceClient},
    container_infra::ContainerInfra,
    error::CloudError,
    glance::Glance,
    heat::Heat,
    keystone::Keystone,
    neutron::Neutron,
    nova::Nova,
    octavia::Octavia,
    session::Session,
    token::ValidToken,
    transport::{Transport, TransportSettings},
    validator::{TokenValidator, ValidatorSettings},
};
use magnum_types::{Clock, Entropy};
use secrecy::SecretString;
use std::sync::Arc;

/// Everything needed to reach the cloud.
#[derive(Debug, Clone)]
pub struct CloudSettings {
    /// The service user.
    pub service: AuthSettings,
    /// The trustee domain's admin; without it trustee users cannot be made.
    pub trustee_admin: Option<TrusteeAdmin>,
    /// How to reach Keystone for authentication, and every service without settings of its own.
    pub transport: TransportSettings,
    /// Which endpoints to use for every service without settings of its own.
    pub endpoint: EndpointSettings,
    /// A service's own settings; a later entry for the same service wins.
    pub services: Vec<(Service, EndpointSettings, TransportSettings)>,
}

/// The user that may make users in the trustee domain, and nothing else.
#[derive(Debug, Clone)]
pub struct TrusteeAdmin {
    /// The user.
    pub user: UserRef,
    /// Its password.
    pub password: SecretString,
    /// The trustee domain, to which the session is scoped.
    pub domain: DomainRef,
}

/// See the module. Share it in an `Arc`.
pub struct Cloud {
    identity: Arc<Transport>,
    reach: Vec<(Arc<EndpointSettings>, Arc<Transport>)>,
    clock: Arc<dyn Clock>,
    service_auth: AuthSettings,
    service: Session,
    trustee_admin: Option<Session>,
}

impl Cloud {
    /// Builds the pools; makes no call. Fails with `Settings` when a certificate file is unusable.
    pub fn new(
        settings: CloudSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, CloudError> {
        let mut pools: Vec<Arc<Transport>> = Vec::new();
        let mut pool = |wanted: &TransportSettings| -> Result<Arc<Transport>, CloudError> {
            if let Some(pool) = pools.iter().find(|pool| pool.settings() == wanted) {
                return Ok(pool.clone());
            }
            let new = Arc::new(Transport::new(wanted.clone(), entropy.clone())?);
            pools.push(new.clone());
            Ok(new)
        };
        let identity = pool(&settings.transport)?;
        let mut reach = Vec::with_capacity(Service::ALL.len());
        for service in Service::ALL {
            let own = settings.services.iter().rev().find(|(of, ..)| *of == service);
            let (endpoint, transport) = own
                .map_or((&settings.endpoint, &settings.transport), |(_, endpoint, transport)| {
                    (endpoint, transport)
                });
            reach.push((Arc::new(endpoint.clone()), pool(transport)?));
        }
        let service = Session::new(settings.service.clone(), identity.clone(), clock.clone());
        let trustee_admin = settings.trustee_admin.map(|admin| {
            let method = AuthMethod::Password { user: admin.user, password: admin.password };
            let auth = AuthSettings {
                auth_url: settings.service.auth_url.clone(),
                method,
                scope: Scope::Domain(admin.domain),
            };
            Session::new(auth, identity.clone(), clock.clone())
        });
        Ok(Self { identity, reach, clock, service_auth: settings.service, service, trustee_admin })
    }

    /// A session with other credentials at the same Keystone.
    pub fn session(&self, method: AuthMethod, scope: Scope) -> Session {
        let auth = AuthSettings { auth_url: self.service_auth.auth_url.clone(), method, scope };
        Session::new(auth, self.identity.clone(), self.clock.clone())
    }

    /// The service user's session.
    pub fn service_session(&self) -> &Session {
        &self.service
    }

    /// The trustee domain admin's session, where one is configured.
    pub fn trustee_admin_session(&self) -> Option<&Session> {
        self.trustee_admin.as_ref()
    }

    /// A cluster's trustee, acting by its trust. Cheap to make, but every new one authenticates: keep it per cluster.
    pub fn trust_session(
        &self,
        trustee_user_id: &str,
        password: SecretString,
        trust_id: SecretString,
    ) -> Session {
        let user = UserRef::Id(trustee_user_id.to_owned());
        self.session(AuthMethod::Password { user, password }, Scope::Trust(trust_id))
    }

    /// An application credential's session.
    pub fn application_credential_session(&self, id: &str, secret: SecretString) -> Session {
        self.session(AuthMethod::ApplicationCredential { id: id.to_owned(), secret }, Scope::Unscoped)
    }

    /// The caller's own token, as it is. With `facts` (from the validator) no call is needed to learn its catalog.
    pub fn user_session(&self, token: SecretString, facts: Option<Arc<ValidToken>>) -> Session {
        let session = self.session(AuthMethod::Given { token: token.clone() }, Scope::Unscoped);
        match facts {
            Some(facts) => session.with_facts(token, facts),
            None => session,
        }
    }

    /// A validator that asks with the service user's token.
    pub fn token_validator(&self, settings: ValidatorSettings) -> TokenValidator {
        TokenValidator::new(self.client(Service::Identity, &self.service), self.clock.clone(), settings)
    }

    /// `service` as `session` reaches it.
    pub fn client(&self, service: Service, session: &Session) -> ServiceClient {
        let (endpoint, transport) = match self.reach.get(service.index()) {
            Some((endpoint, transport)) => (endpoint.clone(), transport.clone()),
            None => (Arc::default(), self.identity.clone()),
        };
        ServiceClient::new(service, session.clone(), transport, endpoint)
    }

    /// Keystone for `session`.
    pub fn keystone(&self, session: &Session) -> Keystone {
        Keystone(self.client(Service::Identity, session))
    }

    /// Heat for `session`.
    pub fn heat(&self, session: &Session) -> Heat {
        Heat(self.client(Service::Orchestration, session))
    }

    /// Nova for `session`.
    pub fn nova(&self, session: &Session) -> Nova {
        Nova(self.client(Service::Compute, session))
    }

    /// Neutron for `session`.
    pub fn neutron(&self, session: &Session) -> Neutron {
        Neutron(self.client(Service::Network, session))
    }

    /// Glance for `session`.
    pub fn glance(&self, session: &Session) -> Glance {
        Glance(self.client(Service::Image, session))
    }

    /// Cinder for `session`.
    pub fn cinder(&self, session: &Session) -> Cinder {
        Cinder(self.client(Service::BlockStorage, session))
    }

    /// Octavia for `session`.
    pub fn octavia(&self, session: &Session) -> Octavia {
        Octavia(self.client(Service::LoadBalancer, session))
    }

    /// Magnum for `session`.
    pub fn container_infra(&self, session: &Session) -> ContainerInfra {
        ContainerInfra(self.client(Service::ContainerInfra, session))
    }

    /// Barbican for `session`.
    pub fn barbican(&self, session: &Session) -> Barbican {
        Barbican(self.client(Service::KeyManager, session))
    }
}
