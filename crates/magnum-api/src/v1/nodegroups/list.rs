//! The node groups of a cluster.

use crate::{
    error::Answer,
    extract::{
        Call,
        page::{PAGING, Page},
    },
    v1::{
        clusters,
        document::collection,
        nodegroups::{check_version, view},
    },
};
use axum::extract::Path;
use magnum_policy::Rule;

/// `GET /v1/clusters/{cluster}/nodegroups`
pub async fn list(call: Call, Path(cluster): Path<String>) -> Answer {
    check_version(&call)?;
    let known: Vec<&str> = PAGING.iter().copied().chain(["role"]).collect();
    let arguments = call.arguments(&known)?;
    let page = Page::of(&arguments, call.state.settings.max_limit)?.keeping(&arguments, &["role"]);
    let cluster =
        clusters::load(&call, &cluster, Some(Rule::NodeGroupGetAllAllProjects), Rule::NodeGroupGetAll)
            .await?;
    let uuid = cluster.cluster.uuid;
    // The cluster itself was found within the caller's tenancy; its groups belong to it whoever asks.
    let groups = call
        .state
        .store
        .nodegroup_list(magnum_db::Tenancy::All, uuid, arguments.get("role"), &page.clone().into())
        .await?;
    let next = page.next(
        &format!("{}/v1/clusters/{uuid}/nodegroups", call.base),
        groups.len(),
        groups.last().map(|group| group.uuid.0),
    );
    Ok(collection("nodegroups", &groups.iter().map(view::compact).collect::<Vec<_>>(), next))
}
