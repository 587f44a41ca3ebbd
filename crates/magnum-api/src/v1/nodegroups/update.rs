//! Changes a group's settings: its bounds, and what its nodes are labelled and tainted with.

use crate::{
    error::Answer,
    extract::{
        Call, PatchBody,
        patch::{self, Rules},
        words,
    },
    v1::{
        clusters::{self, resize::named_group},
        document::object,
        nodegroups::{bounds, check_version, labelling, view},
    },
};
use axum::{Json, extract::Path, response::IntoResponse};
use http::StatusCode;
use magnum_policy::Rule;
use magnum_types::{NodeGroup, NodeGroupPatch, ServiceError, Status};
use serde_json::{Map, Value};

const RULES: Rules = Rules {
    internal: &[
        "name",
        "cluster_id",
        "role",
        "node_count",
        "flavor_id",
        "image_id",
        "labels",
        "merge_labels",
        "labels_overridden",
        "labels_added",
        "labels_skipped",
        "docker_volume_size",
        "node_addresses",
        "is_default",
        "stack_id",
        "status",
        "status_reason",
        "version",
    ],
    mandatory: &[],
    maps: &["node_labels"],
    lists: &["node_taints"],
};

/// `PATCH /v1/clusters/{cluster}/nodegroups/{nodegroup}`
pub async fn update(
    call: Call,
    Path((cluster, ident)): Path<(String, String)>,
    PatchBody(operations): PatchBody,
) -> Answer {
    check_version(&call)?;
    call.arguments(&[])?;
    let view = clusters::load(&call, &cluster, None, Rule::NodeGroupUpdate).await?;
    let present = named_group(&view, &ident)?;
    if present.status == Status::DeleteInProgress {
        return Err(ServiceError::invalid(format!("Nodegroup {} is being deleted", present.name)).into());
    }
    let mut document = object(view::document(present, &view.cluster, &call.base));
    patch::apply(&mut document, &operations, RULES)?;
    let wanted = read(&document, present)?;
    bounds::check(&wanted)?;
    let relabelled =
        (&wanted.node_labels, &wanted.node_taints) != (&present.node_labels, &present.node_taints);
    if let (true, Some(template)) = (relabelled, &view.template) {
        labelling::check_driver(call.state.registry.of_template(template)?.as_ref(), &wanted)?;
    }
    let patch = NodeGroupPatch {
        min_node_count: Some(wanted.min_node_count),
        max_node_count: Some(wanted.max_node_count),
        node_labels: Some(wanted.node_labels.clone()),
        node_taints: Some(wanted.node_taints.clone()),
        ..NodeGroupPatch::default()
    };
    call.state.store.nodegroup_update(present, &patch).await?;
    if relabelled {
        // The acting master's plan says what nodes are labelled with.
        call.state.store.plan_raise(view.cluster.uuid).await?;
        call.state.held.news();
    }
    let document = view::document(&wanted, &view.cluster, &call.base);
    Ok((StatusCode::ACCEPTED, Json(document)).into_response())
}

/// The group as the patched document wants it.
fn read(document: &Map<String, Value>, present: &NodeGroup) -> Result<NodeGroup, ServiceError> {
    let given = |name: &str| document.get(name).filter(|value| !words::is_unset(value));
    let count = |name: &str| given(name).map(|value| words::integer(name, value, 0, i32::MAX)).transpose();
    Ok(NodeGroup {
        min_node_count: count("min_node_count")?.unwrap_or(0),
        max_node_count: count("max_node_count")?,
        node_labels: given("node_labels").map(labelling::labels).transpose()?.flatten(),
        node_taints: given("node_taints").map(labelling::taints).transpose()?.flatten(),
        ..present.clone()
    })
}
