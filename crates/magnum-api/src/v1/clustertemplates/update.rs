//! Changes a template. While a cluster is made from it, only what cannot change that cluster's meaning may change.

use crate::{
    error::Answer,
    extract::{
        Call, PatchBody,
        fields::Fields,
        patch::{self, Rules},
    },
    v1::{
        clustertemplates::{check_publish, checks, fields, load, view},
        document::object,
        warnings::warned,
    },
};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_policy::Rule;
use magnum_types::{ClusterTemplate, ServiceError};
use serde_json::Value;

const RULES: Rules = Rules {
    internal: &[],
    mandatory: &[
        "image_id",
        "coe",
        "network_driver",
        "external_network_id",
        "tls_disabled",
        "public",
        "hidden",
        "server_type",
        "registry_enabled",
        "cluster_distro",
    ],
    maps: &["labels"],
    lists: &[],
};

/// `PATCH /v1/clustertemplates/{template}`
pub async fn update(call: Call, Path(ident): Path<String>, PatchBody(operations): PatchBody) -> Answer {
    call.arguments(&[])?;
    let present =
        load(&call, &ident, Rule::ClusterTemplateUpdateAllProjects, Rule::ClusterTemplateUpdate).await?;
    let mut document = object(view::document(&present, &call.base));
    patch::apply(&mut document, &operations, RULES)?;
    let mut wanted = read(document, &present)?;
    check_publish(&call, wanted.public && !present.public, wanted.hidden && !present.hidden)?;
    if wanted == present {
        return Ok(Json(view::document(&present, &call.base)).into_response());
    }
    if !is_harmless(&present, &wanted) && call.state.store.template_is_referenced(present.uuid).await? {
        return Err(ServiceError::invalid(format!(
            "ClusterTemplate {} is referenced by one or multiple clusters: make a new one instead",
            present.uuid
        ))
        .into());
    }
    let warnings = match same_for_the_cloud(&present, &wanted) {
        true => Vec::new(),
        false => checks::complete(&call, &mut wanted).await?,
    };
    let updated = call.state.store.template_update(&wanted, present.updated_at).await?;
    Ok(warned(Json(view::document(&updated, &call.base)).into_response(), &warnings))
}

/// The patched document as a template; what a document does not carry stays as it was.
fn read(
    mut document: serde_json::Map<String, Value>,
    present: &ClusterTemplate,
) -> Result<ClusterTemplate, ServiceError> {
    for name in ["links", "created_at", "updated_at", "project_id", "user_id", "uuid"] {
        document.shift_remove(name);
    }
    let distro = document.get("cluster_distro").and_then(Value::as_str).map(str::to_owned);
    let owner = fields::Owner { project: &present.project_id, user: &present.user_id, uuid: present.uuid };
    let read = fields::read(Fields::of(Value::Object(document))?, owner)?;
    Ok(ClusterTemplate {
        id: present.id,
        name: if read.name.is_empty() { present.name.clone() } else { read.name.clone() },
        cluster_distro: distro,
        created_at: present.created_at,
        updated_at: present.updated_at,
        ..read
    })
}

/// Exactly one of: made public, (un)hidden, other tags, another name.
fn is_harmless(present: &ClusterTemplate, wanted: &ClusterTemplate) -> bool {
    let with = |change: fn(&mut ClusterTemplate, &ClusterTemplate)| {
        let mut changed = present.clone();
        change(&mut changed, wanted);
        changed == *wanted
    };
    (wanted.public && with(|t, w| t.public = w.public))
        || with(|t, w| t.hidden = w.hidden)
        || (wanted.tags.is_some() && with(|t, w| t.tags.clone_from(&w.tags)))
        || with(|t, w| t.name.clone_from(&w.name))
}

/// Nothing changed that was looked up in the cloud or checked by the driver.
fn same_for_the_cloud(present: &ClusterTemplate, wanted: &ClusterTemplate) -> bool {
    let unchecked = |template: &ClusterTemplate| ClusterTemplate {
        name: String::new(),
        public: false,
        hidden: false,
        tags: None,
        keypair_id: None,
        dns_nameserver: None,
        apiserver_port: None,
        http_proxy: None,
        https_proxy: None,
        no_proxy: None,
        insecure_registry: None,
        tls_disabled: false,
        ..template.clone()
    };
    unchecked(present) == unchecked(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::TemplateId;
    use serde_json::json;

    fn template() -> ClusterTemplate {
        let owner = fields::Owner { project: "p", user: "u", uuid: TemplateId(uuid::Uuid::from_u128(1)) };
        let body = json!({"name": "t", "coe": "swarm", "image_id": "i"});
        fields::read(Fields::of(body).unwrap(), owner).unwrap()
    }

    #[test]
    fn only_one_harmless_change_passes_while_referenced() {
        let present = template();
        assert!(is_harmless(&present, &ClusterTemplate { name: "n".into(), ..present.clone() }));
        assert!(is_harmless(&present, &ClusterTemplate { public: true, ..present.clone() }));
        assert!(!is_harmless(
            &present,
            &ClusterTemplate { public: true, name: "n".into(), ..present.clone() }
        ));
        assert!(!is_harmless(&present, &ClusterTemplate { image_id: "j".into(), ..present.clone() }));
        let public = ClusterTemplate { public: true, ..present.clone() };
        assert!(!is_harmless(&public, &ClusterTemplate { public: false, ..present }));
    }

    #[test]
    fn an_unchanged_document_reads_back_as_the_same_template() {
        let present = ClusterTemplate { cluster_distro: Some("debian".into()), ..template() };
        let document = object(view::document(&present, "http://h"));
        assert_eq!(read(document, &present).unwrap(), present);
    }
}
