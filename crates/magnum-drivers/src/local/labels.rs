//! The labels of local clusters: those of the engine's own driver, of which a machine makes many idle. They are accepted,
//! so that a template serves a real cloud and this one.

mod kubernetes;
mod swarm;

pub(super) use kubernetes::{LABELS as KUBERNETES, effective, refused};
pub(super) use swarm::LABELS as SWARM;

const DISK: &str = "a node keeps its data on the machine's disk";
const ENGINES_CHOICE: &str = "the machine's engine chooses the addresses";
const NO_BALANCER: &str = "there is no load balancer on one machine";
const NO_ZONES: &str = "one machine has no zones";
const OPEN: &str = "all ports of a node are open to its machine, and to nobody else";
