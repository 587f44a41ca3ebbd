//! Clusters whose nodes are containers on one machine, for standalone mode: Docker Swarms and Kubernetes clusters with the
//! node plans of [`crate::swarm`] and [`crate::kubernetes`], in stacks that the local cloud (`magnum-local`) reads.
//!
//! Only the stack differs. Heat's templates describe ports, volumes, load balancers and user data, none of which a
//! container has; the local cloud reads a small document instead (`document`), with the same groups, members, parameters
//! and outputs, so everything that looks at a stack sees what it knows.

mod document;
mod image;
mod kubernetes;
mod labels;
mod parameters;
mod swarm;
mod validate;

pub use kubernetes::LocalKubernetesDriver;
pub use swarm::LocalDriver;

/// The `os_distro` of images that nodes of the local cloud start from.
pub const OS_DISTRO: &str = "magnum-local";
