//! Rows of cluster templates: see [`crate::rows`].

use crate::{
    beside,
    error::DbError,
    pool::Arg,
    rows::{Cell, json_text, moment},
};
use chrono::NaiveDateTime;
use magnum_types::{ClusterTemplate, Labels, ServerType};
use serde::Deserialize;
use sqlx::FromRow;

#[derive(FromRow, Deserialize)]
pub(crate) struct TemplateRow {
    id: i64,
    uuid: Option<String>,
    project_id: Option<String>,
    user_id: Option<String>,
    name: Option<String>,
    image_id: Option<String>,
    flavor_id: Option<String>,
    master_flavor_id: Option<String>,
    keypair_id: Option<String>,
    external_network_id: Option<String>,
    fixed_network: Option<String>,
    fixed_subnet: Option<String>,
    network_driver: Option<String>,
    volume_driver: Option<String>,
    dns_nameserver: Option<String>,
    apiserver_port: Option<i32>,
    docker_volume_size: Option<i32>,
    docker_storage_driver: Option<String>,
    cluster_distro: Option<String>,
    coe: Option<String>,
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    no_proxy: Option<String>,
    #[serde(deserialize_with = "beside::flag")]
    registry_enabled: Option<bool>,
    insecure_registry: Option<String>,
    labels: Option<String>,
    #[serde(deserialize_with = "beside::flag")]
    tls_disabled: Option<bool>,
    #[serde(deserialize_with = "beside::flag")]
    public: Option<bool>,
    server_type: Option<String>,
    #[serde(deserialize_with = "beside::flag")]
    master_lb_enabled: Option<bool>,
    #[serde(deserialize_with = "beside::flag")]
    floating_ip_enabled: Option<bool>,
    #[serde(deserialize_with = "beside::flag")]
    hidden: Option<bool>,
    tags: Option<String>,
    driver: Option<String>,
    #[serde(deserialize_with = "beside::moment")]
    created_at: Option<NaiveDateTime>,
    #[serde(deserialize_with = "beside::moment")]
    updated_at: Option<NaiveDateTime>,
}

/// Its columns.
pub(crate) const TEMPLATE_COLUMNS: &[&str] = &[
    "id",
    "uuid",
    "project_id",
    "user_id",
    "name",
    "image_id",
    "flavor_id",
    "master_flavor_id",
    "keypair_id",
    "external_network_id",
    "fixed_network",
    "fixed_subnet",
    "network_driver",
    "volume_driver",
    "dns_nameserver",
    "apiserver_port",
    "docker_volume_size",
    "docker_storage_driver",
    "cluster_distro",
    "coe",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "registry_enabled",
    "insecure_registry",
    "labels",
    "tls_disabled",
    "public",
    "server_type",
    "master_lb_enabled",
    "floating_ip_enabled",
    "hidden",
    "tags",
    "driver",
    "created_at",
    "updated_at",
];

impl TemplateRow {
    pub fn uuid(&self) -> &str {
        self.uuid.as_deref().unwrap_or_default()
    }

    pub fn read(self) -> Result<ClusterTemplate, DbError> {
        let ident = self.uuid().to_owned();
        let cell = |column| Cell { table: "cluster_template", ident: &ident, column };
        Ok(ClusterTemplate {
            id: self.id,
            uuid: cell("uuid").parse(&ident)?,
            project_id: self.project_id.unwrap_or_default(),
            user_id: self.user_id.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            coe: cell("coe").parse(self.coe.as_deref().unwrap_or_default())?,
            image_id: self.image_id.unwrap_or_default(),
            flavor_id: self.flavor_id,
            master_flavor_id: self.master_flavor_id,
            keypair_id: self.keypair_id,
            external_network_id: self.external_network_id,
            fixed_network: self.fixed_network,
            fixed_subnet: self.fixed_subnet,
            network_driver: self.network_driver,
            volume_driver: self.volume_driver,
            dns_nameserver: self.dns_nameserver,
            apiserver_port: self.apiserver_port,
            docker_volume_size: self.docker_volume_size,
            docker_storage_driver: self.docker_storage_driver,
            cluster_distro: self.cluster_distro,
            http_proxy: self.http_proxy,
            https_proxy: self.https_proxy,
            no_proxy: self.no_proxy,
            registry_enabled: self.registry_enabled.unwrap_or(false),
            insecure_registry: self.insecure_registry,
            labels: Labels(cell("labels").map(self.labels.as_deref())?),
            tls_disabled: self.tls_disabled.unwrap_or(false),
            public: self.public.unwrap_or(false),
            hidden: self.hidden.unwrap_or(false),
            server_type: match self.server_type.as_deref() {
                None | Some("") => ServerType::Vm,
                Some(text) => cell("server_type").parse(text)?,
            },
            master_lb_enabled: self.master_lb_enabled.unwrap_or(false),
            floating_ip_enabled: self.floating_ip_enabled.unwrap_or(true),
            tags: self.tags,
            driver: self.driver,
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
        })
    }
}

/// Every column that a client may set, with its value.
pub(crate) fn columns(template: &ClusterTemplate) -> Result<Vec<(&'static str, Arg)>, DbError> {
    Ok(vec![
        ("project_id", (&template.project_id).into()),
        ("user_id", (&template.user_id).into()),
        ("name", (&template.name).into()),
        ("coe", template.coe.as_str().into()),
        ("image_id", (&template.image_id).into()),
        ("flavor_id", (&template.flavor_id).into()),
        ("master_flavor_id", (&template.master_flavor_id).into()),
        ("keypair_id", (&template.keypair_id).into()),
        ("external_network_id", (&template.external_network_id).into()),
        ("fixed_network", (&template.fixed_network).into()),
        ("fixed_subnet", (&template.fixed_subnet).into()),
        ("network_driver", (&template.network_driver).into()),
        ("volume_driver", (&template.volume_driver).into()),
        ("dns_nameserver", (&template.dns_nameserver).into()),
        ("apiserver_port", template.apiserver_port.into()),
        ("docker_volume_size", template.docker_volume_size.into()),
        ("docker_storage_driver", (&template.docker_storage_driver).into()),
        ("cluster_distro", (&template.cluster_distro).into()),
        ("http_proxy", (&template.http_proxy).into()),
        ("https_proxy", (&template.https_proxy).into()),
        ("no_proxy", (&template.no_proxy).into()),
        ("registry_enabled", template.registry_enabled.into()),
        ("insecure_registry", (&template.insecure_registry).into()),
        ("labels", json_text(&template.labels)?.into()),
        ("tls_disabled", template.tls_disabled.into()),
        ("public", template.public.into()),
        ("hidden", template.hidden.into()),
        ("server_type", template.server_type.as_str().into()),
        ("master_lb_enabled", template.master_lb_enabled.into()),
        ("floating_ip_enabled", template.floating_ip_enabled.into()),
        ("tags", (&template.tags).into()),
        ("driver", (&template.driver).into()),
    ])
}
