//! Where nodes reach this process: the host's own address in each stack's network, as long as the stack has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) struct Gateways {
    known: Mutex<BTreeMap<Uuid, IpAddr>>,
    told: watch::Sender<BTreeSet<IpAddr>>,
}

impl Default for Gateways {
    fn default() -> Self {
        Self { known: Mutex::default(), told: watch::Sender::new(BTreeSet::new()) }
    }
}

impl Gateways {
    pub fn learn(&self, stack: Uuid, gateway: IpAddr) {
        self.change(|known| {
            known.insert(stack, gateway);
        });
    }

    /// Forgets those of other stacks.
    pub fn retain(&self, keep: impl Fn(&Uuid) -> bool) {
        self.change(|known| known.retain(|stack, _| keep(stack)));
    }

    pub fn subscribe(&self) -> watch::Receiver<BTreeSet<IpAddr>> {
        self.told.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<Uuid, IpAddr>)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        let all: BTreeSet<IpAddr> = known.values().copied().collect();
        self.told.send_if_modified(|told| {
            let other = *told != all;
            *told = all;
            other
        });
    }
}
