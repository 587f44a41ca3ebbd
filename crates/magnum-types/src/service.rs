//! A service process as `coe service list` shows it (spec 1.10).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One conductor host's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are the columns of upstream's table, described in the API reference"
)]
pub struct MagnumService {
    pub id: i64,
    pub host: String,
    /// `magnum-conductor`.
    pub binary: String,
    pub disabled: bool,
    pub disabled_reason: Option<String>,
    pub last_seen_up: Option<Timestamp>,
    pub forced_down: bool,
    pub report_count: i64,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}
