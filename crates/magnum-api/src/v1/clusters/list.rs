//! Lists of clusters: short documents, or full ones under `/detail`.

use crate::{
    error::Answer,
    extract::Call,
    microversion::Microversion,
    v1::{clusters::view, document::collection},
};
use magnum_db::ClusterView;
use magnum_policy::Rule;
use serde_json::Value;

/// `GET /v1/clusters`
pub async fn list(call: Call) -> Answer {
    page(call, "clusters", view::compact, Rule::ClusterGetAll, Rule::ClusterGetAllAllProjects).await
}

/// `GET /v1/clusters/detail`
pub async fn detail(call: Call) -> Answer {
    page(call, "clusters/detail", view::document, Rule::ClusterDetail, Rule::ClusterDetailAllProjects).await
}

async fn page(
    call: Call,
    path: &str,
    show: fn(&ClusterView, Microversion, &str) -> Value,
    rule: Rule,
    all_projects: Rule,
) -> Answer {
    let (page, filter) = call.filtered_page(&["project_id", "status", "name"])?;
    call.enforce(rule)?;
    let tenancy = call.tenancy(all_projects)?;
    let clusters = call.state.store.cluster_list(tenancy, &filter, &page.clone().into()).await?;
    let last = clusters.last().map(|view| view.cluster.uuid.0);
    let next = page.next(&format!("{}/v1/{path}", call.base), clusters.len(), last);
    let items = clusters.iter().map(|view| show(view, call.version, &call.base)).collect();
    Ok(collection("clusters", items, next))
}
