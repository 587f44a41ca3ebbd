//! Signs a client's certificate request with the cluster's CA.

use crate::{
    error::Answer,
    extract::{Call, FieldsBody},
    v1::{
        certificates::authority,
        clusters,
        document::{links, object},
    },
};
use axum::{Json, response::IntoResponse};
use http::StatusCode;
use magnum_policy::Rule;
use magnum_types::{ErrorKind, ServiceError};
use magnum_x509::{MAX_PEM_BYTES, Profile};
use serde_json::{Value, json};

/// `POST /v1/certificates`
pub async fn sign(call: Call, FieldsBody(mut body): FieldsBody) -> Answer {
    call.arguments(&[])?;
    let cluster = body.text("cluster_uuid", 255)?;
    let bay = body.text("bay_uuid", 255)?;
    let ident = cluster
        .or(bay)
        .ok_or_else(|| ServiceError::invalid("Mandatory field missing: give a value for cluster_uuid"))?;
    let csr = body.required_text("csr", MAX_PEM_BYTES)?;
    let kind = body.text("ca_cert_type", 255)?;
    body.finish(&["pem", "links"])?;
    let cluster = clusters::load(&call, &ident, None, Rule::CertificateCreate).await.map_err(|error| {
        match error.kind {
            // The cluster is named in the body, so an unknown one is a wrong request.
            ErrorKind::NotFound => {
                ServiceError::invalid(format!("Invalid value for cluster_uuid: {}", error.public))
            }
            _ => error,
        }
    })?;
    let uuid = cluster.cluster.uuid;
    let reference = authority::reference(&cluster.cluster, kind.as_deref())?;
    let profile = Profile::User(call.state.settings.extension_policy.clone());
    let pem = authority::sign(&call.state, reference, csr.clone(), profile).await?;
    tracing::info!(cluster = %uuid, request_id = %call.context.request_id, "certificate signed");
    let mut document = object(json!({
        "cluster_uuid": uuid.to_string(),
        "csr": csr,
        "pem": pem,
        "links": links(&call.base, &format!("certificates/{uuid}")),
    }));
    if let Some(kind) = kind {
        document.insert("ca_cert_type".to_owned(), Value::from(kind));
    }
    Ok((StatusCode::CREATED, Json(Value::Object(document))).into_response())
}
