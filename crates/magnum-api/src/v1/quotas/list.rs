//! The quotas that administrators set, paged by number.

use crate::{
    error::Answer,
    extract::{
        Call,
        page::{PAGING, Page},
        words,
    },
    v1::{document::collection, quotas::view},
};
use magnum_db::Tenancy;
use magnum_policy::Rule;
use serde_json::Value;

/// `GET /v1/quotas`
pub async fn list(call: Call) -> Answer {
    let known: Vec<&str> = PAGING.iter().copied().chain(["all_tenants"]).collect();
    let arguments = call.arguments(&known)?;
    let page =
        Page::<i64>::of(&arguments, call.state.settings.max_limit)?.keeping(&arguments, &["all_tenants"]);
    let all = arguments.get("all_tenants").map(|text| words::boolean("all_tenants", &Value::from(text)));
    call.enforce(Rule::QuotaGetAll)?;
    let tenancy =
        if all.transpose()?.unwrap_or(false) { Tenancy::All } else { Tenancy::Project(call.project()?) };
    let quotas = call.state.store.quota_list(tenancy, &page.clone().into()).await?;
    let last = quotas.last().map(|quota| quota.id);
    let next = page.next(&format!("{}/v1/quotas", call.base), quotas.len(), last);
    Ok(collection("quotas", &quotas.iter().map(view::document).collect::<Vec<_>>(), next))
}
