//! The rules that other rules are made of: who is an administrator, a member, the owner.
//!
//! Every name of every release is kept, because operators' files refer to them. Where a newer
//! release narrowed a base rule, what the older one allowed stays allowed beside it, until the
//! operator turns `enforce_new_defaults` on.
//!
//! Two old forms are narrower here than upstream. "Anyone but the clusters' own users" became "the
//! object's project but not the clusters' own users", so that no old form crosses projects; and a
//! cluster's user is known by the domain it belongs to as well as by the domain of its token.

macro_rules! base_rules {
    ($($variant:ident = $name:literal, $meaning:literal;)+) => {
        /// A rule that other rules refer to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum BaseRule {
            $(
                #[doc = concat!("`", $name, "`: ", $meaning)]
                $variant,
            )+
        }

        impl BaseRule {
            /// Every base rule, in the order of the sample file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in a policy file, such as `context_is_admin`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Whom the rule means, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

base_rules! {
    ContextIsAdmin = "context_is_admin", "an administrator of the cloud";
    AdminApi = "admin_api", "an administrator, under the oldest name";
    AdminOrOwner = "admin_or_owner", "an administrator or anyone in the object's project";
    AdminOrUser = "admin_or_user", "an administrator or the object's creator";
    IsUser = "is_user", "the object's creator";
    ClusterUser = "cluster_user", "the cluster's own user";
    DenyClusterUser = "deny_cluster_user", "anyone but a cluster's own user";
    UserOrClusterUser = "user_or_cluster_user", "the object's creator or the cluster's own user";
    AdminOrUserOrClusterUser = "admin_or_user_or_cluster_user",
        "an administrator, the object's creator or the cluster's own user";
    ProjectMember = "project_member", "a member of the object's project";
    ProjectReader = "project_reader", "a reader of the object's project";
    AdminOrProjectMember = "admin_or_project_member", "an administrator or a member of the object's project";
    AdminOrProjectReader = "admin_or_project_reader", "an administrator or a reader of the object's project";
    AdminOrProjectMemberUser = "admin_or_project_member_user",
        "an administrator, or the object's creator as a member of its project";
    AdminOrProjectReaderUser = "admin_or_project_reader_user",
        "an administrator, or the object's creator as a reader of its project";
    AdminOrProjectMemberClusterUser = "admin_or_project_member_cluster_user",
        "an administrator, or the cluster's own user as a member of its project";
    AdminOrProjectMemberUserOrClusterUser = "admin_or_project_member_user_or_cluster_user",
        "an administrator, or the creator or the cluster's own user as a member of its project";
    ProjectMemberDenyClusterUser = "project_member_deny_cluster_user",
        "a member of the object's project, but no cluster's own user";
    ProjectReaderDenyClusterUser = "project_reader_deny_cluster_user",
        "a reader of the object's project, but no cluster's own user";
    AdminOrProjectMemberDenyClusterUser = "admin_or_project_member_deny_cluster_user",
        "an administrator or a member of the object's project, but no cluster's own user";
    AdminOrProjectReaderDenyClusterUser = "admin_or_project_reader_deny_cluster_user",
        "an administrator or a reader of the object's project, but no cluster's own user";
}

/// What an older release had in place of a base rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deprecated {
    /// The old rule's name. An operator who changed that rule gets it instead of the new default.
    pub name: &'static str,
    /// The expression that is allowed beside the new one.
    pub check: &'static str,
}

/// A base rule's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseDefault {
    /// The expression.
    pub check: &'static str,
    /// What is allowed besides, unless `enforce_new_defaults` is on.
    pub deprecated: Option<Deprecated>,
}

const fn plain(check: &'static str) -> BaseDefault {
    BaseDefault { check, deprecated: None }
}

const fn replaces(name: &'static str, old: &'static str, check: &'static str) -> BaseDefault {
    BaseDefault { check, deprecated: Some(Deprecated { name, check: old }) }
}

const OLD_OWNER: &str = "rule:admin_or_owner";
const OLD_OWNER_NOT_CLUSTER: &str = "rule:admin_or_owner and rule:deny_cluster_user";
const OLD_USER: &str = "rule:admin_or_user or rule:cluster_user";

/// The default of a base rule.
pub const fn default_of_base(rule: BaseRule) -> BaseDefault {
    match rule {
        BaseRule::ContextIsAdmin => plain("role:admin"),
        BaseRule::AdminApi => plain("rule:context_is_admin"),
        BaseRule::AdminOrOwner => plain("is_admin:True or project_id:%(project_id)s"),
        BaseRule::AdminOrUser => plain("is_admin:True or user_id:%(user_id)s"),
        BaseRule::IsUser => plain("user_id:%(user_id)s"),
        BaseRule::ClusterUser => plain("user_id:%(trustee_user_id)s"),
        BaseRule::DenyClusterUser => {
            plain("not (domain_id:%(trustee_domain_id)s or user_domain_id:%(trustee_domain_id)s)")
        }
        BaseRule::UserOrClusterUser => plain("rule:is_user or rule:cluster_user"),
        BaseRule::AdminOrUserOrClusterUser => plain("rule:context_is_admin or rule:user_or_cluster_user"),
        BaseRule::ProjectMember => plain("role:member and project_id:%(project_id)s"),
        BaseRule::ProjectReader => plain("role:reader and project_id:%(project_id)s"),
        BaseRule::AdminOrProjectMember => {
            replaces("admin_or_owner", OLD_OWNER, "rule:context_is_admin or rule:project_member")
        }
        BaseRule::AdminOrProjectReader => {
            replaces("admin_or_owner", OLD_OWNER, "rule:context_is_admin or rule:project_reader")
        }
        BaseRule::AdminOrProjectMemberUser => replaces(
            "admin_or_user",
            OLD_USER,
            "rule:context_is_admin or (rule:project_member and rule:is_user)",
        ),
        BaseRule::AdminOrProjectReaderUser => replaces(
            "admin_or_user",
            OLD_USER,
            "rule:context_is_admin or (rule:project_reader and rule:is_user)",
        ),
        BaseRule::AdminOrProjectMemberClusterUser => {
            plain("rule:context_is_admin or (rule:project_member and rule:cluster_user)")
        }
        BaseRule::AdminOrProjectMemberUserOrClusterUser => replaces(
            "admin_or_user_or_cluster_user",
            "rule:admin_or_user_or_cluster_user",
            "rule:context_is_admin or (rule:project_member and rule:user_or_cluster_user)",
        ),
        BaseRule::ProjectMemberDenyClusterUser => replaces(
            "admin_or_owner",
            OLD_OWNER_NOT_CLUSTER,
            "rule:project_member and rule:deny_cluster_user",
        ),
        BaseRule::ProjectReaderDenyClusterUser => replaces(
            "admin_or_owner",
            OLD_OWNER_NOT_CLUSTER,
            "rule:project_reader and rule:deny_cluster_user",
        ),
        BaseRule::AdminOrProjectMemberDenyClusterUser => replaces(
            "admin_or_owner",
            OLD_OWNER_NOT_CLUSTER,
            "rule:context_is_admin or rule:project_member_deny_cluster_user",
        ),
        BaseRule::AdminOrProjectReaderDenyClusterUser => replaces(
            "admin_or_owner",
            OLD_OWNER_NOT_CLUSTER,
            "rule:context_is_admin or rule:project_reader_deny_cluster_user",
        ),
    }
}
