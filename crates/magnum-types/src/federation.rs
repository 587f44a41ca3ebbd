//! A federation of clusters: upstream has the table and the calls, and never had anything that makes one.

use crate::Labels;
use jiff::Timestamp;
use uuid::Uuid;

/// A federation as stored.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are the columns of upstream's table")]
pub struct Federation {
    pub uuid: Uuid,
    pub project_id: String,
    pub name: String,
    pub hostcluster_id: Option<String>,
    pub member_ids: Vec<String>,
    pub status: Option<String>,
    pub status_reason: Option<String>,
    pub properties: Labels,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}
