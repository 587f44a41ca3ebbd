//! Makes a cluster: everything that can be known to be wrong is refused first, then rows, status and operation are
//! committed together, and only then the client gets its 202.

use crate::{
    error::Answer,
    extract::{Call, FieldsBody, fields::Fields},
    microversion::ZERO_NODES,
    v1::{
        clusters::{accept, checks},
        document::accepted,
        names,
        warnings::warned,
    },
};
use magnum_db::AcceptCreate;
use magnum_policy::Rule;
use magnum_types::{
    CLUSTER_CREATE, Cluster, ClusterHandle, ClusterId, ClusterTemplate, ErrorKind, Labels, NodeGroup,
    NodeGroupId, OperationId, ServiceError, Status,
    accept::ClusterCreateParams,
    change::EventAction,
    nodegroup::{DEFAULT_MASTER, DEFAULT_WORKER},
    places,
};
use secrecy::ExposeSecret;

const MAX_TEXT: usize = 255;
/// Minutes, when the client says nothing.
const DEFAULT_TIMEOUT: i32 = 60;

/// Fields that only the server sets.
const READ_ONLY: &[&str] = &[
    "uuid",
    "links",
    "created_at",
    "updated_at",
    "project_id",
    "user_id",
    "status",
    "status_reason",
    "stack_id",
    "cluster_id",
    "api_address",
    "coe_version",
    "container_version",
    "node_addresses",
    "master_addresses",
    "faults",
    "health_status",
    "health_status_reason",
    "labels_overridden",
    "labels_added",
    "labels_skipped",
];

/// `POST /v1/clusters`
pub async fn create(call: Call, FieldsBody(body): FieldsBody) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::ClusterCreate)?;
    let asked = Asked::read(body)?;
    if asked.node_count == 0 && !call.version.at_least(ZERO_NODES) {
        return Err(ServiceError::invalid(
            "Invalid value for node_count: 0; it must be at least 1 below microversion 1.10",
        )
        .into());
    }
    let template = template(&call, &asked.cluster_template_id).await?;
    let mut cluster = cluster(&call, &asked, &template)?;
    let warnings = checks::cluster(&call, &mut cluster, &template, asked.master_count).await?;

    let state = &call.state;
    let quota = state.store.quota_limit(&cluster.project_id, "Cluster").await?;
    let operation_id = OperationId(state.entropy.uuid());
    let timeout = accept::time_limit(state, cluster.create_timeout);
    let params = parameters(&call, operation_id)?;
    let uuid = cluster.uuid;
    state
        .store
        .accept_cluster_create(AcceptCreate {
            nodegroups: vec![
                group(&call, &cluster, &template, DEFAULT_MASTER, asked.master_count)?,
                group(&call, &cluster, &template, DEFAULT_WORKER, asked.node_count)?,
            ],
            handle: handle(&call, &cluster),
            operation: accept::operation(&call, operation_id, CLUSTER_CREATE, &params, timeout)?,
            quota: quota.unwrap_or(state.settings.max_clusters_per_project),
            event: call.pending(uuid, operation_id, EventAction::Create),
            cluster,
        })
        .await?;
    accept::nudge(state, operation_id);
    Ok(warned(accepted(uuid), &warnings))
}

/// The body's fields.
#[derive(Debug)]
struct Asked {
    name: Option<String>,
    cluster_template_id: String,
    keypair: Option<String>,
    node_count: i32,
    master_count: i32,
    docker_volume_size: Option<i32>,
    labels: Option<Labels>,
    merge_labels: bool,
    master_flavor_id: Option<String>,
    flavor_id: Option<String>,
    fixed_network: Option<String>,
    fixed_subnet: Option<String>,
    floating_ip_enabled: Option<bool>,
    master_lb_enabled: Option<bool>,
    create_timeout: i32,
    discovery_url: Option<String>,
}

