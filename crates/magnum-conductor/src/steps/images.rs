//! The images of a stack's members while an upgrade makes them anew, one batch after the other. Which node has which
//! image stands in the nodes' rows; Heat is told whenever its stack says something else, so it does not matter who
//! tells it, or how often. Heat has Nova make a server anew under the same id, with its addresses and volumes.

use super::{membership::members_of, nodes::Since, stack_wait::first_cause, target::Target};
use crate::{failure, world::World};
use async_trait::async_trait;
use jiff::Timestamp;
use magnum_db::ClusterView;
use magnum_drivers::ImageInputs;
use magnum_openstack::{
    CloudErrorKind,
    heat::{Heat, Resource, ResourceFilter, Stack, StackUpdate},
};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{
    Change, ClusterHandle, NodeGroupId, NodeRegistration, Role, accept::ClusterUpgradeParams,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How soon Heat is asked again while it makes servers anew. A node's report wakes the operation sooner.
const LOOK: Duration = Duration::from_secs(1);

/// `images_settled`: the image that all nodes have now is also that of nodes to come.
pub struct ImagesSettled(pub Arc<World>);

/// What members of a stack are to have.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// Each the image that its node's row names.
    ByRow(&'a [NodeRegistration]),
    /// All this one.
    All(&'a str),
}

/// A stack that holds members to be made anew.
struct Making {
    heat: Heat,
    stack: Stack,
    /// What its parameters are to be.
    parameters: Map<String, Value>,
    /// The servers of its members, as far as they were asked for.
    servers: Vec<String>,
    /// The groups whose members they are.
    groups: Vec<NodeGroupId>,
}

/// Who tells Heat, and which failure of a stack is its own. Every other one is tried again.
#[derive(Clone, Copy)]
pub(super) struct Telling<'a> {
    /// The release that the nodes come to.
    pub release: &'a str,
    /// Whether Heat was told.
    pub told: Told,
}

/// See [`Telling`].
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// Not yet.
    Never,
    /// Since then.
    Since(Timestamp),
    /// By this operation or by the one that it ends, as the stack itself shows.
    ByAnybody,
}

impl<'a> Telling<'a> {
    /// An upgrade, which tells Heat in `step`.
    ///
    /// # Errors
    /// When the upgrade never began.
    pub(super) fn upgrade(
        cx: &StepContext,
        params: &'a ClusterUpgradeParams,
        step: &str,
    ) -> Result<Self, StepError> {
        let began: Since =
            cx.output("upgrade_begun")?.ok_or_else(|| StepError::fatal("the upgrade never began"))?;
        let told = if cx.has_begun(step) { Told::Since(began.at) } else { Told::Never };
        Ok(Self { release: &params.release, told })
    }
}

/// How far the making is.
pub(super) enum Made {
    /// Heat has not been told.
    Untold,
    /// Heat works on it.
    Making,
    /// Every server is what it is to be. Where Heat had to make another server in place of one, the lost ones' ids.
    All(Vec<String>),
}

impl Making {
    fn is_told(&self) -> bool {
        self.parameters.iter().all(|(name, wanted)| {
            self.stack.parameters.get(name).is_some_and(|held| held == wanted || as_json(held) == *wanted)
        })
    }

    async fn state(&self, telling: &Telling<'_>) -> Result<Made, StepError> {
        if self.stack.is_in_progress() {
            return Ok(Made::Making);
        }
        if !self.stack.stack_status.ends_with("_FAILED") {
            return Ok(if self.is_told() { Made::All(Vec::new()) } else { Made::Untold });
        }
        let is_its_own = match telling.told {
            Told::Never => false,
            // Heat's times are whole seconds.
            Told::Since(begun) => {
                self.stack.updated_time.is_some_and(|at| at.as_second() >= begun.as_second())
            }
            Told::ByAnybody => self.is_told(),
        };
        if !is_its_own {
            return Ok(Made::Untold);
        }
        let reason = self.stack.stack_status_reason.as_deref();
        let cause = first_cause(&self.heat, &self.stack.reference(), reason).await?;
        Err(StepError::fatal(format!(
            "upgrading to {}: making servers anew failed: {cause}",
            telling.release
        )))
    }

