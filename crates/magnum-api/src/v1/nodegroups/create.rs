//! Makes a further group of workers: what can be known to be wrong is refused first, then the row, the status and the
//! operation are committed together, and only then the client gets its 202.

use crate::{
    cloud,
    error::Answer,
    extract::{Call, FieldsBody, fields::Fields},
    microversion::ZERO_NODES,
    v1::{
        clusters::{self, accept},
        names,
        nodegroups::{bounds, check_version, labelling, view},
        warnings::warned,
    },
};
use axum::{Json, extract::Path, response::IntoResponse};
use http::StatusCode;
use magnum_db::{AcceptOperation, ClusterView, GroupChange, Mode};
use magnum_drivers::{ClusterSpecView, GroupInputs, Warning};
use magnum_policy::Rule;
use magnum_types::{
    ErrorKind, Labels, NODEGROUP_CREATE, NodeGroup, NodeGroupHandle, NodeGroupId, OperationId, ServiceError,
    Status, accept::NodeGroupParams, change::EventAction,
};
use serde_json::Value;

const MAX_TEXT: usize = 255;

/// Fields that only the server sets.
const READ_ONLY: &[&str] = &[
    "id",
    "uuid",
    "cluster_id",
    "project_id",
    "links",
    "created_at",
    "updated_at",
    "is_default",
    "stack_id",
    "status",
    "status_reason",
    "version",
    "node_addresses",
    "labels_overridden",
    "labels_added",
    "labels_skipped",
];

/// `POST /v1/clusters/{cluster}/nodegroups`
pub async fn create(call: Call, Path(ident): Path<String>, FieldsBody(body): FieldsBody) -> Answer {
    check_version(&call)?;
    call.arguments(&[])?;
    call.enforce(Rule::NodeGroupCreate)?;
    let asked = Asked::read(body)?;
    let cluster = clusters::load(&call, &ident, None, Rule::NodeGroupCreate).await?;
    if cluster.cluster.api_address.as_deref().unwrap_or_default().is_empty() {
        return Err(ServiceError::conflict(format!(
            "Cluster {} has no api_address yet: wait until it is complete",
            cluster.cluster.uuid
        ))
        .into());
    }
    let group = group(&call, &cluster, asked)?;
    let warnings = check(&call, &cluster, &group).await?;

    let (state, uuid) = (&call.state, cluster.cluster.uuid);
    let id = OperationId(state.entropy.uuid());
    let handle = NodeGroupHandle {
        nodegroup: group.uuid,
        cluster: uuid,
        stack_name: names::stack_name(&*state.entropy, &format!("{}-{}", cluster.cluster.name, group.name)),
        join_secret_hash: None,
    };
    let params = NodeGroupParams { nodegroup: group.uuid };
    let timeout = accept::time_limit(state, cluster.cluster.create_timeout);
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: uuid,
            allowed: Status::admits_resize,
            new_status: Status::UpdateInProgress,
            nodegroup: GroupChange::New(Box::new(group.clone()), handle),
            operation: accept::operation(&call, id, NODEGROUP_CREATE, &params, timeout)?,
            mode: Mode::Queue,
            event: call.pending(uuid, id, EventAction::Update),
        })
        .await?;
    accept::nudge(state, id);
    let made = state.store.nodegroup_get(magnum_db::Tenancy::All, uuid, &group.uuid.to_string()).await?;
    let document = view::document(&made, &cluster.cluster, &call.base);
    Ok(warned((StatusCode::ACCEPTED, Json(document)).into_response(), &warnings))
}

/// The body's fields.
#[derive(Debug)]
struct Asked {
    name: Option<String>,
    role: String,
    node_count: i32,
    min_node_count: i32,
    max_node_count: Option<i32>,
    flavor_id: Option<String>,
    image_id: Option<String>,
    labels: Option<Labels>,
    merge_labels: bool,
    docker_volume_size: Option<i32>,
    node_labels: Option<Labels>,
    node_taints: Option<Value>,
}

impl Asked {
    fn read(mut fields: Fields) -> Result<Self, ServiceError> {
        let f = &mut fields;
        let asked = Self {
            name: f.text("name", MAX_TEXT)?,
            role: f.text("role", MAX_TEXT)?.unwrap_or_else(|| "worker".to_owned()),
            node_count: f.integer("node_count", 0, i32::MAX)?.unwrap_or(1),
            min_node_count: f.integer("min_node_count", 0, i32::MAX)?.unwrap_or(0),
            max_node_count: f.integer("max_node_count", 0, i32::MAX)?,
            flavor_id: f.text("flavor_id", MAX_TEXT)?,
            image_id: f.text("image_id", MAX_TEXT)?,
            labels: f.labels("labels")?,
            merge_labels: f.boolean("merge_labels")?.unwrap_or(false),
            docker_volume_size: f.integer("docker_volume_size", 1, i32::MAX)?,
            node_labels: f.take("node_labels").map(|value| labelling::labels(&value)).transpose()?.flatten(),
            node_taints: f.take("node_taints").map(|value| labelling::taints(&value)).transpose()?.flatten(),
        };
        fields.finish(READ_ONLY)?;
        Ok(asked)
    }
}

