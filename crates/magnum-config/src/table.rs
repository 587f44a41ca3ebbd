//! The option table: every option of every group, in the order of the sample file.
//!
//! It is assembled from the sections' declarations. Groups that only libraries of the Python service read are
//! named here with the reason why nothing in them has an effect.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::option::{OptionSpec, Section};
use crate::sections::{clients, cluster, database, keystone, logging, messaging, ours, service, trust, web};

/// Old names of whole groups and the groups they became.
pub(crate) const GROUP_ALIASES: &[(&str, &str)] =
    &[("bay", "cluster"), ("bay_heat", "cluster_heat"), ("baymodel", "cluster_template")];

/// Groups whose options are accepted unseen, and why.
pub(crate) const IGNORED_GROUPS: &[(&str, &str)] = &[
    ("audit_middleware_notifications", "the audit filter of the Python pipeline does not exist here"),
    ("cache", "no caching library is configured; validated tokens are cached in the process"),
    ("matchmaker_redis", "only RabbitMQ is spoken"),
    ("oslo_messaging_amqp", "only RabbitMQ is spoken"),
    ("oslo_messaging_kafka", "only RabbitMQ is spoken"),
    ("oslo_messaging_metrics", "metrics are served by the service itself"),
    ("oslo_messaging_zmq", "only RabbitMQ is spoken"),
    ("oslo_versionedobjects", "no versioned objects are exchanged"),
    ("profiler", "the Python profiler does not exist here"),
    ("profiler_jaeger", "the Python profiler does not exist here"),
    ("profiler_otlp", "the Python profiler does not exist here"),
    ("ssl", "the API's certificate is set in [api]"),
    ("wsgi", "there is no WSGI server"),
];

/// All options, with an index.
pub(crate) struct Table {
    options: Vec<OptionSpec>,
    index: HashMap<(&'static str, &'static str), usize>,
}

impl Table {
    pub fn get(&self, group: &str, name: &str) -> Option<&OptionSpec> {
        self.index.get(&(group, name)).and_then(|place| self.options.get(*place))
    }

    pub fn options(&self) -> &[OptionSpec] {
        &self.options
    }
}

/// Every declared option, grouped, in the order of the sample file.
pub fn options() -> &'static [OptionSpec] {
    table().options()
}

pub(crate) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(build);
    &TABLE
}

fn build() -> Table {
    let mut options = Vec::new();
    options.extend(service::DefaultSection::options("DEFAULT"));
    options.extend(logging::Log::options("DEFAULT"));
    options.extend(messaging::Messaging::options("DEFAULT"));
    options.extend(service::Api::options("api"));
    options.extend(service::Conductor::options("conductor"));
    options.extend(service::Quotas::options("quotas"));
    options.extend(database::Database::options("database"));
    options.extend(ours::Secrets::options("secrets"));
    options.extend(ours::Node::options("node"));
    options.extend(keystone::Auth::options("keystone_auth"));
    options.extend(keystone::Auth::options("keystone_authtoken"));
    options.extend(keystone::TokenMiddleware::options("keystone_authtoken"));
    options.extend(trust::Trust::options("trust"));
    options.extend(trust::Certificates::options("certificates"));
    options.extend(trust::X509::options("x509"));
    options.extend(cluster::Cluster::options("cluster"));
    options.extend(cluster::ClusterHeat::options("cluster_heat"));
    options.extend(cluster::ClusterTemplate::options("cluster_template"));
    options.extend(cluster::Cinder::options("cinder"));
    options.extend(cluster::Docker::options("docker"));
    options.extend(cluster::DockerRegistry::options("docker_registry"));
    options.extend(cluster::Drivers::options("drivers"));
    options.extend(cluster::Kubernetes::options("kubernetes"));
    for (group, version) in clients::CLIENTS {
        options.extend(clients::Client::options(group).into_iter().map(|mut option| {
            if option.name == "api_version" {
                option.default = *version;
            }
            option
        }));
    }
    options.extend(messaging::Notifications::options("oslo_messaging_notifications"));
    options.extend(messaging::Rabbit::options("oslo_messaging_rabbit"));
    options.extend(web::Policy::options("oslo_policy"));
    options.extend(web::Cors::options("cors"));
    options.extend(web::Middleware::options("oslo_middleware"));
    options.extend(web::Healthcheck::options("healthcheck"));
    options.extend(web::concurrency("oslo_concurrency"));
    options.extend(web::reports("oslo_reports"));
    let index =
        options.iter().enumerate().map(|(place, option)| ((option.group, option.name), place)).collect();
    Table { options, index }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_is_declared_twice_and_no_old_name_is_taken() {
        let table = table();
        assert_eq!(table.index.len(), table.options.len());
        for option in table.options() {
            for (group, name) in option.old_names(GROUP_ALIASES) {
                assert!(
                    table.get(group, name).is_none(),
                    "[{group}] {name} is both an option and an old name"
                );
            }
        }
    }

    #[test]
    fn every_option_has_a_help_text_that_ends_as_a_sentence() {
        for option in options() {
            assert!(
                option.help.ends_with('.') || option.ignored.is_some(),
                "[{}] {}: {:?}",
                option.group,
                option.name,
                option.help
            );
            assert!(!option.help.is_empty());
        }
    }

    #[test]
    fn ignored_groups_and_declared_groups_are_disjoint() {
        for (group, why) in IGNORED_GROUPS {
            assert!(!why.is_empty());
            assert!(options().iter().all(|option| option.group != *group), "{group}");
        }
    }
}
