//! A federation's document.

use crate::v1::document::{labels, links, time};
use magnum_types::Federation;
use serde_json::{Value, json};

/// The full document.
pub fn document(federation: &Federation, base: &str) -> Value {
    json!({
        "uuid": federation.uuid.to_string(),
        "name": federation.name,
        "hostcluster_id": federation.hostcluster_id,
        "member_ids": federation.member_ids,
        "status": federation.status,
        "status_reason": federation.status_reason,
        "properties": labels(&federation.properties),
        "links": links(base, &format!("federations/{}", federation.uuid)),
        "created_at": time(federation.created_at),
        "updated_at": time(federation.updated_at),
    })
}
