//! `magnum.conf`: the dialect of oslo.config, and the sections of the service as plain typed structs.
//!
//! An operator's file must keep working without a change and a mistake in it must be found at the start, by
//! file, line and name. So the dialect is read to the letter (`ini`, `template`, `sources`), every option is
//! declared once as data (`option`, `table`, `sections`), and from that one table come the checks, the typed
//! result, the sample file and the help text (`resolver`, `audit`, `reference`).

mod audit;
mod error;
mod ini;
mod option;
mod reference;
mod resolver;
mod sections;
mod sources;
mod table;
mod template;
mod value;
mod write;

pub use error::{BadValue, ConfigError, Origin, Syntax, Warning};
pub use ini::{Assignment, parse as parse_ini};
pub use option::OptionSpec;
pub use reference::{reference_help, sample};
pub use sections::clients::Client;
pub use sections::cluster::{
    Cinder, Cluster, ClusterHeat, ClusterTemplate, Docker, DockerRegistry, Drivers, Kubernetes,
};
pub use sections::database::Database;
pub use sections::keystone::{Auth, AuthToken, TokenMiddleware};
pub use sections::logging::Log;
pub use sections::messaging::{Messaging, Notifications, Rabbit};
pub use sections::ours::{Node, Secrets};
pub use sections::service::{Api, Conductor, DefaultSection, Quotas};
pub use sections::trust::{Certificates, Trust, X509};
pub use sections::web::{Cors, Healthcheck, Middleware, Policy};
pub use sources::Sources;
pub use table::options;
pub use value::{Kind, Repeated, dict, list};
pub use write::{assignment, write_private};

use crate::option::Section;
use crate::resolver::Resolver;
use crate::sections::messaging;

/// Every section, with defaults in place and all references resolved.
#[derive(Debug, Clone)]
pub struct MagnumConfig {
    /// `[DEFAULT]`: what holds for every process.
    pub default: DefaultSection,
    /// `[DEFAULT]`: the log.
    pub log: Log,
    /// `[DEFAULT]`: the message bus.
    pub messaging: Messaging,
    /// `[api]`: the REST server.
    pub api: Api,
    /// `[conductor]`: the process that does the work.
    pub conductor: Conductor,
    /// `[quotas]`: limits of projects.
    pub quotas: Quotas,
    /// `[database]`: the store.
    pub database: Database,
    /// `[secrets]`: how stored secrets are sealed.
    pub secrets: Secrets,
    /// `[node]`: the program that runs on nodes.
    pub node: Node,
    /// `[keystone_auth]`: credentials of the service; see [`Self::service_auth`].
    pub keystone_auth: Auth,
    /// `[keystone_authtoken]`: the check of callers' tokens.
    pub keystone_authtoken: AuthToken,
    /// `[trust]`: the domain of cluster users.
    pub trust: Trust,
    /// `[certificates]`: where certificates are kept.
    pub certificates: Certificates,
    /// `[x509]`: what certificates may say.
    pub x509: X509,
    /// `[cluster]`: what holds for clusters of every kind.
    pub cluster: Cluster,
    /// `[cluster_heat]`: creation through Heat.
    pub cluster_heat: ClusterHeat,
    /// `[cluster_template]`: what templates may ask for.
    pub cluster_template: ClusterTemplate,
    /// `[cinder]`: volumes of nodes.
    pub cinder: Cinder,
    /// `[docker]`: the Docker engines of Swarm clusters.
    pub docker: Docker,
    /// `[docker_registry]`: the registry inside clusters.
    pub docker_registry: DockerRegistry,
    /// `[drivers]`: which kinds of clusters are offered.
    pub drivers: Drivers,
    /// `[kubernetes]`: what holds for Kubernetes clusters.
    pub kubernetes: Kubernetes,
    /// `[barbican_client]`: how Barbican is reached.
    pub barbican_client: Client,
    /// `[cinder_client]`: how Cinder is reached.
    pub cinder_client: Client,
    /// `[glance_client]`: how Glance is reached.
    pub glance_client: Client,
    /// `[heat_client]`: how Heat is reached.
    pub heat_client: Client,
    /// `[magnum_client]`: how nodes reach this service.
    pub magnum_client: Client,
    /// `[neutron_client]`: how Neutron is reached.
    pub neutron_client: Client,
    /// `[nova_client]`: how Nova is reached.
    pub nova_client: Client,
    /// `[octavia_client]`: how Octavia is reached.
    pub octavia_client: Client,
    /// `[oslo_messaging_notifications]`: messages about clusters.
    pub oslo_messaging_notifications: Notifications,
    /// `[oslo_messaging_rabbit]`: RabbitMQ.
    pub oslo_messaging_rabbit: Rabbit,
    /// `[oslo_policy]`: who may do what.
    pub oslo_policy: Policy,
    /// `[cors]`: web pages of other origins.
    pub cors: Cors,
    /// `[oslo_middleware]`: requests and proxies.
    pub oslo_middleware: Middleware,
    /// `[healthcheck]`: the answer to load balancers.
    pub healthcheck: Healthcheck,
}