    async fn tell(&self, uuid: &str) -> Result<(), StepError> {
        let change = StackUpdate {
            parameters: Some(&self.parameters),
            disable_rollback: Some(true),
            tags: &["magnum", uuid],
            ..Default::default()
        };
        match self.heat.stack_patch(&self.stack.reference(), &change).await {
            Err(error) if error.kind == CloudErrorKind::Conflict => {
                Err(StepError::retryable("Heat is busy with the stack").caused_by(error))
            }
            other => other.map_err(failure::cloud("updating the stack")),
        }
    }
}

/// Heat gives maps back as text.
fn as_json(held: &Value) -> Value {
    held.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}

impl World {
    /// How far Heat is with what the rows of these nodes say, as far as they are of these groups.
    ///
    /// # Errors
    /// When Heat cannot be asked, or could not do it; then with the first cause.
    pub(super) async fn images_look(
        &self,
        cx: &StepContext,
        view: &ClusterView,
        nodes: &[NodeRegistration],
        groups: &[NodeGroupId],
        telling: &Telling<'_>,
    ) -> Result<Made, StepError> {
        let makings = self.makings(cx, view, groups, Wanted::ByRow(nodes)).await?;
        Ok(match worst(&makings, telling).await? {
            Made::All(_) => Made::All(lost(&makings, nodes)),
            other => other,
        })
    }

    /// Tells Heat what the rows say, wherever its stacks say something else.
    ///
    /// # Errors
    /// When Heat cannot be asked or told.
    pub(super) async fn images_tell(
        &self,
        cx: &StepContext,
        view: &ClusterView,
        nodes: &[NodeRegistration],
        groups: &[NodeGroupId],
    ) -> Result<(), StepError> {
        let makings = self.makings(cx, view, groups, Wanted::ByRow(nodes)).await?;
        self.tell(view, &makings).await
    }

    async fn tell(&self, view: &ClusterView, makings: &[Making]) -> Result<(), StepError> {
        let failed = |making: &Making| making.stack.stack_status.ends_with("_FAILED");
        for making in makings.iter().filter(|making| !making.is_told() || failed(making)) {
            making.tell(&view.cluster.uuid.to_string()).await?;
        }
        self.stacks.forget(&view.cluster.project_id).await;
        Ok(())
    }

    /// The stacks of the groups that get the image, and what they are to be told.
    async fn makings(
        &self,
        cx: &StepContext,
        view: &ClusterView,
        groups: &[NodeGroupId],
        wanted: Wanted<'_>,
    ) -> Result<Vec<Making>, StepError> {
        let handle = self.handle(cx).await?;
        let mut targets = vec![Target::cluster(&view.cluster, &handle)];
        targets.extend(self.targets_apart(view).await?);
        let mut makings = Vec::new();
        for target in targets {
            let here = target.groups(view).filter(|group| groups.contains(&group.uuid));
            let groups: Vec<(NodeGroupId, Role)> = here.map(|group| (group.uuid, group.kind())).collect();
            if !groups.is_empty() {
                makings.push(self.making(view, &handle, &target, &groups, wanted).await?);
            }
        }
        Ok(makings)
    }

