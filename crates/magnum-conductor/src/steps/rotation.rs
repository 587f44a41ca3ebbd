//! The steps of `ca_rotate`. How far it is stands in the cluster's handle, where nodes' plans are made from it.

use super::{
    certificates::{recorded, references},
    followed::followed,
    nodes::LOOK,
};
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::{Authority, Change, Cluster, ClusterPatch, HandlePatch, Rotation, RotationPhase};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// `rotation_begun`
pub struct RotationBegun(pub Arc<World>);
/// `rotation_bundles`
pub struct RotationBundles(pub Arc<World>);
/// `rotation_trust`, `rotation_clients`, `rotation_servers`, `rotation_drop`: the next phase.
pub struct RotationPhaseBegun {
    /// What it works on.
    pub world: Arc<World>,
    /// The step's name.
    pub name: &'static str,
    /// The phase.
    pub to: RotationPhase,
}
/// Until every node has followed.
pub struct RotationFollowed {
    /// What it works on.
    pub world: Arc<World>,
    /// The step's name.
    pub name: &'static str,
    /// What is waited for, as `status_reason` says it.
    pub doing: &'static str,
}
/// `rotation_ended`: nothing is left to do.
pub struct RotationEnded(pub Arc<World>);
/// `rotation_old_delete`
pub struct RotationOldDelete(pub Arc<World>);

/// What `rotation_begun` found.
#[derive(Serialize, Deserialize)]
struct Begun {
    /// In the names of the new bundles.
    generation: u32,
    /// The phase in which an earlier try left it.
    resumed: Option<RotationPhase>,
    old: BTreeMap<Authority, String>,
    old_client: Option<String>,
}

impl Begun {
    fn of(cx: &StepContext) -> Result<Self, StepError> {
        cx.output("rotation_begun")?.ok_or_else(|| StepError::fatal("the rotation never began"))
    }
}

/// What `rotation_bundles` made.
#[derive(Serialize, Deserialize)]
struct Made {
    new: BTreeMap<Authority, String>,
    client: Option<String>,
}

impl Made {
    fn of(cx: &StepContext) -> Result<Self, StepError> {
        cx.output("rotation_bundles")?.ok_or_else(|| StepError::fatal("the new authorities were never made"))
    }
}

/// Whether nothing but the nodes' trust in the new authorities has to be taken back. Once clients may show new
/// certificates there is only the way forward; and where it is not known how far an earlier try came, nothing is touched.
pub fn rotation_can_be_undone(cx: &StepContext) -> bool {
    let Ok(begun) = Begun::of(cx) else { return false };
    let switched = cx.output::<Value>("rotation_clients").is_ok_and(|done| done.is_some());
    !switched && begun.resumed.is_none_or(|phase| phase == RotationPhase::Trust)
}

fn number(phase: RotationPhase) -> u8 {
    match phase {
        RotationPhase::Trust => 0,
        RotationPhase::Clients => 1,
        RotationPhase::Servers => 2,
        RotationPhase::Dropped => 3,
    }
}

fn handle_change(cluster: &Cluster, rotation: Rotation) -> Change {
    let patch =
        HandlePatch { rotation: Some(Some(rotation)), raise_plan_generation: true, ..Default::default() };
    Change::Handle(cluster.uuid, Box::new(patch))
}

#[async_trait]
impl Step<Change> for RotationBegun {
    fn name(&self) -> &'static str {
        "rotation_begun"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let (cluster, driver) = (&view.cluster, self.0.driver(&view)?);
        if !driver.upgrades() {
            let words = format!("the driver {} gives living clusters no new authorities", driver.name());
            return Err(StepError::fatal(words));
        }
        let nodes = self.0.store.nodes_of(cluster.uuid).await.map_err(failure::database)?;
        if nodes.is_empty() {
            return Err(StepError::fatal("no node of the cluster has registered, so none could follow"));
        }
        let handle = self.0.handle(cx).await?;
        if let Some(rotation) = handle.rotation {
            let begun = Begun {
                generation: handle.certificate_generation,
                resumed: Some(rotation.phase),
                old: rotation.old,
                old_client: rotation.old_client,
            };
            // A node that failed tries again with a new generation.
            let change = Change::raise_plans(cluster.uuid);
            return Ok(Progress::Done(Effect::of(begun)?.with([change])));
        }
        let mut old = BTreeMap::new();
        for authority in driver.authorities().iter().copied() {
            let reference = recorded(cluster, authority).ok_or_else(|| {
                StepError::fatal(format!("the cluster has no {} authority to rotate", word(authority)))
            })?;
            old.insert(authority, reference.to_owned());
        }
        let generation = handle.certificate_generation.saturating_add(1);
        let old_client = cluster.magnum_cert_ref.clone();
        let begun = Begun { generation, resumed: None, old, old_client };
        let patch = HandlePatch { certificate_generation: Some(generation), ..Default::default() };
        let change = Change::Handle(cluster.uuid, Box::new(patch));
        Ok(Progress::Done(Effect::of(begun)?.with([change])))
    }
}