impl Asked {
    fn read(mut fields: Fields) -> Result<Self, ServiceError> {
        let f = &mut fields;
        let name = f.text("name", names::MAX_CLUSTER_NAME)?;
        if let Some(name) = &name {
            names::check_cluster_name(name)?;
        }
        let asked = Self {
            name,
            cluster_template_id: f.required_text("cluster_template_id", MAX_TEXT)?,
            keypair: f.text("keypair", MAX_TEXT)?,
            node_count: f.integer("node_count", 0, i32::MAX)?.unwrap_or(1),
            master_count: f.integer("master_count", 1, i32::MAX)?.unwrap_or(1),
            docker_volume_size: f.integer("docker_volume_size", 1, i32::MAX)?,
            labels: f.labels("labels")?,
            merge_labels: f.boolean("merge_labels")?.unwrap_or(false),
            master_flavor_id: f.text("master_flavor_id", MAX_TEXT)?,
            flavor_id: f.text("flavor_id", MAX_TEXT)?,
            fixed_network: f.text("fixed_network", MAX_TEXT)?,
            fixed_subnet: f.text("fixed_subnet", MAX_TEXT)?,
            floating_ip_enabled: f.boolean("floating_ip_enabled")?,
            master_lb_enabled: f.boolean("master_lb_enabled")?,
            create_timeout: f.integer("create_timeout", 0, i32::MAX)?.unwrap_or(DEFAULT_TIMEOUT),
            discovery_url: f.text("discovery_url", 2048)?,
        };
        fields.finish(READ_ONLY)?;
        Ok(asked)
    }
}

/// The template, of the caller's project or public. Below 1.10 an unknown one is the body's fault (400); since then it is
/// a 404, as upstream's newer handler lets it through. A hidden one is for administrators.
async fn template(call: &Call, ident: &str) -> Result<ClusterTemplate, ServiceError> {
    let tenancy = magnum_db::Tenancy::Project(call.project()?);
    let found = call.state.store.template_get(tenancy, ident, call.context.is_admin).await;
    let template = found.map_err(|error| {
        let error = ServiceError::from(error);
        match error.kind {
            ErrorKind::NotFound if !call.version.at_least(ZERO_NODES) => ServiceError::invalid(format!(
                "Invalid value for cluster_template_id: ClusterTemplate {ident} could not be found"
            )),
            _ => error,
        }
    })?;
    if template.hidden && !call.context.is_admin {
        return Err(ServiceError::forbidden(format!(
            "ClusterTemplate {ident} is hidden: only administrators may use it"
        )));
    }
    Ok(template)
}

/// The row, with the template's values where the client gave none.
fn cluster(call: &Call, asked: &Asked, template: &ClusterTemplate) -> Result<Cluster, ServiceError> {
    let labels = match &asked.labels {
        None => template.labels.clone(),
        Some(given) if asked.merge_labels => template.labels.merged_with(given),
        Some(given) => given.clone(),
    };
    let or = |given: &Option<String>, templates: &Option<String>| given.clone().or_else(|| templates.clone());
    Ok(Cluster {
        id: 0,
        uuid: ClusterId(call.state.entropy.uuid()),
        project_id: call.project()?.to_owned(),
        user_id: call.context.caller.user_id.clone(),
        name: asked.name.clone().unwrap_or_else(|| names::drawn(&*call.state.entropy, "cluster")),
        cluster_template_id: template.uuid.to_string(),
        keypair: or(&asked.keypair, &template.keypair_id),
        docker_volume_size: asked.docker_volume_size.or(template.docker_volume_size),
        labels,
        master_flavor_id: or(&asked.master_flavor_id, &template.master_flavor_id),
        flavor_id: or(&asked.flavor_id, &template.flavor_id),
        fixed_network: or(&asked.fixed_network, &template.fixed_network),
        fixed_subnet: or(&asked.fixed_subnet, &template.fixed_subnet),
        floating_ip_enabled: asked.floating_ip_enabled.unwrap_or(template.floating_ip_enabled),
        master_lb_enabled: asked.master_lb_enabled.unwrap_or(template.master_lb_enabled),
        create_timeout: Some(asked.create_timeout),
        discovery_url: asked.discovery_url.clone(),
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: None,
        health_status_reason: Default::default(),
        api_address: None,
        coe_version: None,
        container_version: None,
        trust_id: None,
        trustee_username: None,
        trustee_user_id: None,
        trustee_password: None,
        ca_cert_ref: None,
        magnum_cert_ref: None,
        etcd_ca_cert_ref: None,
        front_proxy_ca_cert_ref: None,
        created_at: None,
        updated_at: None,
    })
}

