//! A cluster's handle: what we must know to find and finish the cluster's things in the cloud, kept in a table of
//! our own beside upstream's `cluster`. Names are drawn once, in the accepting transaction, so that a repeated
//! create looks for the same name.

use crate::{
    Rotation,
    ids::{ClusterId, NodeGroupId},
};
use serde::{Deserialize, Serialize};

/// How a cluster acts on the cloud (design section 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A user without roles in the trustee domain, and a trust from the creator.
    Trust,
    /// An application credential that the creator's token made.
    ApplicationCredential,
}

impl CredentialKind {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            CredentialKind::Trust => "trust",
            CredentialKind::ApplicationCredential => "application_credential",
        }
    }
}

/// What a cluster acted by before, as far as it is still there: a user of the trustee domain, and the trust in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerTrust {
    /// The trustee's id.
    pub trustee_user_id: String,
    /// The trust's id.
    pub trust_id: String,
}

/// What is left of a cluster's earlier credentials. No secret of them is kept: whoever may make trustees may give an old
/// one another password, which is also how the old password is made worthless.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerCredentials {
    /// How often the credential was replaced; the names of trustees carry it.
    pub generation: u32,
    /// The one before, as long as nodes may still act by it: a rotation is under way, or stopped half-way.
    pub replaced: Option<FormerTrust>,
    /// Those that open nothing any more, and stay since trusts of Heat's were handed on from them.
    #[serde(default)]
    pub kept: Vec<FormerTrust>,
}

/// What we keep about a cluster beside upstream's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterHandle {
    /// The cluster.
    pub cluster: ClusterId,
    /// Name of its Heat stack, drawn when the create was accepted.
    pub stack_name: String,
    /// How it acts on the cloud; `None` until the credential exists.
    pub credential: Option<CredentialKind>,
    /// Id of the application credential, if it has one. Its secret is in `cluster.trustee_password`, sealed.
    pub application_credential_id: Option<String>,
    /// SHA-256 (hex) of the join secret that the cluster's user-data carries.
    pub join_secret_hash: Option<String>,
    /// Raised whenever the nodes' plans change.
    pub plan_generation: i64,
    /// Sealed JSON of what nodes told us and others need (e.g. Swarm's join tokens), and of secrets that all masters
    /// share.
    pub facts: Option<String>,
    /// The rotation of the authorities that is under way.
    pub rotation: Option<Rotation>,
    /// How often new authorities were drawn; 0 for those that the cluster was made with. Names of bundles in the
    /// certificate store carry it, so that a name is one authority's for ever.
    pub certificate_generation: u32,
    /// What is left of earlier credentials.
    pub former_credentials: FormerCredentials,
}

/// What we keep about a node group that has a Heat stack of its own, as every group but the two default ones has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeGroupHandle {
    /// The group.
    pub nodegroup: NodeGroupId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Name of its stack, drawn when the create was accepted.
    pub stack_name: String,
    /// SHA-256 (hex) of the join secret that the group's user-data carries; a secret of one group admits to no other.
    pub join_secret_hash: Option<String>,
}

/// A partial change of a handle; `None` keeps the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of ClusterHandle")]
pub struct HandlePatch {
    pub credential: Option<Option<CredentialKind>>,
    pub application_credential_id: Option<Option<String>>,
    pub join_secret_hash: Option<Option<String>>,
    pub facts: Option<Option<String>>,
    pub rotation: Option<Option<Rotation>>,
    pub certificate_generation: Option<u32>,
    pub former_credentials: Option<FormerCredentials>,
    /// Adds one to the plan generation.
    pub raise_plan_generation: bool,
}
