//! The fields of a template as clients give them: read the same way from a create's body and from a patched
//! document, so that both obey the same limits.

use crate::extract::fields::Fields;
use magnum_types::{ClusterTemplate, Coe, Labels, ServerType, ServiceError, TemplateId};
use std::net::Ipv4Addr;

/// Longest text of most fields.
const MAX_TEXT: usize = 255;

/// Fields that only the server sets. `cluster_distro` is accepted and overwritten, as it always was.
const READ_ONLY: &[&str] = &["links", "created_at", "updated_at", "project_id", "user_id"];

/// Reads every field; what is absent gets its default. `name` and `uuid` are left to the caller's choice when absent.
pub fn read(mut fields: Fields, owner: Owner<'_>) -> Result<ClusterTemplate, ServiceError> {
    let f = &mut fields;
    let coe = f.required_text("coe", MAX_TEXT)?.parse::<Coe>().map_err(|_| {
        let known: Vec<_> = Coe::ALL.iter().map(|coe| coe.as_str()).collect();
        ServiceError::invalid(format!("Invalid value for coe: use one of {}", known.join(", ")))
    })?;
    let server_type = match f.text("server_type", MAX_TEXT)? {
        None => ServerType::Vm,
        Some(text) => text.parse().map_err(|_| {
            ServiceError::invalid(format!("Invalid value for server_type: {text:?}; use vm or bm"))
        })?,
    };
    let uuid = match f.text("uuid", MAX_TEXT)? {
        None => owner.uuid,
        Some(text) => text.parse().map_err(|_| {
            ServiceError::invalid(format!("Invalid value for uuid: expected a UUID but received {text:?}"))
        })?,
    };
    f.text("cluster_distro", MAX_TEXT)?;
    let template = ClusterTemplate {
        id: 0,
        uuid,
        project_id: owner.project.to_owned(),
        user_id: owner.user.to_owned(),
        name: f.text("name", MAX_TEXT)?.unwrap_or_default(),
        coe,
        image_id: f.required_text("image_id", MAX_TEXT)?,
        flavor_id: f.text("flavor_id", MAX_TEXT)?,
        master_flavor_id: f.text("master_flavor_id", MAX_TEXT)?,
        keypair_id: f.text("keypair_id", MAX_TEXT)?,
        external_network_id: f.text("external_network_id", MAX_TEXT)?,
        fixed_network: f.text("fixed_network", MAX_TEXT)?,
        fixed_subnet: f.text("fixed_subnet", MAX_TEXT)?,
        network_driver: f.text("network_driver", MAX_TEXT)?,
        volume_driver: f.text("volume_driver", MAX_TEXT)?,
        dns_nameserver: f.text("dns_nameserver", MAX_TEXT)?.map(nameservers).transpose()?,
        apiserver_port: f.integer("apiserver_port", 1024, 65535)?,
        docker_volume_size: f.integer("docker_volume_size", 1, i32::MAX)?,
        docker_storage_driver: f.text("docker_storage_driver", MAX_TEXT)?,
        cluster_distro: None,
        http_proxy: f.text("http_proxy", MAX_TEXT)?,
        https_proxy: f.text("https_proxy", MAX_TEXT)?,
        no_proxy: f.text("no_proxy", MAX_TEXT)?,
        registry_enabled: f.boolean("registry_enabled")?.unwrap_or(false),
        insecure_registry: f.text("insecure_registry", MAX_TEXT)?,
        labels: f.labels("labels")?.unwrap_or(Labels::default()),
        tls_disabled: f.boolean("tls_disabled")?.unwrap_or(false),
        public: f.boolean("public")?.unwrap_or(false),
        hidden: f.boolean("hidden")?.unwrap_or(false),
        server_type,
        master_lb_enabled: f.boolean("master_lb_enabled")?.unwrap_or(false),
        floating_ip_enabled: f.boolean("floating_ip_enabled")?.unwrap_or(true),
        tags: f.text("tags", MAX_TEXT)?,
        driver: f.text("driver", MAX_TEXT)?,
        created_at: None,
        updated_at: None,
    };
    fields.finish(READ_ONLY)?;
    if template.docker_storage_driver.as_deref() == Some("devicemapper")
        && template.docker_volume_size.is_none_or(|size| size < 3)
    {
        return Err(ServiceError::invalid(
            "docker_volume_size must be at least 3 GB with docker_storage_driver devicemapper",
        ));
    }
    Ok(template)
}

/// Whose template it becomes.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The project.
    pub project: &'a str,
    /// The user.
    pub user: &'a str,
    /// The identity it gets unless the client chose one.
    pub uuid: TemplateId,
}

/// A comma-separated list of IPv4 addresses.
fn nameservers(text: String) -> Result<String, ServiceError> {
    match text.split(',').find(|part| part.trim().parse::<Ipv4Addr>().is_err()) {
        None => Ok(text),
        Some(wrong) => Err(ServiceError::invalid(format!(
            "Invalid value for dns_nameserver: {wrong:?} is not an IPv4 address"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read_from(body: Value) -> Result<ClusterTemplate, ServiceError> {
        let owner = Owner { project: "p", user: "u", uuid: TemplateId(uuid::Uuid::from_u128(1)) };
        read(Fields::of(body).unwrap(), owner)
    }

    #[test]
    fn defaults_are_upstreams() {
        let template = read_from(json!({"coe": "swarm-mode", "image_id": "i", "driver": null})).unwrap();
        assert!(template.floating_ip_enabled);
        assert!(!template.public && !template.tls_disabled && !template.master_lb_enabled);
        assert_eq!(template.server_type, ServerType::Vm);
    }

    #[test]
    fn every_wrong_value_is_refused_by_name() {
        let cases = [
            ("coe", json!({"image_id": "i"})),
            ("coe", json!({"coe": "nomad", "image_id": "i"})),
            ("image_id", json!({"coe": "swarm"})),
            ("server_type", json!({"coe": "swarm", "image_id": "i", "server_type": "lxc"})),
            ("dns_nameserver", json!({"coe": "swarm", "image_id": "i", "dns_nameserver": "8.8.8.8,x"})),
            ("apiserver_port", json!({"coe": "swarm", "image_id": "i", "apiserver_port": "80"})),
            ("public", json!({"coe": "swarm", "image_id": "i", "public": "perhaps"})),
            (
                "docker_volume_size",
                json!({"coe": "swarm", "image_id": "i", "docker_storage_driver": "devicemapper"}),
            ),
            ("labels", json!({"coe": "swarm", "image_id": "i", "labels": 3})),
            ("colour", json!({"coe": "swarm", "image_id": "i", "colour": 3})),
        ];
        for (field, body) in cases {
            let error = read_from(body.clone()).unwrap_err();
            assert!(error.public.contains(field), "{body}: {}", error.public);
        }
    }
}
