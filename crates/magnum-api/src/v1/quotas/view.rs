//! A quota's document.

use crate::v1::document::time;
use magnum_types::{Quota, quota::CLUSTER_RESOURCE};
use serde_json::{Value, json};

/// The document of a limit that an administrator set.
pub fn document(quota: &Quota) -> Value {
    json!({
        "id": quota.id,
        "project_id": quota.project_id,
        "resource": quota.resource,
        "hard_limit": quota.hard_limit,
        "created_at": time(quota.created_at),
        "updated_at": time(quota.updated_at),
    })
}

/// The document of a project that nobody limited: it has the configured default, and no row.
pub fn default_document(project: &str, hard_limit: i32) -> Value {
    json!({"project_id": project, "resource": CLUSTER_RESOURCE, "hard_limit": hard_limit})
}
