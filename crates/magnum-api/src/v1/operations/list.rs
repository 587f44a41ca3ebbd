//! The operations of a cluster that are still kept, the newest first.

use crate::{
    error::Answer,
    extract::{
        Call,
        page::{POSITION, Page},
    },
    v1::{clusters, document::collection, operations::view},
};
use axum::extract::Path;
use magnum_policy::Rule;
use magnum_types::OperationId;

/// `GET /v1/clusters/{cluster}/operations`
pub async fn list(call: Call, Path(cluster): Path<String>) -> Answer {
    let page = Page::of(&call.arguments(POSITION)?, call.state.settings.max_limit)?;
    let cluster =
        clusters::load(&call, &cluster, Some(Rule::ClusterGetOneAllProjects), Rule::ClusterGet).await?;
    let uuid = cluster.cluster.uuid;
    let operations =
        call.state.store.operation_summaries(uuid, page.limit, page.marker.map(OperationId)).await?;
    let next = page.next_position(
        &format!("{}/v1/clusters/{uuid}/operations", call.base),
        operations.len(),
        operations.last().map(|operation| operation.id.0),
    );
    let items: Vec<_> =
        operations.iter().map(|operation| view::document(operation, uuid, &call.base)).collect();
    Ok(collection("operations", &items, next))
}
