//! What each rule says when the operator says nothing, and which tokens it takes.
//!
//! The defaults are the newest upstream ones. What older releases allowed besides lives in the base
//! rules these refer to (see `base`), so that an operator who tightens a base rule tightens every
//! rule that stands on it. The old `bay` and `baymodel` rules follow their successors for the same
//! reason.

use crate::Rule;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One project; also a token without any scope.
    Project,
    /// One domain.
    Domain,
    /// The whole cloud.
    System,
}

impl Scope {
    /// The name operators know it under.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Domain => "domain",
            Self::System => "system",
        }
    }
}

/// A rule's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleDefault {
    /// The expression.
    pub check: &'static str,
    /// The token scopes it takes while scopes are enforced; none means all.
    pub scope_types: &'static [Scope],
}

const fn project(check: &'static str) -> RuleDefault {
    RuleDefault { check, scope_types: &[Scope::Project] }
}

const ADMIN: RuleDefault = RuleDefault { check: "rule:context_is_admin", scope_types: &[] };
const MEMBER: RuleDefault = project("rule:admin_or_project_member");
const READER: RuleDefault = project("rule:admin_or_project_reader");
const MEMBER_NOT_CLUSTER: RuleDefault = project("rule:admin_or_project_member_deny_cluster_user");
const READER_NOT_CLUSTER: RuleDefault = project("rule:admin_or_project_reader_deny_cluster_user");

/// The default of a rule.
pub const fn default_of(rule: Rule) -> RuleDefault {
    match rule {
        Rule::CertificateCreate => project("rule:admin_or_project_member_user"),
        Rule::CertificateGet => project("rule:admin_or_project_reader_user"),
        Rule::ClusterUpdateHealthStatus => project("rule:admin_or_project_member_user_or_cluster_user"),
        // The one rule that gives administrators no way round membership: it acts as the caller.
        Rule::CredentialRotate => project("rule:project_member_deny_cluster_user"),

        Rule::ClusterCreate
        | Rule::ClusterDelete
        | Rule::ClusterUpdate
        | Rule::ClusterResize
        | Rule::ClusterUpgrade
        | Rule::ClusterTemplateCreate
        | Rule::FederationCreate
        | Rule::FederationDelete
        | Rule::FederationUpdate => MEMBER_NOT_CLUSTER,

        Rule::ClusterDetail
        | Rule::ClusterGet
        | Rule::ClusterGetAll
        | Rule::ClusterTemplateDetail
        | Rule::ClusterTemplateGet
        | Rule::ClusterTemplateGetAll
        | Rule::FederationDetail
        | Rule::FederationGet
        | Rule::FederationGetAll => READER_NOT_CLUSTER,

        Rule::CertificateRotateCa
        | Rule::ClusterTemplateDelete
        | Rule::ClusterTemplateUpdate
        | Rule::NodeGroupCreate
        | Rule::NodeGroupDelete
        | Rule::NodeGroupUpdate => MEMBER,

        Rule::NodeGroupGet | Rule::NodeGroupGetAll | Rule::QuotaGet | Rule::StatsGetAll => READER,

        Rule::ClusterDeleteAllProjects
        | Rule::ClusterDetailAllProjects
        | Rule::ClusterGetOneAllProjects
        | Rule::ClusterGetAllAllProjects
        | Rule::ClusterUpdateAllProjects
        | Rule::ClusterUpgradeAllProjects
        | Rule::ClusterTemplateDeleteAllProjects
        | Rule::ClusterTemplateDetailAllProjects
        | Rule::ClusterTemplateGetOneAllProjects
        | Rule::ClusterTemplateGetAllAllProjects
        | Rule::ClusterTemplateUpdateAllProjects
        | Rule::ClusterTemplatePublish
        | Rule::MagnumServiceGetAll
        | Rule::NodeGroupGetOneAllProjects
        | Rule::NodeGroupGetAllAllProjects
        | Rule::QuotaCreate
        | Rule::QuotaDelete
        | Rule::QuotaGetAll
        | Rule::QuotaUpdate => ADMIN,

        Rule::BayCreate => project("rule:cluster:create"),
        Rule::BayDelete => project("rule:cluster:delete"),
        Rule::BayDetail => project("rule:cluster:detail"),
        Rule::BayGet => project("rule:cluster:get"),
        Rule::BayGetAll => project("rule:cluster:get_all"),
        Rule::BayUpdate => project("rule:cluster:update"),
        Rule::BayModelCreate => project("rule:clustertemplate:create"),
        Rule::BayModelDelete => project("rule:clustertemplate:delete"),
        Rule::BayModelDetail => project("rule:clustertemplate:detail"),
        Rule::BayModelGet => project("rule:clustertemplate:get"),
        Rule::BayModelGetAll => project("rule:clustertemplate:get_all"),
        Rule::BayModelUpdate => project("rule:clustertemplate:update"),
        Rule::BayModelPublish => RuleDefault { check: "rule:clustertemplate:publish", scope_types: &[] },
    }
}