    async fn making(
        &self,
        view: &ClusterView,
        handle: &ClusterHandle,
        target: &Target,
        groups: &[(NodeGroupId, Role)],
        wanted: Wanted<'_>,
    ) -> Result<Making, StepError> {
        let heat = self.cluster_heat(&view.cluster, handle)?;
        let doing = failure::cloud("asking Heat for the cluster's nodes");
        let gone = || StepError::fatal("the stack was not found in Heat");
        let listed = target.find(&heat).await.map_err(&doing)?.ok_or_else(gone)?;
        let stack = heat.stack_get(&listed.reference(), false).await.map_err(&doing)?.ok_or_else(gone)?;
        let mut parameters = Map::new();
        let busy = stack.is_in_progress();
        let resources = match wanted {
            Wanted::ByRow(_) if !busy => {
                let filter = ResourceFilter { nested_depth: 2, ..Default::default() };
                heat.resource_list(&stack.reference(), &filter).await.map_err(&doing)?
            }
            _ => Vec::new(),
        };
        for (group, role) in groups.iter().copied().filter(|_| !busy) {
            let single = match wanted {
                Wanted::ByRow(nodes) => self.single(view, &resources, nodes, group, role)?,
                Wanted::All(_) => BTreeMap::new(),
            };
            let image = match wanted {
                Wanted::ByRow(_) => None,
                Wanted::All(image) => Some(image),
            };
            parameters
                .extend(self.driver(view)?.images(&ImageInputs { role, image, single: &single }).parameters);
        }
        let server = |resource: &Resource| resource.physical_resource_id.clone();
        let is_server = |resource: &&Resource| resource.resource_type == "OS::Nova::Server";
        let servers = resources.iter().filter(is_server).filter_map(server).collect();
        let groups = groups.iter().map(|(group, _)| *group).collect();
        Ok(Making { heat, stack, parameters, servers, groups })
    }

    /// Index → image of a group's members whose rows name one.
    fn single(
        &self,
        view: &ClusterView,
        resources: &[Resource],
        nodes: &[NodeRegistration],
        group: NodeGroupId,
        role: Role,
    ) -> Result<BTreeMap<u32, String>, StepError> {
        let driver = self.driver(view)?;
        let groups = driver.member_groups().iter().filter(|group| group.role == role);
        let members = groups.flat_map(|group| members_of(resources, group));
        let image = |server: Option<String>| {
            let node = nodes.iter().find(|node| Some(&node.instance_id) == server.as_ref())?;
            node.wanted_image.clone().filter(|_| node.nodegroup == group)
        };
        Ok(members.filter_map(|member| Some((member.index, image(member.server_id)?))).collect())
    }
}

/// The groups whose nodes an upgrade makes anew.
///
/// # Errors
/// When it is to no other image.
pub(super) fn groups_made_anew(params: &ClusterUpgradeParams) -> Result<&[NodeGroupId], StepError> {
    let image = params.image.as_ref();
    Ok(&image.ok_or_else(|| StepError::fatal("the upgrade is to no other image"))?.nodegroups)
}

/// Nodes that were members of these stacks and whose servers are none any more.
fn lost(makings: &[Making], nodes: &[NodeRegistration]) -> Vec<String> {
    let is_lost = |node: &&NodeRegistration| {
        let making = makings.iter().find(|making| making.groups.contains(&node.nodegroup));
        making.is_some_and(|making| !making.servers.contains(&node.instance_id))
    };
    nodes.iter().filter(is_lost).map(|node| node.instance_id.clone()).collect()
}

/// The making that is least far.
async fn worst(makings: &[Making], telling: &Telling<'_>) -> Result<Made, StepError> {
    let mut made = Made::All(Vec::new());
    for making in makings {
        match making.state(telling).await? {
            Made::Untold => return Ok(Made::Untold),
            Made::Making => made = Made::Making,
            Made::All(_) => {}
        }
    }
    Ok(made)
}

#[async_trait]
impl Step<Change> for ImagesSettled {
    fn name(&self) -> &'static str {
        "images_settled"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let params: ClusterUpgradeParams = cx.params()?;
        let Some(image) = &params.image else { return Ok(Look::Done(Effect::nothing())) };
        let view = self.0.cluster(cx).await?;
        let makings = self.0.makings(cx, &view, &image.nodegroups, Wanted::All(&image.id)).await?;
        let telling = Telling::upgrade(cx, &params, self.name())?;
        Ok(match worst(&makings, &telling).await? {
            Made::Untold => Look::Absent,
            Made::Making => Look::Pending(LOOK, Vec::new()),
            Made::All(_) => Look::Done(Effect::nothing()),
        })
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let params: ClusterUpgradeParams = cx.params()?;
        if let Some(image) = &params.image {
            let view = self.0.cluster(cx).await?;
            let makings = self.0.makings(cx, &view, &image.nodegroups, Wanted::All(&image.id)).await?;
            self.0.tell(&view, &makings).await?;
        }
        Ok(Progress::Pending(LOOK))
    }
}