/// The row, with the cluster's values where the client gave none.
fn group(call: &Call, view: &ClusterView, asked: Asked) -> Result<NodeGroup, ServiceError> {
    let cluster = &view.cluster;
    if view.nodegroups.iter().any(|group| Some(&group.name) == asked.name.as_ref()) {
        let name = asked.name.unwrap_or_default();
        return Err(ServiceError::conflict(format!("Nodegroup {name} already exists in this cluster.")));
    }
    if asked.node_count == 0 && !call.version.at_least(ZERO_NODES) {
        return Err(ServiceError::invalid(
            "Invalid value for node_count: 0; it must be at least 1 below microversion 1.10",
        ));
    }
    if asked.role == "master" {
        return Err(ServiceError::invalid(
            "Invalid value for role: a node group of masters cannot be made; resize default-master where the driver \
             can",
        ));
    }
    let labels = match &asked.labels {
        None => cluster.labels.clone(),
        Some(given) if asked.merge_labels => cluster.labels.merged_with(given),
        Some(given) => given.clone(),
    };
    let group = NodeGroup {
        id: 0,
        uuid: NodeGroupId(call.state.entropy.uuid()),
        cluster_id: cluster.uuid,
        name: asked.name.unwrap_or_else(|| names::drawn(&*call.state.entropy, "nodegroup")),
        project_id: cluster.project_id.clone(),
        docker_volume_size: asked.docker_volume_size,
        labels,
        flavor_id: asked.flavor_id.or_else(|| cluster.flavor_id.clone()),
        image_id: asked.image_id.or_else(|| view.template.as_ref().map(|template| template.image_id.clone())),
        node_addresses: Vec::new(),
        node_count: asked.node_count,
        role: asked.role,
        min_node_count: asked.min_node_count,
        max_node_count: asked.max_node_count,
        is_default: false,
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: asked.node_labels,
        node_taints: asked.node_taints,
        created_at: None,
        updated_at: None,
    };
    bounds::check(&group)?;
    Ok(group)
}

/// Refuses a group that the driver cannot serve, or whose image or flavor is not there; gives what its owner should know
/// of one that it can.
async fn check(call: &Call, view: &ClusterView, group: &NodeGroup) -> Result<Vec<Warning>, ServiceError> {
    let lost = || ServiceError::new(ErrorKind::Conflict, "The cluster's template is gone");
    let template = view.template.as_ref().ok_or_else(lost)?;
    let driver = call.state.registry.of_template(template)?;
    labelling::check_driver(driver.as_ref(), group)?;
    let mut spec = ClusterSpecView::of_cluster(&view.cluster, template, 1);
    spec.labels = &group.labels;
    spec.docker_volume_size = group.docker_volume_size;
    let warnings = driver.validate(&spec)?;
    for warning in &warnings {
        tracing::warn!(cluster = %view.cluster.uuid, nodegroup = %group.name,
                       request_id = %call.context.request_id, "{}", warning.0);
    }
    let nodes = call.state.store.nodes_of(view.cluster.uuid).await?;
    driver.nodegroup(&GroupInputs { cluster: &view.cluster, group, nodes: &nodes })?;
    let session = cloud::session(call);
    let lookup = cloud::Lookup { cloud: &call.state.cloud, session: &session };
    let image_id = group.image_id.as_deref().unwrap_or(&template.image_id);
    let (image, flavor) = tokio::join!(
        lookup.image(image_id),
        lookup.optional_flavor("flavor_id", group.flavor_id.as_deref()),
    );
    let image = image?;
    flavor?;
    // What the group does not say is as the cluster has it.
    driver.image(&image.view(), &mut view.cluster.labels.merged_with(&group.labels))?;
    let distro = image.os_distro;
    // User data and the nodes' settings are written for the cluster's distribution.
    if let Some(own) = template.cluster_distro.as_deref().filter(|own| *own != distro) {
        return Err(ServiceError::invalid(format!(
            "Invalid value for image_id: it is an image of os_distro {distro}, and the cluster's nodes are of {own}: \
             name an image of {own}, or make a cluster of {distro}"
        )));
    }
    let serves = |provides: &magnum_drivers::Provides| {
        (provides.server_type, provides.os_distro, provides.coe)
            == (template.server_type, distro.as_str(), template.coe)
    };
    if !driver.provides().iter().any(serves) {
        return Err(ServiceError::invalid(format!(
            "Invalid value for image_id: the cluster's driver {} does not serve images of os_distro {distro}",
            driver.name()
        )));
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_of_strings_and_nulls_is_read() {
        let body = json!({
            "name": "gpu", "node_count": "2", "min_node_count": "1", "max_node_count": "", "role": null,
            "labels": "{'a': 'b'}", "merge_labels": "True", "node_labels": {}, "node_taints": [],
        });
        let asked = Asked::read(Fields::of(body).unwrap()).unwrap();
        assert_eq!((asked.node_count, asked.min_node_count, asked.max_node_count), (2, 1, None));
        assert_eq!((asked.role.as_str(), asked.merge_labels), ("worker", true));
        assert_eq!(asked.labels.unwrap().get("a"), Some("b"));
        assert!(asked.node_labels.is_none() && asked.node_taints.is_none());
    }

    #[test]
    fn every_wrong_value_is_refused_by_name() {
        for (field, body) in [
            ("node_count", json!({"node_count": -1})),
            ("max_node_count", json!({"max_node_count": "many"})),
            ("is_default", json!({"is_default": true})),
            ("colour", json!({"colour": "red"})),
            ("docker_volume_size", json!({"docker_volume_size": 0})),
        ] {
            let error = Asked::read(Fields::of(body.clone()).unwrap()).unwrap_err();
            assert!(error.public.contains(field), "{body}: {}", error.public);
        }
    }
}
