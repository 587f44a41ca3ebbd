//! What Kubernetes makes in the cloud by itself, outside of any stack: load balancers for services with their floating
//! IPs, security groups for them, volumes for claims. Left alone they keep the cluster's network from going, or stay
//! for ever (faults 1.9 and 1.10).
//!
//! They are known by what their makers write on them: the cloud controller its `--cluster-name`, which is the
//! cluster's UUID, and the CSI driver a metadata item. So nothing has to be remembered, what is absent is done, and
//! whoever takes a delete over goes on with what is still there. `cluster_leavings_delete` takes away what stands on
//! the cluster's networks, before the stacks; `cluster_remains_delete` what only the nodes held, after them.

use super::{stack::DELETE_LOOK, upgrade::news};
use crate::{failure, world::World};
use async_trait::async_trait;
use jiff::SignedDuration;
use magnum_db::ClusterView;
use magnum_openstack::{CloudError, CloudErrorKind, Session, neutron::SecurityGroupFilter};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Change, Cluster};
use std::{fmt, sync::Arc, time::Duration};
use tracing::{info, warn};

/// The metadata item by which the CSI driver's volumes name their cluster.
const VOLUME_MARK: &str = "cinder.csi.openstack.org/cluster";
/// The label that says what becomes of volumes; they are kept unless it says `delete`.
const VOLUMES_LABEL: &str = "volumes_on_delete";
/// Most things that are deleted in one turn, so that a turn ends within its lease.
const AT_ONCE: usize = 20;
/// How soon the deletion follows its announcement.
const ANNOUNCED: Duration = Duration::from_millis(100);

/// `cluster_leavings_delete`
pub struct LeavingsDelete(pub Arc<World>);
/// `cluster_remains_delete`; its output says what is kept.
pub struct RemainsDelete(pub Arc<World>);

/// One thing that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaving {
    kind: Kind,
    id: String,
    /// Its state, where it has one.
    status: String,
}

/// What it is, in the order of deletion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    FloatingIp,
    LoadBalancer,
    SecurityGroup,
    Volume,
}

impl Leaving {
    /// It changes by itself, or will once something else has gone.
    fn must_be_waited_for(&self) -> bool {
        match self.kind {
            Kind::FloatingIp | Kind::SecurityGroup => false,
            Kind::LoadBalancer => self.status.starts_with("PENDING"),
            Kind::Volume => !matches!(self.status.as_str(), "available" | "error" | "error_deleting"),
        }
    }
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::FloatingIp => "floating IP",
            Kind::LoadBalancer => "load balancer",
            Kind::SecurityGroup => "security group",
            Kind::Volume => "volume",
        };
        write!(f, "{kind} {}", self.id)
    }
}

/// The first few by name.
fn listed(leavings: &[Leaving]) -> String {
    const SHOWN: usize = 5;
    let mut words: Vec<String> = leavings.iter().take(SHOWN).map(Leaving::to_string).collect();
    if leavings.len() > SHOWN {
        words.push(format!("{} more", leavings.len() - SHOWN));
    }
    words.join(", ")
}

/// A service that the cloud does not have holds nothing.
fn nothing_without_service<T>(answer: Result<Vec<T>, CloudError>) -> Result<Vec<T>, CloudError> {
    match answer {
        Err(error) if error.kind == CloudErrorKind::NoEndpoint => Ok(Vec::new()),
        other => other,
    }
}

/// The default: what tenants stored is not Magnum's to take away.
fn keeps_volumes(cluster: &Cluster) -> bool {
    cluster.labels.get(VOLUMES_LABEL) != Some("delete")
}

/// Which of a cluster's leavings are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meant {
    /// What stands on its networks.
    OnNetworks,
    /// All, once the nodes are gone.
    Everything,
}

impl World {
    /// Whether the cluster's engine makes things in the cloud. One whose driver is not known any more may have.
    fn leaves_resources(&self, view: &ClusterView) -> bool {
        self.driver(view).map_or(true, |driver| driver.leaves_resources())
    }

