//! Lists of templates: the caller's own and the public ones.

use crate::{
    error::Answer,
    extract::Call,
    v1::{clustertemplates::view, document::collection},
};
use magnum_policy::Rule;

/// `GET /v1/clustertemplates`
pub async fn list(call: Call) -> Answer {
    page(call, "clustertemplates", Rule::ClusterTemplateGetAll, Rule::ClusterTemplateGetAllAllProjects).await
}

/// `GET /v1/clustertemplates/detail`
pub async fn detail(call: Call) -> Answer {
    page(call, "clustertemplates/detail", Rule::ClusterTemplateDetail, Rule::ClusterTemplateDetailAllProjects)
        .await
}

async fn page(call: Call, path: &str, rule: Rule, all_projects: Rule) -> Answer {
    let (page, filter) = call.filtered_page(&["project_id", "name"])?;
    call.enforce(rule)?;
    let tenancy = call.tenancy(all_projects)?;
    let templates = call.state.store.template_list(tenancy, &filter, &page.clone().into()).await?;
    let next = page.next(
        &format!("{}/v1/{path}", call.base),
        templates.len(),
        templates.last().map(|template| template.uuid.0),
    );
    let items = templates.iter().map(|template| view::document(template, &call.base)).collect::<Vec<_>>();
    Ok(collection("clustertemplates", &items, next))
}
