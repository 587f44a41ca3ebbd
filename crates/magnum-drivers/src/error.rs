//! The errors of this crate. All of them are the caller's: a request that no driver can serve.

use magnum_types::ServiceError;

/// Why a driver refuses.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// No enabled driver serves this combination.
    #[error("Cluster type ({server_type}, {os_distro}, {coe}) not supported; supported are: {supported}")]
    UnsupportedType {
        /// `vm` or `bm`.
        server_type: String,
        /// The image's `os_distro`.
        os_distro: String,
        /// The engine's word.
        coe: String,
        /// What would be, separated by commas.
        supported: String,
    },
    /// The template names a driver that is not there or is disabled.
    #[error("driver {name:?} is not available; available are: {available}")]
    UnknownDriver {
        /// As the template has it.
        name: String,
        /// What would be, separated by commas.
        available: String,
    },
    /// A label's value does not fit its kind.
    #[error("label {label}: {value:?} is not allowed; it must be {allowed}")]
    LabelValue {
        /// The label.
        label: String,
        /// What was given.
        value: String,
        /// What is allowed, in words.
        allowed: String,
    },
    /// A label that is nearly a known one.
    #[error("label {label} is unknown; did you mean {nearest}?")]
    LabelTypo {
        /// What was given.
        label: String,
        /// The known one.
        nearest: String,
    },
    /// A field that this driver cannot serve, or not together with another one.
    #[error("{field}: {problem}")]
    Field {
        /// The field's name in the request.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A node that is asked to be removed is no member.
    #[error("nodes_to_remove: {asked:?} is no member of the node group; members are: {members}")]
    NoSuchMember {
        /// As asked.
        asked: String,
        /// Index and server id of each member, separated by commas.
        members: String,
    },
}

impl DriverError {
    /// The cluster's stack does not offer what a further group is built on.
    pub(crate) fn no_output(name: &str) -> Self {
        DriverError::Field {
            field: "cluster",
            problem: format!(
                "its stack has no output {name}, so no further node group can be built on it; stacks that this \
                 release makes have it"
            ),
        }
    }
}

impl From<DriverError> for ServiceError {
    fn from(error: DriverError) -> Self {
        ServiceError::invalid(error.to_string())
    }
}
