//! Node groups of a cluster, since 1.9.

pub mod bounds;
pub mod create;
pub mod delete;
pub mod labelling;
pub mod list;
pub mod show;
pub mod update;
pub mod view;

use crate::{extract::Call, microversion::NODEGROUPS};
use magnum_types::{ErrorKind, ServiceError};

/// Refuses a version that has no node groups.
fn check_version(call: &Call) -> Result<(), ServiceError> {
    if call.version.at_least(NODEGROUPS) {
        return Ok(());
    }
    Err(ServiceError::new(
        ErrorKind::NotAcceptable,
        "Node groups need microversion 1.9 or later: send OpenStack-API-Version: container-infra 1.9",
    ))
}