impl MagnumConfig {
    /// Reads all sources and checks every option that has an effect. The warnings are for the log.
    ///
    /// Fails on a file that is missing or breaks the grammar, and on the first value that its option may not have.
    pub fn load(sources: &Sources) -> Result<(Self, Vec<Warning>), ConfigError> {
        let table = table::table();
        let settings = sources.collect()?;
        let config = Self::read(&Resolver::new(table, &settings, &sources.host_name))?;
        let auth_groups: Vec<String> = [&config.keystone_auth, &config.keystone_authtoken.auth]
            .into_iter()
            .filter_map(|auth| auth.auth_section.as_deref().map(sources::group_key))
            .collect();
        let warnings = audit::warnings(table, &settings, &auth_groups);
        Ok((config, warnings))
    }

    fn read(resolver: &Resolver<'_>) -> Result<Self, ConfigError> {
        let rabbit = Rabbit::read(resolver, "oslo_messaging_rabbit")?;
        let mut bus = Messaging::read(resolver, "DEFAULT")?;
        messaging::transport_url(resolver, &mut bus, &rabbit)?;
        Ok(Self {
            default: Section::read(resolver, "DEFAULT")?,
            log: Section::read(resolver, "DEFAULT")?,
            messaging: bus,
            api: Section::read(resolver, "api")?,
            conductor: Section::read(resolver, "conductor")?,
            quotas: Section::read(resolver, "quotas")?,
            database: Section::read(resolver, "database")?,
            secrets: Section::read(resolver, "secrets")?,
            node: Section::read(resolver, "node")?,
            keystone_auth: Auth::resolve(resolver, "keystone_auth")?,
            keystone_authtoken: AuthToken {
                auth: Auth::resolve(resolver, "keystone_authtoken")?,
                middleware: Section::read(resolver, "keystone_authtoken")?,
            },
            trust: Section::read(resolver, "trust")?,
            certificates: Section::read(resolver, "certificates")?,
            x509: Section::read(resolver, "x509")?,
            cluster: Section::read(resolver, "cluster")?,
            cluster_heat: Section::read(resolver, "cluster_heat")?,
            cluster_template: Section::read(resolver, "cluster_template")?,
            cinder: Section::read(resolver, "cinder")?,
            docker: Section::read(resolver, "docker")?,
            docker_registry: Section::read(resolver, "docker_registry")?,
            drivers: Section::read(resolver, "drivers")?,
            kubernetes: Section::read(resolver, "kubernetes")?,
            barbican_client: Section::read(resolver, "barbican_client")?,
            cinder_client: Section::read(resolver, "cinder_client")?,
            glance_client: Section::read(resolver, "glance_client")?,
            heat_client: Section::read(resolver, "heat_client")?,
            magnum_client: Section::read(resolver, "magnum_client")?,
            neutron_client: Section::read(resolver, "neutron_client")?,
            nova_client: Section::read(resolver, "nova_client")?,
            octavia_client: Section::read(resolver, "octavia_client")?,
            oslo_messaging_notifications: Section::read(resolver, "oslo_messaging_notifications")?,
            oslo_messaging_rabbit: rabbit,
            oslo_policy: Section::read(resolver, "oslo_policy")?,
            cors: Section::read(resolver, "cors")?,
            oslo_middleware: Section::read(resolver, "oslo_middleware")?,
            healthcheck: Section::read(resolver, "healthcheck")?,
        })
    }

    /// The service's own credentials: `[keystone_auth]`, or those of `[keystone_authtoken]` where it names none.
    pub fn service_auth(&self) -> &Auth {
        if self.keystone_auth.method().is_some() {
            &self.keystone_auth
        } else {
            &self.keystone_authtoken.auth
        }
    }
}