fn word(authority: Authority) -> &'static str {
    match authority {
        Authority::Cluster => "certificate",
        Authority::Etcd => "etcd",
        Authority::FrontProxy => "front proxy",
    }
}

#[async_trait]
impl Step<Change> for RotationBundles {
    fn name(&self) -> &'static str {
        "rotation_bundles"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let begun = Begun::of(cx)?;
        let view = self.0.cluster(cx).await?;
        let rotation = self.0.handle(cx).await?.rotation;
        if let (Some(rotation), Some(phase)) = (rotation, begun.resumed)
            && phase != RotationPhase::Trust
        {
            let made = Made { new: rotation.new, client: view.cluster.magnum_cert_ref };
            return Ok(Look::Done(Effect::of(made)?));
        }
        if !cx.has_begun(self.name()) {
            return Ok(Look::Absent);
        }
        let driver = self.0.driver(&view)?;
        let found = self.0.authorities_find(&view.cluster, driver.as_ref(), begun.generation).await?;
        let client = self.0.client_find(&view.cluster, begun.generation).await?;
        match (found, client) {
            (Some(new), Some(client)) => Ok(Look::Done(Effect::of(Made { new, client: Some(client) })?)),
            _ => Ok(Look::Absent),
        }
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let generation = Begun::of(cx)?.generation;
        let view = self.0.cluster(cx).await?;
        let driver = self.0.driver(&view)?;
        let new = match self.0.handle(cx).await?.rotation {
            // Left in its first phase: nodes may trust these already.
            Some(rotation) => rotation.new,
            None => self.0.authorities_make(&view.cluster, driver.as_ref(), generation, cx.now).await?,
        };
        let ca = new
            .get(&Authority::Cluster)
            .ok_or_else(|| StepError::fatal("the driver has no authority that signs for clients"))?;
        let client = self.0.client_make(&view.cluster, ca, generation, cx.now).await?;
        Ok(Progress::Done(Effect::of(Made { client: Some(client), new })?))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        if !rotation_can_be_undone(cx) {
            return Ok(Undo::Done);
        }
        let generation = Begun::of(cx)?.generation;
        let view = self.0.cluster(cx).await?;
        let authorities = self.0.driver(&view)?.authorities();
        let nothing = BTreeMap::new();
        self.0.generation_delete(&view.cluster, generation, authorities, &nothing, None).await?;
        Ok(Undo::Done)
    }
}

#[async_trait]
impl Step<Change> for RotationPhaseBegun {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let rotation = self.world.handle(cx).await?.rotation;
        let there = rotation.is_some_and(|rotation| number(rotation.phase) >= number(self.to));
        Ok(if there { Look::Done(Effect::nothing()) } else { Look::Absent })
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let (begun, made) = (Begun::of(cx)?, Made::of(cx)?);
        let cluster = self.world.cluster(cx).await?.cluster;
        let rotation =
            Rotation { phase: self.to, old: begun.old, new: made.new.clone(), old_client: begun.old_client };
        let mut changes = vec![handle_change(&cluster, rotation)];
        if self.to == RotationPhase::Clients {
            // Magnum and whoever asks it for a certificate are clients like others.
            let patch = ClusterPatch { magnum_cert_ref: Some(made.client), ..references(&made.new) };
            changes.push(Change::Cluster(cluster.uuid, Box::new(patch)));
        }
        Ok(Progress::Done(Effect::nothing().with(changes)))
    }
}

#[async_trait]
impl Step<Change> for RotationFollowed {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        followed(&self.world, cx, "certificates", self.doing).await
    }

    async fn apply(&self, _cx: &StepContext) -> Result<Progress<Change>, StepError> {
        Ok(Progress::Pending(LOOK))
    }
}

#[async_trait]
impl Step<Change> for RotationEnded {
    fn name(&self) -> &'static str {
        "rotation_ended"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        // Plans are those of the last phase: nobody has to follow.
        let patch = HandlePatch { rotation: Some(None), ..Default::default() };
        let change = Change::Handle(cluster.uuid, Box::new(patch));
        Ok(Progress::Done(Effect::nothing().with([change])))
    }
}

#[async_trait]
impl Step<Change> for RotationOldDelete {
    fn name(&self) -> &'static str {
        "rotation_old_delete"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let begun = Begun::of(cx)?;
        let cluster = self.0.cluster(cx).await?.cluster;
        let authorities: Vec<Authority> = begun.old.keys().copied().collect();
        // Generations that were given up are there as well, if they could not be taken away then.
        for generation in 0..begun.generation {
            let client = begun.old_client.as_deref();
            self.0.generation_delete(&cluster, generation, &authorities, &begun.old, client).await?;
        }
        Ok(Progress::Done(Effect::nothing()))
    }
}
