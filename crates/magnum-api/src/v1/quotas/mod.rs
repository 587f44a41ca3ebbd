//! Quotas: how many clusters a project may have. Administrators set them; a project sees its own.

pub mod change;
pub mod list;
pub mod show;
pub mod view;

use magnum_types::{ServiceError, quota::CLUSTER_RESOURCE};

/// Refuses a resource that cannot be limited.
fn check_resource(resource: &str) -> Result<(), ServiceError> {
    if resource == CLUSTER_RESOURCE {
        return Ok(());
    }
    Err(ServiceError::invalid(format!("Invalid value for resource: {resource:?}; use {CLUSTER_RESOURCE}")))
}