    async fn leavings_seen_by(
        &self,
        session: &Session,
        cluster: &Cluster,
        meant: Meant,
    ) -> Result<Vec<Leaving>, CloudError> {
        let (project, uuid) = (cluster.project_id.as_str(), cluster.uuid.to_string());
        let mark = format!(" cluster {uuid}");
        let neutron = self.cloud.neutron(session);
        let mut leavings = Vec::new();

        let balancers = self.cloud.octavia(session).load_balancer_list(project).await;
        let mut balancers = nothing_without_service(balancers)?;
        balancers.retain(|balancer| {
            balancer.description.starts_with("Kubernetes ") && balancer.description.contains(&mark)
        });
        let ports: Vec<String> =
            balancers.iter().filter_map(|balancer| balancer.vip_port_id.clone()).collect();
        let mut addresses = neutron.floating_ips_of_ports(&ports).await?;
        // One whose load balancer is gone already leads nowhere, but says whose it was.
        let described = neutron.floating_ip_list(project).await?;
        addresses.extend(described.into_iter().filter(|address| {
            address.description.contains("Kubernetes ") && address.description.contains(&mark)
        }));
        leavings.extend(addresses.into_iter().map(|address| Leaving {
            kind: Kind::FloatingIp,
            id: address.id,
            status: String::new(),
        }));
        leavings.extend(balancers.into_iter().map(|balancer| Leaving {
            kind: Kind::LoadBalancer,
            id: balancer.id,
            status: balancer.provisioning_status,
        }));
        if meant == Meant::Everything {
            let groups = neutron.security_groups(SecurityGroupFilter::Project(project)).await?;
            let made = groups.into_iter().filter(|group| {
                group.name.starts_with("lb-sg-")
                    && (group.name.contains(&uuid) || group.description.contains(&uuid))
            });
            leavings.extend(made.map(|group| Leaving {
                kind: Kind::SecurityGroup,
                id: group.id,
                status: String::new(),
            }));
            if !keeps_volumes(cluster) {
                leavings.extend(self.volumes_seen_by(session, cluster).await?);
            }
        }
        leavings.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
        leavings.dedup();
        Ok(leavings)
    }

    async fn volumes_seen_by(
        &self,
        session: &Session,
        cluster: &Cluster,
    ) -> Result<Vec<Leaving>, CloudError> {
        let (project, uuid) = (cluster.project_id.as_str(), cluster.uuid.to_string());
        let volumes = self.cloud.cinder(session).volumes_with(project, VOLUME_MARK, &uuid).await;
        let leaving = |id, status| Leaving { kind: Kind::Volume, id, status };
        let volumes = nothing_without_service(volumes)?.into_iter();
        Ok(volumes.map(|volume| leaving(volume.id, volume.status)).collect())
    }

    /// The volumes that outlive the cluster, by name, since nobody else will tell their owner. A Cinder that does not say
    /// which ones keeps no delete from ending.
    async fn volumes_kept(&self, cx: &StepContext, cluster: &Cluster) -> Result<Option<String>, StepError> {
        if !keeps_volumes(cluster) {
            return Ok(None);
        }
        let handle = self.handle(cx).await?;
        let session = self.cluster_or_service_session(cluster, &handle).await?;
        let mut seen = self.volumes_seen_by(&session, cluster).await;
        if seen.is_err() {
            seen = self.volumes_seen_by(self.cloud.service_session(), cluster).await;
        }
        match seen {
            Ok(volumes) if volumes.is_empty() => Ok(None),
            Ok(mut volumes) => {
                volumes.sort_by(|one, other| one.id.cmp(&other.id));
                let all: Vec<String> = volumes.iter().map(Leaving::to_string).collect();
                info!(cluster = %cluster.uuid, volumes = all.join(", "), "volumes of a deleted cluster are kept");
                Ok(Some(format!(
                    "kept, since the label {VOLUMES_LABEL} does not say delete: {}",
                    listed(&volumes)
                )))
            }
            Err(error) => {
                warn!(cluster = %cluster.uuid, error = %error, "which volumes of a deleted cluster are kept is not known");
                Ok(None)
            }
        }
    }

    /// What there is, in the order in which it goes, and with which right it is seen. A trust may lack the role that
    /// the load balancers ask for; the service's right does not.
    async fn leavings(
        &self,
        cx: &StepContext,
        cluster: &Cluster,
        meant: Meant,
    ) -> Result<(Vec<Leaving>, Session), StepError> {
        let doing = failure::cloud("looking for what Kubernetes made");
        let handle = self.handle(cx).await?;
        let session = self.cluster_or_service_session(cluster, &handle).await?;
        match self.leavings_seen_by(&session, cluster, meant).await {
            Ok(leavings) => Ok((leavings, session)),
            Err(error) if error.kind == CloudErrorKind::Forbidden => {
                let session = self.cloud.service_session().clone();
                let leavings = self.leavings_seen_by(&session, cluster, meant).await;
                Ok((leavings.map_err(doing)?, session))
            }
            Err(error) if error.kind == CloudErrorKind::Unauthorized => {
                self.forget_cluster_session(cluster, &handle);
                Err(StepError::retryable("the cluster's own credential is refused").caused_by(error))
            }
            Err(error) => Err(doing(error)),
        }
    }

