//! A process that dies: at its n-th write to disk or call of the machine it stops for ever, before or after the thing is
//! done, until the test ends it.

use async_trait::async_trait;
use magnum_local::cloud::disk::Disk;
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Before,
    After,
}

#[derive(Default)]
pub struct CrashPoint {
    state: Mutex<State>,
    pub died: Notify,
}

#[derive(Default)]
struct State {
    count: u64,
    dies: Option<(u64, Side)>,
    dead: bool,
}

impl CrashPoint {
    /// The process dies at its n-th effect from now on, from 1.
    pub fn die_at(&self, dies: Option<(u64, Side)>) {
        *self.state.lock().unwrap() = State { count: 0, dies, dead: false };
    }

    /// How many effects there were.
    pub fn count(&self) -> u64 {
        self.state.lock().unwrap().count
    }

    pub fn is_dead(&self) -> bool {
        self.state.lock().unwrap().dead
    }

    async fn pass(&self, side: Side) {
        {
            let mut state = self.state.lock().unwrap();
            if side == Side::Before {
                state.count += 1;
            }
            state.dead |= state.dies == Some((state.count, side));
            if !state.dead {
                return;
            }
        }
        self.died.notify_one();
        // A dead process does nothing more.
        std::future::pending().await
    }

    pub async fn before(&self) {
        self.pass(Side::Before).await;
    }

    pub async fn after(&self) {
        self.pass(Side::After).await;
    }
}

/// A disk in memory that outlives processes. Each process has it by a handle of its own, so that what a killed one still
/// had in hand is never written.
pub struct TestDisk {
    life: AtomicU64,
    pub files: Mutex<BTreeMap<String, Vec<u8>>>,
    point: Arc<CrashPoint>,
    /// It takes nothing.
    pub full: Mutex<bool>,
}

impl TestDisk {
    pub fn new(point: Arc<CrashPoint>) -> Self {
        Self { life: AtomicU64::new(0), files: Mutex::default(), point, full: Mutex::default() }
    }

    /// For the next process; the one before can write nothing more.
    pub fn handle(self: &Arc<Self>) -> Handle {
        Handle { life: self.life.fetch_add(1, Ordering::SeqCst) + 1, disk: self.clone() }
    }

    pub fn text(&self) -> String {
        let files = self.files.lock().unwrap();
        files.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

/// See [`TestDisk`].
pub struct Handle {
    life: u64,
    disk: Arc<TestDisk>,
}

impl Handle {
    async fn must_live(&self) {
        if self.disk.life.load(Ordering::SeqCst) != self.life {
            std::future::pending().await
        }
    }
}

#[async_trait]
impl Disk for Handle {
    async fn load(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        Ok(self
            .disk
            .files
            .lock()
            .unwrap()
            .iter()
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect())
    }

    async fn write(&self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        self.must_live().await;
        if *self.disk.full.lock().unwrap() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.point.before().await;
        // A real disk takes a while. A lock that is held meanwhile must hinder nobody for good: the cloud once stood still
        // when its loop waited for the lock that one of its own jobs held.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        self.disk.files.lock().unwrap().insert(name.to_owned(), bytes);
        self.disk.point.after().await;
        Ok(())
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        self.must_live().await;
        self.disk.point.before().await;
        self.disk.files.lock().unwrap().remove(name);
        self.disk.point.after().await;
        Ok(())
    }
}
