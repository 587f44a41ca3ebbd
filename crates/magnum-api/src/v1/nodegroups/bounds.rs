//! The bounds of a group: `min_node_count` ≤ `node_count` ≤ `max_node_count`. Upstream answers 409 here (spec 1.7).

use magnum_types::{NodeGroup, ServiceError};

/// Refuses a group that does not keep to its own bounds.
pub fn check(group: &NodeGroup) -> Result<(), ServiceError> {
    let NodeGroup { node_count, min_node_count: min, max_node_count: max, .. } = group;
    if let Some(max) = max.filter(|max| max < min) {
        return Err(ServiceError::conflict(format!(
            "Invalid value for max_node_count: {max} is less than min_node_count, {min}"
        )));
    }
    if node_count < min {
        return Err(ServiceError::conflict(format!(
            "Invalid value for min_node_count: {min} is more than node_count, {node_count}"
        )));
    }
    match max {
        Some(max) if node_count > max => Err(ServiceError::conflict(format!(
            "Invalid value for max_node_count: {max} is less than node_count, {node_count}"
        ))),
        _ => Ok(()),
    }
}
