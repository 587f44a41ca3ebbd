//! A node's first call. What it must prove: the cluster's join secret, that its server is a member of the cluster's
//! stack, and the key of its certificate request. What it gets: a certificate whose names the server chose, and a
//! token for all later calls. The token is computed from the CA's key, the server and the node's key, so a node that
//! lost our answer asks again with the same key and gets the same answer, and nothing but its hash is stored.

use crate::{
    error::Answer,
    nodes::{
        caller::NodeBody,
        facts,
        membership::{Member, MemberStack},
    },
    state::AppState,
    v1::certificates::authority,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use magnum_db::ClusterView;
use magnum_drivers::{
    Driver, ReleaseInputs,
    driver::{API_ADDRESS, API_PRIVATE_ADDRESS},
};
use magnum_types::{
    ClusterHandle, ClusterId, NodeGroup, NodeGroupHandle, NodeGroupId, NodeRegistration, Role, ServiceError,
    plan::{RegisterRequest, RegisterResponse, Text},
    registration::NodeState,
};
use magnum_x509::{CertificateAuthority, CertificateRequest, Profile, San, token};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use zeroize::Zeroizing;

/// `POST /v1/nodes/register`
pub async fn register(State(state): State<AppState>, NodeBody(request): NodeBody<RegisterRequest>) -> Answer {
    let Admitted { cluster, handle, group } = admitted(&state, &request).await?;
    let public_key = public_key(&request.csr)?;
    let reference = authority::reference(&cluster.cluster, None)?;
    let ca = authority::certificate(&state, reference).await?.to_string();
    let known = state.store.nodes_of(cluster.cluster.uuid).await?;
    let known = known.into_iter().find(|node| node.instance_id == request.instance_id);
    let anew = known.as_ref().is_some_and(|node| is_made_anew(node, &public_key));
    if let Some(node) = known.as_ref().filter(|_| !anew) {
        if node.state == NodeState::Rebuilding {
            // It still speaks of itself as it was: its server has not been made anew yet.
            return Err(ServiceError::conflict("This server is about to be made anew. Try again.").into());
        }
        if !certifies(&node.certificate, &public_key) {
            return Err(
                ServiceError::forbidden("This server has registered already, with another key").into()
            );
        }
        let instance = request.instance_id;
        let (certificate, name) = (node.certificate.clone(), node.name.clone());
        let token =
            authority::with_key(&state, reference, move |ca| bearer(ca, &instance, &public_key)).await?;
        let hash = token::sha256_hex(token.as_bytes());
        if hash != node.token_hash {
            // The authority that it is computed from was rotated, or the node was awaited.
            state.store.node_set_token(&node.instance_id, &hash).await?;
        }
        tracing::info!(cluster = %cluster.cluster.uuid, node = %node.name, "node registered again");
        return Ok(answer(RegisterResponse { token, certificate, ca, name }));
    }

    let stack = stack_of(&cluster, &handle, group.as_ref())?;
    let member = member(&state, &cluster, &handle, &stack, &request.instance_id).await?;
    let group = match group {
        Some(group) => group_of(&cluster, group.nodegroup)?,
        None => default_group(&cluster, member.role)?,
    };
    let driver = driver(&state, &cluster)?;
    let wanted_release = driver.release(&ReleaseInputs { cluster: &cluster.cluster, group });
    let subject = driver.node_subject(&member.name);
    let instance_id = request.instance_id;
    let (profile, instance, csr) = (profile(&cluster, &member, subject), instance_id.clone(), request.csr);
    let (now, days) = (state.clock.now(), state.settings.certificate_days);
    let issued = authority::with_key(&state, reference, move |ca| {
        let csr = CertificateRequest::from_pem(&csr)?;
        Ok((ca.sign(&csr, &profile, now, days)?, bearer(ca, &instance, &public_key)?))
    });
    let (certificate, token) = issued.await?;
    if anew {
        let hash = token::sha256_hex(token.as_bytes());
        state.store.node_register_again(&instance_id, &certificate, &hash).await?;
        taken_in(&state, &cluster, &handle, driver.as_ref(), member.role).await?;
        tracing::info!(cluster = %cluster.cluster.uuid, node = %member.name, "node registered, its server made anew");
        return Ok(answer(RegisterResponse { token, certificate, ca, name: member.name }));
    }
    let registration = NodeRegistration {
        instance_id,
        cluster: cluster.cluster.uuid,
        nodegroup: group.uuid,
        role: member.role,
        primary: member.primary,
        name: member.name.clone(),
        address: member.address,
        public_address: member.public_address,
        certificate: certificate.clone(),
        token_hash: token::sha256_hex(token.as_bytes()),
        state: NodeState::Registered,
        wanted_release,
        wanted_image: None,
        generation: 0,
        step: None,
        error: None,
        moved: None,
        last_seen: None,
        created_at: None,
    };
    let known = [(API_ADDRESS, &member.api_address), (API_PRIVATE_ADDRESS, &member.api_private_address)];
    let known =
        known.into_iter().filter_map(|(fact, address)| Some((fact.to_owned(), Text(address.clone()?))));
    facts::add(&state, cluster.cluster.uuid, known.collect()).await?;
    state.store.node_register(registration).await?;
    taken_in(&state, &cluster, &handle, driver.as_ref(), member.role).await?;
    tracing::info!(cluster = %cluster.cluster.uuid, node = %member.name, "node registered");
    Ok(answer(RegisterResponse { token, certificate, ca, name: member.name }))
}

/// Others learn that the node is there: those that wait until the masters are all there, and, where the cluster lives
/// already, the master that takes another one in.
async fn taken_in(
    state: &AppState,
    cluster: &ClusterView,
    handle: &ClusterHandle,
    driver: &dyn Driver,
    role: Role,
) -> Result<(), ServiceError> {
    let uuid = cluster.cluster.uuid;
    if role == Role::Master && driver.takes_in_masters() {
        let facts = facts::open(state, uuid, handle.facts.as_deref())?;
        if driver.facts_wanted().iter().all(|wanted| facts.contains_key(*wanted)) {
            state.store.plan_raise(uuid).await?;
        }
    }
    state.held.news();
    Ok(())
}

/// Whether this is the first word of a server that was made anew: it is awaited, and has a key that it never had.
fn is_made_anew(node: &NodeRegistration, public_key: &[u8]) -> bool {
    node.is_awaited() && !certifies(&node.certificate, public_key)
}

fn answer(body: RegisterResponse) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

/// The node's token. Hashed twice, so that nothing can be appended to what is hashed.
fn bearer(
    authority: &CertificateAuthority,
    instance: &str,
    public_key: &[u8],
) -> Result<String, magnum_x509::Error> {
    let mut secret = Zeroizing::new(authority.key().to_pkcs8_pem()?.expose_secret().as_bytes().to_vec());
    secret.extend_from_slice(b"node token\0");
    secret.extend_from_slice(instance.as_bytes());
    secret.push(0);
    secret.extend_from_slice(public_key);
    Ok(token::sha256_hex(token::sha256_hex(&secret).as_bytes()))
}

/// What a join secret opens.
struct Admitted {
    cluster: ClusterView,
    handle: ClusterHandle,
    /// The one group whose secret it is; none for the cluster's own, which its default groups share.
    group: Option<NodeGroupHandle>,
}

/// The cluster, and the group of it, whose join secret the request carries.
async fn admitted(state: &AppState, request: &RegisterRequest) -> Result<Admitted, ServiceError> {
    let unknown = || ServiceError::not_found(format!("Cluster {:?} could not be found.", request.cluster));
    let id: ClusterId = request.cluster.parse().map_err(|_| unknown())?;
    let cluster = state.store.cluster_by_id(id).await?;
    let handle = state.store.handle_get(id).await?;
    let presented = SecretString::from(request.join_secret.as_str());
    if handle
        .join_secret_hash
        .as_ref()
        .is_some_and(|hash| token::secret_matches(hash, presented.expose_secret()))
    {
        return Ok(Admitted { cluster, handle, group: None });
    }
    let hash = token::sha256_hex(presented.expose_secret().as_bytes());
    let group = state.store.nodegroup_admitted(id, &hash).await?;
    let group = group.ok_or_else(|| ServiceError::forbidden("The join secret is wrong"))?;
    Ok(Admitted { cluster, handle, group: Some(group) })
}

/// The stack that the join secret belongs to.
fn stack_of(
    cluster: &ClusterView,
    handle: &ClusterHandle,
    group: Option<&NodeGroupHandle>,
) -> Result<MemberStack, ServiceError> {
    let Some(group) = group else {
        return Ok(MemberStack { id: cluster.cluster.stack_id.clone(), name: handle.stack_name.clone() });
    };
    let row = group_of(cluster, group.nodegroup)?;
    Ok(MemberStack { id: row.stack_id.clone(), name: group.stack_name.clone() })
}

fn public_key(csr: &str) -> Result<Vec<u8>, ServiceError> {
    let wrong = |error: magnum_x509::Error| match error.public_text() {
        Some(text) => ServiceError::invalid(format!("Invalid value for csr: {text}")),
        None => ServiceError::internal(error),
    };
    CertificateRequest::from_pem(csr).map_err(wrong)?.public_key_der().map_err(wrong)
}

/// Whether a certificate is for this public key: its DER form holds the key's DER form.
fn certifies(certificate: &str, public_key: &[u8]) -> bool {
    let base64: String =
        certificate.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(base64).unwrap_or_default();
    !public_key.is_empty() && der.windows(public_key.len()).any(|window| window == public_key)
}

/// The member that the server is. While the stack is still changing it may only not be one *yet*.
async fn member(
    state: &AppState,
    cluster: &ClusterView,
    handle: &ClusterHandle,
    stack: &MemberStack,
    instance_id: &str,
) -> Result<Member, ServiceError> {
    if uuid::Uuid::try_parse(instance_id).is_err() {
        return Err(ServiceError::invalid("Invalid value for instance_id: expected a UUID"));
    }
    match state.membership.member(cluster, handle, stack, instance_id).await? {
        Some(member) => Ok(member),
        None if cluster.cluster.status.is_in_progress() => {
            Err(ServiceError::conflict("This server is not yet a member of the cluster's stack. Try again."))
        }
        None => Err(ServiceError::forbidden("This server is no member of the cluster's stack")),
    }
}

fn group_of(cluster: &ClusterView, group: NodeGroupId) -> Result<&NodeGroup, ServiceError> {
    let row = cluster.nodegroups.iter().find(|row| row.uuid == group);
    row.ok_or_else(|| ServiceError::forbidden("The node group of this join secret is gone"))
}

/// The cluster's driver.
pub(super) fn driver(state: &AppState, cluster: &ClusterView) -> Result<Arc<dyn Driver>, ServiceError> {
    let template = cluster
        .template
        .as_ref()
        .ok_or_else(|| ServiceError::conflict(format!("Cluster {} has no template", cluster.cluster.uuid)))?;
    Ok(state.registry.of_template(template)?)
}

fn default_group(cluster: &ClusterView, role: Role) -> Result<&NodeGroup, ServiceError> {
    let mut groups = cluster.nodegroups.iter().filter(|group| group.kind() == role && group.is_default);
    groups.next().ok_or_else(|| {
        ServiceError::conflict(format!("Cluster {} has no default group for this node", cluster.cluster.uuid))
    })
}

/// The node's names: its own, its addresses, and for masters those under which clients reach the engine.
fn profile(cluster: &ClusterView, member: &Member, (common_name, organisation): (String, String)) -> Profile {
    let mut addresses = vec!["127.0.0.1".to_owned(), member.address.clone()];
    addresses.extend(member.public_address.clone());
    if member.role == Role::Master {
        addresses.extend(member.api_address.iter().chain(&member.api_private_address).cloned());
        addresses.extend(cluster.cluster.api_address.as_deref().and_then(host_of));
    }
    let mut sans = vec![San::Dns(member.name.clone()), San::Dns("localhost".to_owned())];
    for address in addresses {
        let san = address.parse().map_or_else(|_| San::Dns(address.clone()), San::Ip);
        if !sans.contains(&san) {
            sans.push(san);
        }
    }
    Profile::Node { common_name, organisation: Some(organisation), sans }
}

/// The host of a URL such as `tcp://10.0.0.3:2376`.
fn host_of(address: &str) -> Option<String> {
    let host = url::Url::parse(address).ok()?.host_str()?.to_owned();
    Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_x509::{KeyAlgorithm, NameAttribute, PrivateKey};

    #[test]
    fn a_certificate_is_recognised_by_its_key() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let other = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let request = CertificateRequest::create(&key, &[(NameAttribute::CommonName, "n")], &[]).unwrap();
        // A request holds its key in the same form as a certificate does.
        let pem = request.to_pem().unwrap();
        assert!(certifies(&pem, key.public_key_der()));
        assert!(!certifies(&pem, other.public_key_der()));
        assert!(!certifies("", key.public_key_der()));
        assert!(!certifies(&pem, &[]));
    }

    #[test]
    fn the_host_of_an_api_address_is_found() {
        assert_eq!(host_of("tcp://10.0.0.3:2376").as_deref(), Some("10.0.0.3"));
        assert_eq!(host_of("tcp://[fd00::1]:2376").as_deref(), Some("fd00::1"));
        assert_eq!(host_of("10.0.0.3"), None);
    }
}
