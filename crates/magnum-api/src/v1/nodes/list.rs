//! The nodes of a cluster, the newest first.

use crate::{
    error::Answer,
    extract::{
        Call,
        page::{POSITION, Page},
    },
    v1::{clusters, document::collection, nodes::view},
};
use axum::extract::Path;
use magnum_policy::Rule;

/// `GET /v1/clusters/{cluster}/nodes`
pub async fn list(call: Call, Path(cluster): Path<String>) -> Answer {
    let page = Page::<String>::of(&call.arguments(POSITION)?, call.state.settings.max_limit)?;
    let cluster =
        clusters::load(&call, &cluster, Some(Rule::ClusterGetOneAllProjects), Rule::ClusterGet).await?;
    let uuid = cluster.cluster.uuid;
    let nodes = call.state.store.node_summaries(uuid, page.limit, page.marker.as_deref()).await?;
    let next = page.next_position(
        &format!("{}/v1/clusters/{uuid}/nodes", call.base),
        nodes.len(),
        nodes.last().map(|node| node.instance_id.clone()),
    );
    let items: Vec<_> = nodes.iter().map(|node| view::document(node, &cluster.nodegroups)).collect();
    Ok(collection("nodes", &items, next))
}
