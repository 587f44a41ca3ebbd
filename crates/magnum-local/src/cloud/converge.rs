//! Brings the machine in line with the stacks, for as long as the process lives. There is no queue: what is to be done is
//! read from the stacks each time, so it makes no difference whether this process or one before it was asked.

use super::{
    gateways::Gateways,
    glance,
    life::{Patience, Work},
    stack::{Member, Stack},
    stacks::Stacks,
};
use crate::{
    cloud::{LocalSettings, flavors},
    machines::{FileContent, Machines, MachinesError, NetworkSpec, NodeFile, NodeSpec},
};
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

/// How often the machine is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How soon something refused is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// Nodes of one stack that are made or taken away at the same time.
const AT_ONCE: usize = 4;
/// How long an engine that is not there is waited for: it may be starting anew.
const ABSENT_SECONDS: i64 = 60;
/// How long one call may take; making a node copies no image, so it takes seconds.
const ANSWER: Duration = Duration::from_secs(120);

/// How often a node was started again, and when.
pub(super) type Restarts = HashMap<Uuid, (u32, Timestamp)>;

pub(crate) struct Convergence {
    pub stacks: Arc<Stacks>,
    pub machines: Arc<dyn Machines>,
    pub settings: LocalSettings,
    pub(super) gateways: Gateways,
    pub(super) restarts: Mutex<Restarts>,
    /// What was last said about the machine as a whole, so that it is said once.
    pub(super) said: Mutex<String>,
}

/// What one job was about; a stack's says when it may be tried again.
enum Done {
    Look,
    Stack(Uuid, bool),
}

