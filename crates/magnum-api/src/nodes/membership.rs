//! Whether a server is a member of a cluster's stack, asked of Heat, Nova and Neutron with the cluster's own
//! credential. It is what keeps a stolen join secret from making a node out of any machine.

use async_trait::async_trait;
use magnum_db::ClusterView;
use magnum_drivers::{MemberGroup, Registry};
use magnum_openstack::{
    Cloud, CloudError, Session,
    heat::{Resource, ResourceFilter, StackRef},
};
use magnum_types::{ClusterHandle, CredentialKind, Role, ServiceError, places};
use magnum_x509::SealingKeys;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// Group, member and server: the stacks within stacks of a cluster.
const DEPTH: u32 = 3;
/// Clusters whose sessions are kept.
const SESSIONS: u64 = 1000;
/// How long a session is kept; its token renews itself meanwhile.
const SESSION_LIFE: Duration = Duration::from_secs(900);

/// A member of a cluster's stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Whether it is a master.
    pub role: Role,
    /// It founds the cluster.
    pub primary: bool,
    /// Its name within its group.
    pub index: String,
    /// The server's name.
    pub name: String,
    /// Its address in the cluster's network.
    pub address: String,
    /// Its floating address.
    pub public_address: Option<String>,
    /// The load balancer's address for clients, if this is a master behind one.
    pub api_address: Option<String>,
    /// The load balancer's address in the cluster's network.
    pub api_private_address: Option<String>,
}

/// Answers whether a server belongs to a cluster.
#[async_trait]
pub trait Membership: Send + Sync + 'static {
    /// The member of `stack` that `instance_id` is, or `None` when it is none (yet).
    async fn member(
        &self,
        cluster: &ClusterView,
        handle: &ClusterHandle,
        stack: &MemberStack,
        instance_id: &str,
    ) -> Result<Option<Member>, ServiceError>;
}

/// The stack whose member a server says to be: the cluster's own, or that of one further node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStack {
    /// Heat's id, once it is recorded.
    pub id: Option<String>,
    /// The name that was drawn for it.
    pub name: String,
}

/// Membership as the cloud sees it.
pub struct StackMembership {
    cloud: Arc<Cloud>,
    registry: Arc<Registry>,
    sealing: Arc<SealingKeys>,
    sessions: moka::future::Cache<String, Session>,
}

impl StackMembership {
    /// Asks through `cloud`; `sealing` opens the clusters' own credentials.
    pub fn new(cloud: Arc<Cloud>, registry: Arc<Registry>, sealing: Arc<SealingKeys>) -> Self {
        let sessions =
            moka::future::Cache::builder().max_capacity(SESSIONS).time_to_live(SESSION_LIFE).build();
        Self { cloud, registry, sealing, sessions }
    }

    /// The cluster's own session, made once for as long as its credential stays the same.
    async fn session(&self, cluster: &ClusterView, handle: &ClusterHandle) -> Result<Session, ServiceError> {
        let row = &cluster.cluster;
        let not_ready =
            || ServiceError::conflict(format!("Cluster {} has no credential yet. Try again.", row.uuid));
        let (id, stored) = match handle.credential {
            Some(CredentialKind::Trust) => (row.trust_id.as_deref(), row.trustee_password.as_deref()),
            Some(CredentialKind::ApplicationCredential) => {
                (handle.application_credential_id.as_deref(), row.trustee_password.as_deref())
            }
            None => (None, None),
        };
        let (id, stored) = (id.ok_or_else(not_ready)?, stored.ok_or_else(not_ready)?);
        let key = format!("{}:{id}", row.uuid);
        if let Some(session) = self.sessions.get(&key).await {
            return Ok(session);
        }
        let secret = self.open(cluster, stored)?;
        let session = if handle.credential == Some(CredentialKind::Trust) {
            let user = row.trustee_user_id.as_deref().ok_or_else(not_ready)?;
            self.cloud.trust_session(user, secret, SecretString::from(id))
        } else {
            self.cloud.application_credential_session(id, secret)
        };
        self.sessions.insert(key, session.clone()).await;
        Ok(session)
    }

    /// The password, sealed by us or in clear in a row that upstream wrote.
    fn open(&self, cluster: &ClusterView, stored: &str) -> Result<SecretString, ServiceError> {
        if !SealingKeys::is_sealed(stored) {
            return Ok(SecretString::from(stored));
        }
        let context = places::trustee_password(cluster.cluster.uuid);
        let clear = self.sealing.open(&context, stored).map_err(ServiceError::internal)?;
        let text = std::str::from_utf8(&clear).map_err(ServiceError::internal)?;
        Ok(SecretString::from(text))
    }

