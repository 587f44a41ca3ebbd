//! The steps that operations are made of. Each looks before it acts and says how to take its effect away.

mod certificates;
mod credential;
mod credential_end;
mod delete;
mod followed;
mod group_stack;
mod images;
mod join_secret;
mod leavings;
mod marks;
mod membership;
mod monitor_ports;
mod nodes;
mod rotation;
mod shared_secrets;
mod stack;
mod stack_scale;
mod stack_wait;
mod target;
mod trust;
mod trustee_user;
mod upgrade;
mod upgrade_stop;

pub use certificates::{Authorities, MagnumClient};
pub use credential::{
    CredentialBegun, CredentialFollowed, CredentialSwitch, CredentialTrust, CredentialTrustee,
};
pub use credential_end::CredentialOldEnd;
pub use delete::{CertificatesDelete, GroupStacksDelete, StackDelete, TrustDelete, TrusteeUserDelete};
pub use group_stack::{GroupJoinSecret, GroupStackCreate};
pub use images::ImagesSettled;
pub use join_secret::JoinSecret;
pub use leavings::{LeavingsDelete, RemainsDelete};
pub use marks::NodesMarked;
pub use membership::become_state;
pub use nodes::{Chosen, GroupNodesChosen, NodesChosen, NodesDrained, NodesForgotten, NodesGone, NodesLeave};
pub use rotation::{
    RotationBegun, RotationBundles, RotationEnded, RotationFollowed, RotationOldDelete, RotationPhaseBegun,
    rotation_can_be_undone,
};
pub use shared_secrets::SharedSecrets;
pub use stack::StackCreate;
pub use stack_scale::StackScale;
pub use stack_wait::StackWait;
pub use trust::Trust;
pub use trustee_user::TrusteeUser;
pub use upgrade::{NodesUpgrade, UpgradeBegun};
pub use upgrade_stop::{RebuildsSettled, UpgradeStopped};