/// One of the two groups that every cluster has.
fn group(
    call: &Call,
    cluster: &Cluster,
    template: &ClusterTemplate,
    name: &str,
    node_count: i32,
) -> Result<NodeGroup, ServiceError> {
    let is_master = name == DEFAULT_MASTER;
    let min_node_count = match cluster.labels.get("min_node_count").filter(|_| !is_master) {
        None => 0,
        Some(text) => text.trim().parse::<i32>().ok().filter(|count| *count >= 0).ok_or_else(|| {
            ServiceError::invalid(format!("label min_node_count: {text:?} is not an integer of at least 0"))
        })?,
    };
    Ok(NodeGroup {
        id: 0,
        uuid: NodeGroupId(call.state.entropy.uuid()),
        cluster_id: cluster.uuid,
        name: name.to_owned(),
        project_id: cluster.project_id.clone(),
        docker_volume_size: cluster.docker_volume_size,
        labels: cluster.labels.clone(),
        flavor_id: if is_master { cluster.master_flavor_id.clone() } else { cluster.flavor_id.clone() },
        image_id: Some(template.image_id.clone()),
        node_addresses: Vec::new(),
        node_count,
        role: if is_master { "master" } else { "worker" }.to_owned(),
        min_node_count,
        max_node_count: None,
        is_default: true,
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: None,
        node_taints: None,
        created_at: None,
        updated_at: None,
    })
}

/// The handle. The stack's name is drawn here, so that a repeated create looks for the same one; the first plan of
/// the nodes is generation 1, since a node that has none asks for what is newer than 0.
fn handle(call: &Call, cluster: &Cluster) -> ClusterHandle {
    ClusterHandle {
        cluster: cluster.uuid,
        stack_name: names::stack_name(&*call.state.entropy, &cluster.name),
        credential: None,
        application_credential_id: None,
        join_secret_hash: None,
        plan_generation: 1,
        facts: None,
        rotation: None,
        certificate_generation: 0,
        former_credentials: Default::default(),
    }
}

/// What the conductor needs from the caller; the token is sealed for this operation alone.
fn parameters(call: &Call, operation: OperationId) -> Result<ClusterCreateParams, ServiceError> {
    let caller = &call.context.caller;
    let context = places::operation_token(operation);
    let token = call.context.token.expose_secret().as_bytes();
    Ok(ClusterCreateParams {
        sealed_token: call.state.sealing.seal(&context, token).map_err(ServiceError::internal)?,
        roles: caller.roles.clone(),
        application_credential: caller.methods.iter().any(|method| method == "application_credential"),
        user_name: caller.user_name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_of_strings_and_nulls_is_read() {
        let body = json!({
            "name": "", "cluster_template_id": "t", "keypair": null, "node_count": "3", "master_count": "1",
            "master_lb_enabled": "True", "discovery_url": null, "create_timeout": "", "labels": {"a": 1},
        });
        let asked = Asked::read(Fields::of(body).unwrap()).unwrap();
        assert_eq!((asked.node_count, asked.master_count, asked.create_timeout), (3, 1, 60));
        assert_eq!(asked.master_lb_enabled, Some(true));
        assert_eq!(asked.name, None);
        assert_eq!(asked.labels.unwrap().get("a"), Some("1"));
    }

    #[test]
    fn every_wrong_value_is_refused_by_name() {
        let cases = [
            ("cluster_template_id", json!({})),
            ("master_count", json!({"cluster_template_id": "t", "master_count": 0})),
            ("node_count", json!({"cluster_template_id": "t", "node_count": -1})),
            ("node_count", json!({"cluster_template_id": "t", "node_count": "many"})),
            ("name", json!({"cluster_template_id": "t", "name": "1st"})),
            ("status", json!({"cluster_template_id": "t", "status": "ACTIVE"})),
            ("baymodel_id", json!({"cluster_template_id": "t", "baymodel_id": "x"})),
            ("create_timeout", json!({"cluster_template_id": "t", "create_timeout": -1})),
        ];
        for (field, body) in cases {
            let error = Asked::read(Fields::of(body.clone()).unwrap()).unwrap_err();
            assert!(error.public.contains(field), "{body}: {}", error.public);
        }
    }
}
