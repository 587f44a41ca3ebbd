//! The steps that operations are made of. Each looks before it acts and says how to take its effect away.

mod certificates;
mod delete;
mod group_stack;
mod join_secret;
mod nodes;
mod stack;
mod stack_scale;
mod stack_wait;
mod target;
mod trust;
mod trustee_user;

pub use certificates::{ClusterCa, MagnumClient};
pub use delete::{CertificatesDelete, GroupStacksDelete, StackDelete, TrustDelete, TrusteeUserDelete};
pub use group_stack::{GroupJoinSecret, GroupStackCreate};
pub use join_secret::JoinSecret;
pub use nodes::{Chosen, GroupNodesChosen, NodesChosen, NodesDrained, NodesForgotten, NodesGone, NodesLeave};
pub use stack::StackCreate;
pub use stack_scale::StackScale;
pub use stack_wait::StackWait;
pub use trust::Trust;
pub use trustee_user::TrusteeUser;
