//! Lists of federations.

use crate::{
    error::Answer,
    extract::Call,
    v1::{document::collection, federations::view},
};
use magnum_db::Tenancy;
use magnum_policy::Rule;

/// `GET /v1/federations`
pub async fn list(call: Call) -> Answer {
    page(call, "federations", Rule::FederationGetAll).await
}

/// `GET /v1/federations/detail`
pub async fn detail(call: Call) -> Answer {
    page(call, "federations/detail", Rule::FederationDetail).await
}

async fn page(call: Call, path: &str, rule: Rule) -> Answer {
    let page = call.page()?;
    call.enforce(rule)?;
    let tenancy = Tenancy::Project(call.project()?);
    let federations = call.state.store.federation_list(tenancy, &page.clone().into()).await?;
    let last = federations.last().map(|federation| federation.uuid);
    let next = page.next(&format!("{}/v1/{path}", call.base), federations.len(), last);
    let items =
        federations.iter().map(|federation| view::document(federation, &call.base)).collect::<Vec<_>>();
    Ok(collection("federations", &items, next))
}
