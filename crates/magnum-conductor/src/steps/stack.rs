//! `stack_create`: asks Heat for the cluster's stack. The stack's name was drawn when the request was accepted, so a
//! repetition finds what an earlier try made.

use super::{JoinSecret, monitor_ports::monitor_ports_delete, target::Target};
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_drivers::{DriverSettings, StackInputs};
use magnum_openstack::{
    CloudErrorKind, Service,
    heat::{Heat, StackRef, StackRequest},
};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::{
    Change, Cluster, ClusterHandle, ClusterId, ClusterPatch, CredentialKind, NodeGroup, NodeGroupPatch, Role,
    nodegroup::DEFAULT_WORKER,
};
use std::{sync::Arc, time::Duration};

/// How soon a deletion is looked at again.
pub(super) const DELETE_LOOK: Duration = Duration::from_secs(1);

/// The step.
pub struct StackCreate(pub Arc<World>);

impl World {
    /// Heat as the cluster.
    pub(super) fn cluster_heat(&self, cluster: &Cluster, handle: &ClusterHandle) -> Result<Heat, StepError> {
        let session = self.cluster_session(cluster, handle)?;
        Ok(self.cloud.heat(&session).in_project(&cluster.project_id))
    }
}

fn recorded(cluster: &Cluster, groups: &[NodeGroup], stack: &StackRef) -> Effect<Change> {
    let id = || Some(Some(stack.id.clone()));
    let patch = ClusterPatch { stack_id: id(), ..Default::default() };
    let groups = groups.iter().filter(|group| group.is_default).map(|group| {
        Change::NodeGroup(group.uuid, Box::new(NodeGroupPatch { stack_id: id(), ..Default::default() }))
    });
    Effect::nothing().with([Change::Cluster(cluster.uuid, Box::new(patch))]).with(groups)
}

#[async_trait]
impl Step<Change> for StackCreate {
    fn name(&self) -> &'static str {
        "stack_create"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        if !cx.has_begun(self.name()) {
            return Ok(Look::Absent);
        }
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let found =
            heat.stack_find(&handle.stack_name).await.map_err(failure::cloud("looking for the stack"))?;
        Ok(found.map_or(Look::Absent, |stack| {
            Look::Done(recorded(&view.cluster, &view.nodegroups, &stack.reference()))
        }))
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let driver = self.0.driver(&view)?;
        let group = |wanted: fn(&NodeGroup) -> bool| {
            view.nodegroups
                .iter()
                .find(|group| wanted(group))
                .ok_or_else(|| StepError::fatal("the cluster has lost a default node group"))
        };
        let template =
            view.template.as_ref().ok_or_else(|| StepError::fatal("the cluster's template is gone"))?;
        let join_secret = JoinSecret::drawn(&self.0, cx)?;
        let settings = self.0.driver_settings(&view.cluster, &handle).await?;
        let stack = driver.stack(&StackInputs {
            cluster: &view.cluster,
            template,
            masters: group(|group| group.kind() == Role::Master)?,
            workers: group(|group| group.name == DEFAULT_WORKER)?,
            join_secret: &join_secret,
            settings: &settings,
        });
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let sent =
            StackSent { name: &handle.stack_name, cluster: view.cluster.uuid, credential: handle.credential };
        let made = sent.to(&heat, stack).await?;
        Ok(Progress::Done(recorded(&view.cluster, &view.nodegroups, &made)))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let handle = self.0.handle(cx).await?;
        let target = Target::cluster(&cluster, &handle);
        Ok(self.0.stack_taken_away(&cluster, &handle, &target).await?.map_or(Undo::Done, Undo::pending))
    }
}

/// A new stack on its way to Heat.
pub(super) struct StackSent<'a> {
    /// The name that was drawn for it.
    pub name: &'a str,
    /// Whose it is.
    pub cluster: ClusterId,
    /// How the cluster acts on the cloud.
    pub credential: Option<CredentialKind>,
}

