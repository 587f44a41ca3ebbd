//! The status words of clusters and node groups (upstream's eighteen, never a nineteenth: clients enumerate them),
//! and which requests each state admits.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! status {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// Status of a cluster or node group.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        pub enum Status {
            $(
                #[doc = concat!("`", $text, "`")]
                #[serde(rename = $text)]
                $variant,
            )*
        }

        impl Status {
            /// Every status, in upstream's order.
            pub const ALL: &'static [Status] = &[$(Status::$variant),*];

            /// The word on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Status::$variant => $text),* }
            }
        }

        impl FromStr for Status {
            type Err = UnknownStatus;
            fn from_str(text: &str) -> Result<Self, UnknownStatus> {
                match text { $($text => Ok(Status::$variant),)* other => Err(UnknownStatus(other.to_owned())) }
            }
        }
    };
}

status! {
    CreateInProgress = "CREATE_IN_PROGRESS",
    CreateFailed = "CREATE_FAILED",
    CreateComplete = "CREATE_COMPLETE",
    UpdateInProgress = "UPDATE_IN_PROGRESS",
    UpdateFailed = "UPDATE_FAILED",
    UpdateComplete = "UPDATE_COMPLETE",
    DeleteInProgress = "DELETE_IN_PROGRESS",
    DeleteFailed = "DELETE_FAILED",
    DeleteComplete = "DELETE_COMPLETE",
    ResumeComplete = "RESUME_COMPLETE",
    ResumeFailed = "RESUME_FAILED",
    RestoreComplete = "RESTORE_COMPLETE",
    RollbackInProgress = "ROLLBACK_IN_PROGRESS",
    RollbackFailed = "ROLLBACK_FAILED",
    RollbackComplete = "ROLLBACK_COMPLETE",
    SnapshotComplete = "SNAPSHOT_COMPLETE",
    CheckComplete = "CHECK_COMPLETE",
    AdoptComplete = "ADOPT_COMPLETE",
}

/// A word that is no status.
#[derive(Debug, thiserror::Error)]
#[error("unknown status {0:?}")]
pub struct UnknownStatus(pub String);

impl Status {
    /// Work is going on.
    pub fn is_in_progress(self) -> bool {
        self.as_str().ends_with("_IN_PROGRESS")
    }

    /// The last work ended in failure.
    pub fn is_failed(self) -> bool {
        self.as_str().ends_with("_FAILED")
    }

    /// The last work ended well, so a new update may begin (spec 3.4, "settled").
    pub fn is_settled(self) -> bool {
        self.as_str().ends_with("_COMPLETE") && self != Status::DeleteComplete
    }

    /// The states from which an update of the cluster is accepted (spec 4.2, Update).
    pub fn admits_update(self) -> bool {
        self.is_settled()
    }

    /// The states from which a resize is accepted: an autoscaler may repeat itself (spec 4.2, Resize).
    pub fn admits_resize(self) -> bool {
        self.is_settled() || matches!(self, Status::UpdateFailed | Status::UpdateInProgress)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Health of a cluster's engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HealthStatus {
    /// Every node answers and is ready.
    Healthy,
    /// At least one node or the API is not.
    Unhealthy,
    /// Nobody can tell, e.g. the API is not reachable from here.
    Unknown,
}

impl HealthStatus {
    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            HealthStatus::Healthy => "HEALTHY",
            HealthStatus::Unhealthy => "UNHEALTHY",
            HealthStatus::Unknown => "UNKNOWN",
        }
    }
}

impl FromStr for HealthStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        match text {
            "HEALTHY" => Ok(HealthStatus::Healthy),
            "UNHEALTHY" => Ok(HealthStatus::Unhealthy),
            "UNKNOWN" => Ok(HealthStatus::Unknown),
            other => Err(UnknownStatus(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back_from_its_word() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse::<Status>().unwrap(), *status);
        }
        assert_eq!(Status::ALL.len(), 18);
    }

    #[test]
    fn only_settled_states_admit_an_update() {
        assert!(Status::CreateComplete.admits_update());
        assert!(!Status::CreateFailed.admits_update());
        assert!(!Status::UpdateInProgress.admits_update());
        assert!(Status::UpdateInProgress.admits_resize());
        assert!(!Status::CreateInProgress.admits_resize());
        assert!(!Status::DeleteComplete.admits_update());
    }
}