    async fn find(
        &self,
        cluster: &ClusterView,
        session: &Session,
        wanted: &MemberStack,
        groups: &[MemberGroup],
        instance_id: &str,
    ) -> Result<Option<Member>, CloudError> {
        let heat = self.cloud.heat(session);
        let stack = match &wanted.id {
            Some(id) => Some(StackRef { name: wanted.name.clone(), id: id.clone() }),
            None => heat.stack_find(&wanted.name).await?.map(|stack| stack.reference()),
        };
        let Some(stack) = stack else { return Ok(None) };
        let filter = ResourceFilter { nested_depth: DEPTH, ..ResourceFilter::default() };
        let resources = heat.resource_list(&stack, &filter).await?;
        let Some((group, index)) = place(&resources, groups, instance_id) else { return Ok(None) };
        let Some(server) = self.cloud.nova(session).server_get(instance_id).await? else { return Ok(None) };

        let neutron = self.cloud.neutron(session);
        let ports = neutron.ports_of_device(instance_id).await?;
        let Some(address) = ports.iter().flat_map(|port| &port.fixed_ips).next() else { return Ok(None) };
        let ids: Vec<String> = ports.iter().map(|port| port.id.clone()).collect();
        let floating = neutron.floating_ips_of_ports(&ids).await?;
        let (mut api_address, mut api_private_address) = (None, None);
        if group.role == Role::Master && cluster.cluster.master_lb_enabled {
            let shown = heat.stack_get(&stack, true).await?;
            let output = |name: &str| {
                let address = shown.as_ref().and_then(|stack| stack.output(name)?.as_str());
                address.filter(|address| !address.is_empty()).map(str::to_owned)
            };
            (api_address, api_private_address) = (output("api_address"), output("api_private_address"));
        }
        Ok(Some(Member {
            role: group.role,
            primary: group.primary,
            index,
            name: server.name,
            address: address.ip_address.clone(),
            public_address: floating.first().map(|ip| ip.floating_ip_address.clone()),
            api_address,
            api_private_address,
        }))
    }
}

#[async_trait]
impl Membership for StackMembership {
    async fn member(
        &self,
        cluster: &ClusterView,
        handle: &ClusterHandle,
        stack: &MemberStack,
        instance_id: &str,
    ) -> Result<Option<Member>, ServiceError> {
        let Some(template) = &cluster.template else {
            return Err(ServiceError::conflict(format!("Cluster {} has no template", cluster.cluster.uuid)));
        };
        let driver = self.registry.of_template(template)?;
        let session = self.session(cluster, handle).await?;
        let found = self.find(cluster, &session, stack, driver.member_groups(), instance_id).await;
        found.map_err(|error| {
            ServiceError::unavailable(
                "The cloud does not say whether this server is a member. Try again.",
                error,
            )
        })
    }
}

/// The group that a server is in, and its name there: up from the server through its member to the group.
fn place<'a>(
    resources: &[Resource],
    groups: &'a [MemberGroup],
    server: &str,
) -> Option<(&'a MemberGroup, String)> {
    let of =
        |id: &str| resources.iter().find(|resource| resource.physical_resource_id.as_deref() == Some(id));
    let found = of(server).filter(|resource| resource.resource_type == "OS::Nova::Server")?;
    let member = of(&found.stack()?.id)?;
    let group = of(&member.stack()?.id)?;
    let known = groups
        .iter()
        .find(|known| known.resource == group.resource_name && known.server == found.resource_name)?;
    Some((known, member.resource_name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GROUPS: &[MemberGroup] = &[
        MemberGroup { resource: "masters", server: "master", role: Role::Master, primary: true },
        MemberGroup { resource: "nodes", server: "node", role: Role::Worker, primary: false },
    ];

    fn resource(name: &str, kind: &str, thing: &str, stack: &str) -> Resource {
        serde_json::from_value(json!({
            "resource_name": name, "resource_type": kind, "physical_resource_id": thing,
            "links": [{ "rel": "stack", "href": format!("http://h/v1/p/stacks/name/{stack}") }],
        }))
        .unwrap()
    }

    fn cluster() -> Vec<Resource> {
        vec![
            resource("masters", "OS::Heat::ResourceGroup", "group-m", "top"),
            resource("nodes", "OS::Heat::ResourceGroup", "group-n", "top"),
            resource("0", "file:///master.yaml", "member-m0", "group-m"),
            resource("7", "file:///node.yaml", "member-n7", "group-n"),
            resource("master", "OS::Nova::Server", "server-m0", "member-m0"),
            resource("node", "OS::Nova::Server", "server-n7", "member-n7"),
            resource("volume", "OS::Cinder::Volume", "volume-n7", "member-n7"),
            resource("bastion", "OS::Nova::Server", "server-x", "top"),
        ]
    }

    #[test]
    fn a_server_is_placed_in_its_group_with_its_index() {
        let (group, index) = place(&cluster(), GROUPS, "server-n7").unwrap();
        assert_eq!((group.role, index.as_str()), (Role::Worker, "7"));
        let (group, index) = place(&cluster(), GROUPS, "server-m0").unwrap();
        assert_eq!((group.role, group.primary, index.as_str()), (Role::Master, true, "0"));
    }

    #[test]
    fn what_is_no_server_of_a_group_is_no_member() {
        for stranger in ["server-x", "volume-n7", "member-n7", "unknown", ""] {
            assert!(place(&cluster(), GROUPS, stranger).is_none(), "{stranger}");
        }
    }
}
