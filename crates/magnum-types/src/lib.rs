//! The domain's words: what the API, the conductor, the drivers and the nodes all mean by "cluster".
//!
//! Nothing here does I/O. Read [`status`] first, then [`cluster`], [`nodegroup`] and [`operation`]; [`plan`] is
//! what the server and a cluster's node say to each other. Time and randomness enter the system only through
//! [`Clock`] and [`Entropy`], so that a test owns both.

pub mod accept;
pub mod authority;
pub mod change;
pub mod clock;
pub mod cluster;
pub mod cluster_template;
pub mod context;
pub mod entropy;
pub mod error;
pub mod federation;
pub mod handle;
pub mod ids;
pub mod labels;
pub mod nodegroup;
pub mod operation;
pub mod places;
pub mod plan;
mod proxies;
pub mod quota;
pub mod reach;
pub mod registration;
pub mod service;
pub mod status;

pub use accept::{
    CA_ROTATE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_RESIZE, CLUSTER_UPDATE, CLUSTER_UPGRADE,
    CREDENTIAL_ROTATE, NODEGROUP_CREATE, NODEGROUP_DELETE, UPGRADE_STOP,
};
pub use authority::{Authority, Rotation, RotationPhase};
pub use change::{Change, ClusterPatch, NodeGroupPatch};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use cluster::Cluster;
pub use cluster_template::{ClusterTemplate, Coe, ServerType};
pub use context::RequestContext;
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use error::{ErrorKind, ServiceError};
pub use federation::Federation;
pub use handle::{
    ClusterHandle, CredentialKind, FormerCredentials, FormerTrust, HandlePatch, NodeGroupHandle,
};
pub use ids::{ClusterId, NodeGroupId, OperationId, TemplateId};
pub use labels::Labels;
pub use nodegroup::{NodeGroup, Role};
pub use operation::{Operation, OperationState, OperationStore};
pub use quota::Quota;
pub use reach::Reach;
pub use registration::{Move, NodeRegistration, NodeState};
pub use service::MagnumService;
pub use status::{HealthStatus, Status};
