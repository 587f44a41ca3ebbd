//! All stacks, in memory and on disk. A change is written before anybody sees it, so what a caller was told is what a new
//! process finds.

use super::{
    disk::Disk,
    exchange::Refusal,
    stack::{Cx, FORMAT, Stack},
};
use magnum_types::{Clock, Entropy};
use std::{collections::BTreeMap, io, sync::Arc};
use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

/// Deleted stacks that are kept for history.
const KEPT: usize = 100;

/// The stacks by id.
pub(crate) type All = BTreeMap<Uuid, Arc<Stack>>;

pub(crate) struct Stacks {
    disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    all: Mutex<All>,
    /// Told after each change.
    pub changed: Notify,
}

fn file(id: Uuid) -> String {
    format!("stacks/{id}.json")
}

fn broken(name: &str, why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{name} cannot be read: {why}"))
}

/// The disk does not take what was to be remembered, so it did not happen.
fn unwritten(error: &io::Error) -> Refusal {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let cure = if full { ". Make room on the disk of the installation's folder" } else { "" };
    Refusal::new(
        if full { 503 } else { 500 },
        format!("The local cloud's state cannot be written: {error}{cure}"),
    )
}

impl Stacks {
    /// Reads what is there. A file that cannot be read is an error, since its nodes would be taken for nobody's.
    pub fn open(
        disk: Arc<dyn Disk>,
        files: &[(String, Vec<u8>)],
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> io::Result<Self> {
        let mut all = All::new();
        for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with("stacks/")) {
            let stack: Stack = serde_json::from_slice(bytes).map_err(|error| broken(name, error))?;
            if stack.format != FORMAT {
                return Err(broken(name, format!("it has the form {}, and {FORMAT} is known", stack.format)));
            }
            all.insert(stack.id, Arc::new(stack));
        }
        Ok(Self { disk, clock, entropy, all: Mutex::new(all), changed: Notify::new() })
    }

    pub async fn all(&self) -> Vec<Arc<Stack>> {
        self.all.lock().await.values().cloned().collect()
    }

    fn cx(&self) -> Cx<'_> {
        Cx { now: self.clock.now(), entropy: &*self.entropy }
    }

    async fn write(&self, all: &mut All, stack: Stack) -> Result<Arc<Stack>, Refusal> {
        let bytes = serde_json::to_vec(&stack).map_err(|error| unwritten(&io::Error::other(error)))?;
        self.disk.write(&file(stack.id), bytes).await.map_err(|error| unwritten(&error))?;
        let stack = Arc::new(stack);
        all.insert(stack.id, Arc::clone(&stack));
        Ok(stack)
    }

    /// A new stack, made of what there is.
    pub async fn create(
        &self,
        make: impl FnOnce(&All, &Cx<'_>) -> Result<Stack, Refusal>,
    ) -> Result<Arc<Stack>, Refusal> {
        let mut all = self.all.lock().await;
        let cx = self.cx();
        let mut stack = make(&all, &cx)?;
        stack.settle(&cx);
        let stack = self.write(&mut all, stack).await?;
        drop(all);
        self.changed.notify_one();
        Ok(stack)
    }

    /// Changes a stack, if it is there and lives; nothing is written when nothing is different.
    pub async fn change<T>(
        &self,
        id: Uuid,
        change: impl FnOnce(&mut Stack, &Cx<'_>) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        let mut all = self.all.lock().await;
        let Some(old) = all.get(&id).filter(|stack| stack.is_live()) else { return Ok(None) };
        let cx = self.cx();
        let mut stack = Stack::clone(old);
        let told = change(&mut stack, &cx)?;
        stack.settle(&cx);
        if stack != **old {
            self.write(&mut all, stack).await?;
            drop(all);
            self.changed.notify_one();
        }
        Ok(Some(told))
    }

    /// Forgets the oldest deleted stacks beyond those that are kept.
    pub async fn prune(&self) -> io::Result<()> {
        let mut all = self.all.lock().await;
        let mut deleted: Vec<_> = all.values().filter_map(|stack| Some((stack.deleted?, stack.id))).collect();
        deleted.sort_unstable();
        let surplus = deleted.len().saturating_sub(KEPT);
        for (_, id) in deleted.into_iter().take(surplus) {
            self.disk.remove(&file(id)).await?;
            all.remove(&id);
        }
        Ok(())
    }
}
