//! Octavia: load balancers, ours in the stack and those that Kubernetes made for services.

use crate::{
    client::ServiceClient,
    error::{CloudError, found, gone_is_done},
};
use serde::Deserialize;

/// The Load Balancer API for one session.
#[derive(Clone)]
pub struct Octavia(pub(crate) ServiceClient);

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LoadBalancer {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Words by its maker; Kubernetes' cloud controller names the service and cluster here.
    #[serde(default)]
    pub description: String,
    /// `ACTIVE`, `PENDING_UPDATE`, `ERROR` … Only the first and the last can be deleted.
    pub provisioning_status: String,
    /// `ONLINE`, `OFFLINE`, `DEGRADED` …
    pub operating_status: Option<String>,
    /// Its address.
    pub vip_address: Option<String>,
    /// The port of its address, to which floating IPs lead.
    pub vip_port_id: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

#[derive(Deserialize)]
struct LoadBalancerAnswer {
    loadbalancer: LoadBalancer,
}

impl Octavia {
    /// One load balancer, if it is there.
    pub async fn load_balancer_get(&self, id: &str) -> Result<Option<LoadBalancer>, CloudError> {
        let answer = self.0.get::<LoadBalancerAnswer>(&["lbaas", "loadbalancers", id], &[]).await;
        // A deleted one is shown for a while.
        let balancer = found(answer)?.map(|answer| answer.loadbalancer);
        Ok(balancer.filter(|balancer| balancer.provisioning_status != "DELETED"))
    }

    /// The load balancers of a project.
    pub async fn load_balancer_list(&self, project_id: &str) -> Result<Vec<LoadBalancer>, CloudError> {
        let query = [("project_id", project_id)];
        let mut balancers: Vec<LoadBalancer> =
            self.0.list(&["lbaas", "loadbalancers"], "loadbalancers", &query).await?;
        // A deleted one is shown for a while.
        balancers.retain(|balancer| balancer.provisioning_status != "DELETED");
        Ok(balancers)
    }

    /// Deletes a load balancer with everything in it; done when there is none, `Conflict` while it is pending.
    pub async fn load_balancer_delete(&self, id: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["lbaas", "loadbalancers", id], &[("cascade", "true")]).await)
    }
}
