//! How many clusters a project may have, where an administrator said so.

use jiff::Timestamp;

/// The one resource that can be limited (spec 10).
pub const CLUSTER_RESOURCE: &str = "Cluster";

/// A limit that an administrator set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the columns of upstream's table")]
pub struct Quota {
    pub id: i64,
    pub project_id: String,
    /// [`CLUSTER_RESOURCE`].
    pub resource: String,
    /// At least 0.
    pub hard_limit: i32,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}