    async fn leaving_delete(&self, session: &Session, leaving: &Leaving) -> Result<(), CloudError> {
        let id = leaving.id.as_str();
        match leaving.kind {
            Kind::FloatingIp => self.cloud.neutron(session).floating_ip_delete(id).await,
            Kind::LoadBalancer => self.cloud.octavia(session).load_balancer_delete(id).await,
            Kind::SecurityGroup => self.cloud.neutron(session).security_group_delete(id).await,
            Kind::Volume => self.cloud.cinder(session).volume_delete(id).await,
        }
    }

    async fn leavings_look(&self, cx: &StepContext, meant: Meant) -> Result<Look<Change>, StepError> {
        let view = self.cluster(cx).await?;
        if !self.leaves_resources(&view) {
            return Ok(Look::Done(Effect::nothing()));
        }
        let (leavings, _) = self.leavings(cx, &view.cluster, meant).await?;
        if leavings.is_empty() {
            let kept = match meant {
                Meant::OnNetworks => None,
                Meant::Everything => self.volumes_kept(cx, &view.cluster).await?,
            };
            return Ok(Look::Done(Effect::of(kept)?));
        }
        let next = SignedDuration::try_from(DELETE_LOOK).ok().and_then(|look| cx.now.checked_add(look).ok());
        if next.is_none_or(|next| next > cx.operation.deadline) {
            let states: Vec<&str> = leavings.iter().map(|leaving| leaving.status.as_str()).collect();
            let state = states.iter().find(|state| !state.is_empty());
            let state = state.map(|state| format!(" ({state})")).unwrap_or_default();
            let words = format!("what Kubernetes made is still there: {}{state}", listed(&leavings));
            return Err(StepError::fatal(words));
        }
        // People read what is in the way before it is tried, and as long as it stays.
        let text = format!("deleting what Kubernetes made: {}", listed(&leavings));
        if let Some(news) = news(&view.cluster, text) {
            return Ok(Look::Pending(ANNOUNCED, vec![news]));
        }
        Ok(match leavings.iter().all(Leaving::must_be_waited_for) {
            true => Look::Pending(DELETE_LOOK, Vec::new()),
            false => Look::Absent,
        })
    }

    async fn leavings_apply(&self, cx: &StepContext, meant: Meant) -> Result<Progress<Change>, StepError> {
        let cluster = self.cluster(cx).await?.cluster;
        let (leavings, session) = self.leavings(cx, &cluster, meant).await?;
        let free = leavings.iter().filter(|leaving| !leaving.must_be_waited_for());
        let mut refused: Option<StepError> = None;
        for leaving in free.take(AT_ONCE) {
            let mut done = self.leaving_delete(&session, leaving).await;
            if done.as_ref().is_err_and(|error| error.kind == CloudErrorKind::Forbidden) {
                done = self.leaving_delete(self.cloud.service_session(), leaving).await;
            }
            // One that will not go does not keep the others.
            if let Err(error) = done {
                let words = format!("{leaving} cannot be deleted: {}", error.message.trim_end_matches('.'));
                let busy = matches!(error.kind, CloudErrorKind::Conflict | CloudErrorKind::BadRequest);
                let failed = StepError { retryable: busy || error.is_retryable(), ..StepError::fatal(words) };
                refused.get_or_insert(failed.caused_by(error));
            }
        }
        match refused {
            Some(error) => Err(error),
            None => Ok(Progress::Pending(DELETE_LOOK)),
        }
    }
}

#[async_trait]
impl Step<Change> for LeavingsDelete {
    fn name(&self) -> &'static str {
        "cluster_leavings_delete"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        self.0.leavings_look(cx, Meant::OnNetworks).await
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        self.0.leavings_apply(cx, Meant::OnNetworks).await
    }
}

#[async_trait]
impl Step<Change> for RemainsDelete {
    fn name(&self) -> &'static str {
        "cluster_remains_delete"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        self.0.leavings_look(cx, Meant::Everything).await
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        self.0.leavings_apply(cx, Meant::Everything).await
    }
}