fn patience(error: &MachinesError) -> Patience {
    match error {
        MachinesError::Absent { .. } => Patience::Seconds(ABSENT_SECONDS),
        MachinesError::Refused { again: true, .. } => Patience::Deadline,
        MachinesError::Refused { again: false, .. }
        | MachinesError::TooOld { .. }
        | MachinesError::NoImage(_) => Patience::None,
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| now.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

impl Convergence {
    pub fn new(stacks: Arc<Stacks>, machines: Arc<dyn Machines>, settings: LocalSettings) -> Self {
        Self {
            stacks,
            machines,
            settings,
            gateways: Gateways::default(),
            restarts: Mutex::default(),
            said: Mutex::default(),
        }
    }

    /// Works until `stop`. Each job is a task of its own: one that holds the stacks' lock goes on whatever this loop waits
    /// for, which may be that lock.
    pub async fn run(self: &Arc<Self>, stop: CancellationToken) {
        let clock = &self.stacks.clock;
        let mut jobs: JoinSet<Done> = JoinSet::new();
        let mut busy: BTreeSet<Uuid> = BTreeSet::new();
        let mut not_before: BTreeMap<Uuid, Timestamp> = BTreeMap::new();
        let (mut looking, mut next_look) = (false, clock.now());
        while !stop.is_cancelled() {
            let now = clock.now();
            if !looking && now >= next_look {
                looking = true;
                let own = Arc::clone(self);
                jobs.spawn(async move {
                    own.look().await;
                    Done::Look
                });
            }
            for stack in self.stacks.all().await {
                let rests = not_before.get(&stack.id).is_some_and(|until| now < *until);
                let ended = stack.is_working() && now >= stack.deadline;
                if rests || (stack.work().is_empty() && !ended) || !busy.insert(stack.id) {
                    continue;
                }
                let own = Arc::clone(self);
                jobs.spawn(async move { Done::Stack(stack.id, own.stack(&stack).await) });
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(done) = jobs.join_next() => match done {
                    Ok(Done::Look) => (looking, next_look) = (false, later(clock.now(), LOOK)),
                    Ok(Done::Stack(id, well)) => {
                        busy.remove(&id);
                        not_before.remove(&id);
                        if !well {
                            not_before.insert(id, later(clock.now(), AGAIN));
                        }
                    }
                    // A fault of this program. What it was about is not known, so everything may be tried again.
                    Err(error) => {
                        error!(%error, "a job of the local cloud ended by a fault");
                        (looking, next_look) = (false, later(clock.now(), LOOK));
                        not_before.extend(busy.iter().map(|id| (*id, later(clock.now(), LOOK))));
                        jobs.shutdown().await;
                        busy.clear();
                    }
                },
                () = self.stacks.changed.notified() => {}
                () = clock.sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    /// One round of a stack's work; false when something is to be tried again.
    async fn stack(&self, stack: &Arc<Stack>) -> bool {
        let work = stack.work();
        let tried = stream::iter(work).map(|work| self.one(stack, work)).buffer_unordered(AT_ONCE);
        let well = tried.fold(true, |all, one| async move { all && one }).await;
        let expired = self.stacks.change(stack.id, |stack, cx| {
            stack.expire(cx);
            Ok(())
        });
        if let Err(error) = expired.await {
            warn!(stack = %stack.id, error = error.text, "a stack's time is over and cannot be noted");
            return false;
        }
        if let Err(error) = self.stacks.prune().await {
            warn!(%error, "old stacks cannot be forgotten");
        }
        well
    }

    async fn one(&self, stack: &Stack, work: Work) -> bool {
        let done = match work {
            Work::Network => self.in_time(self.network_known(stack)).await,
            Work::NetworkRemove => match self.user_of_network(stack).await {
                Some(user) => Err((format!("the network is still used by the stack {user}"), Patience::None)),
                None => self.in_time(self.machines.network_remove(stack.id)).await,
            },
            Work::Make(id) => self.member_make(stack, id).await,
            Work::Remove(id) => match stack.members.iter().find(|member| member.id == id) {
                Some(member) => self.in_time(self.machines.node_remove(member.server)).await,
                None => Ok(()),
            },
        };
        let well = done.is_ok();
        let noted = self.stacks.change(stack.id, |stack, cx| {
            match (work, done) {
                (Work::Network, Ok(())) => stack.network_made(),
                (Work::NetworkRemove, Ok(())) => stack.network_gone(),
                (Work::Remove(id), Ok(())) => stack.member_removed(id, cx),
                // Noted already, with the image that it was made from.
                (Work::Make(_), Ok(())) => {}
                (Work::Network | Work::NetworkRemove, Err((reason, patience))) => {
                    stack.network_refused(&reason, patience, cx);
                }
                (Work::Make(id) | Work::Remove(id), Err((reason, patience))) => {
                    stack.member_refused(id, &reason, patience, cx);
                }
            }
            Ok(())
        });
        match noted.await {
            Ok(_) => well,
            Err(error) => {
                warn!(stack = %stack.id, error = error.text, "what was done for a stack cannot be noted");
                false
            }
        }
    }

    /// The stack's network, made if it is not there, and where nodes in it reach this process.
    pub(super) async fn network_known(&self, stack: &Stack) -> Result<(), MachinesError> {
        let spec = NetworkSpec { stack: stack.id, name: format!("magnum-{}", stack.name) };
        let made = self.machines.network_ensure(&spec).await?;
        self.gateways.learn(stack.id, made.gateway);
        Ok(())
    }

    /// What the machine says, unless it says nothing for so long that it is not waited for any more.
    pub(super) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, MachinesError>>,
    ) -> Result<T, (String, Patience)> {
        tokio::select! {
            said = call => said.map_err(refused),
            () = self.stacks.clock.sleep(ANSWER) => {
                let reason = format!("the machine has not answered for {} seconds", ANSWER.as_secs());
                Err((reason, Patience::Deadline))
            }
        }
    }

    async fn user_of_network(&self, stack: &Stack) -> Option<String> {
        let all = self.stacks.all().await;
        let mut others = all.iter().filter(|other| other.is_live() && other.id != stack.id);
        others.find(|other| other.network.of == stack.id).map(|other| other.name.clone())
    }

    async fn member_make(&self, stack: &Stack, id: Uuid) -> Result<(), (String, Patience)> {
        let Some(member) = stack.members.iter().find(|member| member.id == id) else { return Ok(()) };
        let images = self.in_time(self.machines.images()).await?;
        let image = glance::find(&images, &member.image)
            .ok_or_else(|| refused(MachinesError::NoImage(member.image.clone())))?;
        let spec = self.spec(stack, member, &image.digest).map_err(|reason| (reason, Patience::None))?;
        self.in_time(self.machines.node_ensure(&spec)).await?;
        info!(stack = stack.name, node = member.name, "a node was made");
        let noted = self.stacks.change(stack.id, |stack, cx| {
            stack.member_made(id, image.id, cx);
            Ok(())
        });
        noted.await.map(drop).map_err(|error| (error.text, Patience::Deadline))
    }

    pub(super) fn spec(&self, stack: &Stack, member: &Member, image: &str) -> Result<NodeSpec, String> {
        let flavor = flavors::find(&member.flavor)
            .ok_or_else(|| format!("The Flavor ({}) could not be found.", member.flavor))?;
        let url = format!(
            "{}/orchestration/v1/signal/{}/{}",
            self.settings.node_url.trim_end_matches('/'),
            stack.id,
            member.id
        );
        let mut files = stack.document.node_files(&stack.parameters, &url, member.token.clear())?;
        // As the metadata service of a cloud would tell it.
        files.push(NodeFile {
            path: "/var/lib/cloud/data/instance-id".to_owned(),
            mode: 0o644,
            content: FileContent::Bytes(format!("{}\n", member.server).into_bytes()),
        });
        Ok(NodeSpec {
            server: member.server,
            stack: stack.network.of,
            owner: stack.id,
            name: member.name.clone(),
            image: image.to_owned(),
            cpus: flavor.cpus,
            memory_mib: flavor.memory_mib,
            files,
            gateway_names: self.settings.gateway_names.clone(),
        })
    }
}

/// Why a call failed, and how often it is tried again.
fn refused(error: MachinesError) -> (String, Patience) {
    let patience = patience(&error);
    (error.to_string(), patience)
}
