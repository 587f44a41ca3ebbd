//! A template's document. Lists carry full documents too.

use crate::v1::document::{labels, links, time};
use magnum_types::ClusterTemplate;
use serde_json::{Value, json};

/// The document of `template`, with links that begin with `base`.
pub fn document(template: &ClusterTemplate, base: &str) -> Value {
    json!({
        "uuid": template.uuid.to_string(),
        "name": template.name,
        "coe": template.coe.as_str(),
        "image_id": template.image_id,
        "flavor_id": template.flavor_id,
        "master_flavor_id": template.master_flavor_id,
        "keypair_id": template.keypair_id,
        "external_network_id": template.external_network_id,
        "fixed_network": template.fixed_network,
        "fixed_subnet": template.fixed_subnet,
        "network_driver": template.network_driver,
        "volume_driver": template.volume_driver,
        "dns_nameserver": template.dns_nameserver,
        "apiserver_port": template.apiserver_port,
        "docker_volume_size": template.docker_volume_size,
        "docker_storage_driver": template.docker_storage_driver,
        "cluster_distro": template.cluster_distro,
        "http_proxy": template.http_proxy,
        "https_proxy": template.https_proxy,
        "no_proxy": template.no_proxy,
        "registry_enabled": template.registry_enabled,
        "insecure_registry": template.insecure_registry,
        "labels": labels(&template.labels),
        "tls_disabled": template.tls_disabled,
        "public": template.public,
        "hidden": template.hidden,
        "server_type": template.server_type.as_str(),
        "master_lb_enabled": template.master_lb_enabled,
        "floating_ip_enabled": template.floating_ip_enabled,
        "tags": template.tags,
        "driver": template.driver,
        "project_id": template.project_id,
        "user_id": template.user_id,
        "links": links(base, &format!("clustertemplates/{}", template.uuid)),
        "created_at": time(template.created_at),
        "updated_at": time(template.updated_at),
    })
}
