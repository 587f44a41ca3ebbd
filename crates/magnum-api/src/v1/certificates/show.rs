//! The CA certificate of a cluster.

use crate::{
    error::Answer,
    extract::Call,
    v1::{certificates::authority, clusters, document::links},
};
use axum::{Json, extract::Path, response::IntoResponse};
use magnum_policy::Rule;
use serde_json::json;

/// `GET /v1/certificates/{cluster}`
pub async fn show(call: Call, Path(ident): Path<String>) -> Answer {
    let arguments = call.arguments(&["ca_cert_type"])?;
    let cluster = clusters::load(&call, &ident, None, Rule::CertificateGet).await?;
    let uuid = cluster.cluster.uuid;
    let handle = call.state.store.handle_get(uuid).await?;
    let kind = arguments.get("ca_cert_type");
    let pem = authority::trusted(&call.state, &cluster.cluster, &handle, kind).await?;
    Ok(Json(json!({
        "cluster_uuid": uuid.to_string(),
        "pem": pem.trim(),
        "links": links(&call.base, &format!("certificates/{uuid}")),
    }))
    .into_response())
}
