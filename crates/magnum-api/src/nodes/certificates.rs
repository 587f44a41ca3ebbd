//! A node asks for a certificate of one of its identities. Of its request only the public key counts: who it is, and
//! by which names, the driver decides from what the server knows, so a node can sign for itself and nobody else.

use crate::{
    error::Answer,
    nodes::{
        caller::{Node, NodeBody},
        seen::Seen,
    },
    state::AppState,
    v1::certificates::authority,
};
use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use magnum_drivers::Identity;
use magnum_types::{
    ServiceError,
    plan::{IdentityRequest, IdentityResponse},
};
use magnum_x509::{CertificateInfo, Profile, San};

/// `POST /v1/nodes/certificates`
pub async fn sign(
    State(state): State<AppState>,
    Node(node): Node,
    NodeBody(request): NodeBody<IdentityRequest>,
) -> Answer {
    let handle = state.store.handle_get(node.cluster).await?;
    let seen = Seen::read(&state, &node, &handle).await?;
    let seen =
        seen.ok_or_else(|| ServiceError::conflict("The cluster's authorities are not ready. Try again."))?;
    let inputs = seen
        .inputs(&node.instance_id)
        .ok_or_else(|| ServiceError::forbidden("This node is not registered any more"))?;
    let identity = seen.driver.identity(&inputs, &request.identity).ok_or_else(|| {
        ServiceError::forbidden(format!("This node has no identity {:?}", request.identity))
    })?;
    let issuer = inputs.authorities.issuer(identity.authority, identity.serves).to_owned();
    let profile = profile(identity);
    let certificate = authority::sign(&state, &issuer, request.csr, profile).await?;
    let info = CertificateInfo::parse(&certificate).map_err(ServiceError::internal)?;
    tracing::info!(
        cluster = %node.cluster,
        node = %node.name,
        identity = request.identity,
        not_after = %info.not_after,
        "certificate of a node signed"
    );
    let body = IdentityResponse { certificate: format!("{certificate}\n"), not_after: info.not_after };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

fn profile(identity: Identity) -> Profile {
    let sans = identity.names.into_iter().map(|name| name.parse().map_or_else(|_| San::Dns(name), San::Ip));
    Profile::Node {
        common_name: identity.common_name,
        organisation: identity.organisation,
        sans: sans.collect(),
    }
}
