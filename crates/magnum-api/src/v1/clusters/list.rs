//! Lists of clusters: short documents, or full ones under `/detail`.

use crate::{
    error::Answer,
    extract::Call,
    v1::{clusters::view, document::collection},
};
use magnum_policy::Rule;

const FILTERS: &[&str] = &["project_id", "status", "name"];

/// `GET /v1/clusters`
pub async fn list(call: Call) -> Answer {
    let (page, filter) = call.filtered_page(FILTERS)?;
    call.enforce(Rule::ClusterGetAll)?;
    let tenancy = call.tenancy(Rule::ClusterGetAllAllProjects)?;
    let clusters = call.state.store.cluster_summaries(tenancy, &filter, &page.clone().into()).await?;
    let last = clusters.last().map(|summary| summary.cluster.uuid.0);
    let next = page.next(&format!("{}/v1/clusters", call.base), clusters.len(), last);
    let items =
        clusters.iter().map(|summary| view::compact(summary, call.version, &call.base)).collect::<Vec<_>>();
    Ok(collection("clusters", &items, next))
}

/// `GET /v1/clusters/detail`
pub async fn detail(call: Call) -> Answer {
    let (page, filter) = call.filtered_page(FILTERS)?;
    call.enforce(Rule::ClusterDetail)?;
    let tenancy = call.tenancy(Rule::ClusterDetailAllProjects)?;
    let clusters = call.state.store.cluster_summaries(tenancy, &filter, &page.clone().into()).await?;
    let last = clusters.last().map(|summary| summary.cluster.uuid.0);
    let next = page.next(&format!("{}/v1/clusters/detail", call.base), clusters.len(), last);
    let items =
        clusters.iter().map(|summary| view::document(summary, call.version, &call.base)).collect::<Vec<_>>();
    Ok(collection("clusters", &items, next))
}