impl StackSent<'_> {
    pub(super) async fn to(&self, heat: &Heat, stack: magnum_drivers::Stack) -> Result<StackRef, StepError> {
        let environment = stack.environment.to_string();
        let parameters = stack.parameters.into_iter().collect();
        let uuid = self.cluster.to_string();
        let made = heat
            .stack_create(&StackRequest {
                name: self.name,
                template: &stack.template,
                files: &stack.files,
                // JSON is YAML.
                environment: Some(&environment),
                parameters: &parameters,
                timeout_mins: u32::try_from(stack.timeout_minutes).ok(),
                disable_rollback: true,
                tags: &["magnum", &uuid],
            })
            .await;
        match made {
            Ok(made) => Ok(made),
            // An earlier try made it and its answer was lost: the next look finds it.
            Err(error) if error.kind == CloudErrorKind::Conflict => {
                Err(StepError::retryable("the stack exists already").caused_by(error))
            }
            // Heat does its deferred work by trusts, and Keystone lets nobody make one from an application credential:
            // it would fail the same way for ever, without a word.
            Err(error)
                if self.credential == Some(CredentialKind::ApplicationCredential)
                    && error.kind == CloudErrorKind::Server(500) =>
            {
                Err(StepError::fatal(
                    "Heat cannot work for a caller with an application credential (its deferred_auth_method is \
                     trusts): create the cluster with a password or token login",
                )
                .caused_by(error))
            }
            Err(error) => Err(failure::cloud("creating the stack")(error)),
        }
    }
}

impl World {
    /// What drivers are told, with the addresses that the configuration leaves to the catalogue. The catalogue of a
    /// fresh token is asked, since the entry may have moved after this process started.
    pub(super) async fn driver_settings(
        &self,
        cluster: &Cluster,
        handle: &ClusterHandle,
    ) -> Result<DriverSettings, StepError> {
        let mut settings = self.settings.driver.clone();
        let session = self.cluster_session(cluster, handle)?;
        let doing = failure::cloud("looking up the addresses that nodes need in the catalogue");
        if settings.magnum_url.is_empty() {
            let root = self.cloud.client(Service::ContainerInfra, &session).root().await.map_err(&doing)?;
            settings.magnum_url = root.to_string();
        }
        if settings.auth_url.is_empty() {
            let root = self.cloud.client(Service::Identity, &session).root().await.map_err(&doing)?;
            settings.auth_url = root.to_string();
        }
        Ok(settings)
    }

    /// One move towards "there is no such stack": how soon to move again, `None` once there is none. A failed deletion is
    /// sent again, and says why as an error.
    pub(super) async fn stack_taken_away(
        &self,
        cluster: &Cluster,
        handle: &ClusterHandle,
        target: &Target,
    ) -> Result<Option<Duration>, StepError> {
        let doing = failure::cloud("deleting the stack");
        let session = self.cluster_or_service_session(cluster, handle).await?;
        let heat = self.cloud.heat(&session).in_project(&cluster.project_id);
        let stack = match target.find(&heat).await {
            Ok(Some(stack)) => stack,
            Ok(None) => return Ok(None),
            // The trust ended while its token lived: the next try goes on with the service's own right.
            Err(error) if error.kind == CloudErrorKind::Unauthorized => {
                self.forget_cluster_session(cluster, handle);
                return Err(StepError::retryable("the cluster's own credential is refused").caused_by(error));
            }
            Err(error) => return Err(doing(error)),
        };
        if stack.stack_status == "DELETE_IN_PROGRESS" {
            return Ok(Some(DELETE_LOOK));
        }
        if stack.stack_status == "DELETE_FAILED" {
            // A cluster's trust need not have the role that Neutron asks for; the service's right is enough.
            let neutron = self.cloud.neutron(self.cloud.service_session());
            monitor_ports_delete(&heat, &neutron, &stack.reference()).await.map_err(&doing)?;
        }
        match heat.stack_delete(&stack.reference()).await {
            Err(error) if error.kind == CloudErrorKind::Conflict => {
                return Err(StepError::retryable("Heat is busy with the stack").caused_by(error));
            }
            other => other.map_err(&doing)?,
        }
        if stack.stack_status == "DELETE_FAILED" {
            let reason = stack.stack_status_reason.unwrap_or_default();
            return Err(StepError::retryable(format!("Heat could not delete the stack: {reason}")));
        }
        Ok(Some(DELETE_LOOK))
    }
}
