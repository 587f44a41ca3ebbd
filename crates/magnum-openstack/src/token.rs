//! What Keystone says about a token: whose it is, what it is good for, until when.

use crate::catalog::Catalog;
use jiff::Timestamp;
use serde::Deserialize;

/// A token's facts, checked by Keystone. Does not hold the token itself.
#[derive(Debug, Clone)]
pub struct ValidToken {
    /// The acting user's id; under an impersonating trust the trustor's.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// The id of the user's domain.
    pub user_domain_id: Option<String>,
    /// The name of the user's domain.
    pub user_domain_name: Option<String>,
    /// The project's id, for a project scope.
    pub project_id: Option<String>,
    /// The project's name.
    pub project_name: Option<String>,
    /// The id of the project's domain.
    pub project_domain_id: Option<String>,
    /// The name of the project's domain.
    pub project_domain_name: Option<String>,
    /// The domain's id, for a domain scope.
    pub domain_id: Option<String>,
    /// The domain's name, for a domain scope.
    pub domain_name: Option<String>,
    /// True for a token of the whole system.
    pub system_scope: bool,
    /// The names of the roles.
    pub roles: Vec<String>,
    /// The moment from which the token is refused.
    pub expires_at: Timestamp,
    /// When it was issued.
    pub issued_at: Option<Timestamp>,
    /// How its owner authenticated, such as `password`, `application_credential`, `token`.
    pub methods: Vec<String>,
    /// Ids that link it to the tokens it came from.
    pub audit_ids: Vec<String>,
    /// Keystone's admin project: `None` when it does not say.
    pub is_admin_project: Option<bool>,
    /// The trust it was issued under.
    pub trust: Option<TokenTrust>,
    /// The application credential it was issued by.
    pub application_credential_id: Option<String>,
    /// The endpoints it may use.
    pub catalog: Catalog,
}

/// The trust behind a token.
#[derive(Clone)]
pub struct TokenTrust {
    /// The trust's id; printed nowhere.
    pub id: String,
    /// Who trusts.
    pub trustor_user_id: Option<String>,
    /// Who is trusted.
    pub trustee_user_id: Option<String>,
    /// Whether the trustee acts under the trustor's name.
    pub impersonation: bool,
}

impl std::fmt::Debug for TokenTrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenTrust").field("trustor_user_id", &self.trustor_user_id).finish_non_exhaustive()
    }
}

impl ValidToken {
    /// True for a token that Keystone lets neither make trusts nor, as a rule, new credentials.
    pub fn is_delegated(&self) -> bool {
        self.trust.is_some() || self.application_credential_id.is_some()
    }
}

#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    token: Body,
}

#[derive(Deserialize)]
struct Body {
    user: User,
    expires_at: Timestamp,
    issued_at: Option<Timestamp>,
    project: Option<Named>,
    domain: Option<Named>,
    system: Option<serde_json::Value>,
    #[serde(default)]
    roles: Vec<Named>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    audit_ids: Vec<String>,
    is_admin_project: Option<bool>,
    #[serde(rename = "OS-TRUST:trust")]
    trust: Option<Trust>,
    application_credential: Option<Named>,
    #[serde(default)]
    catalog: Catalog,
}

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    name: String,
    domain: Option<Named>,
}

#[derive(Deserialize, Default)]
struct Named {
    id: Option<String>,
    name: Option<String>,
    domain: Option<Box<Named>>,
}

#[derive(Deserialize)]
struct Trust {
    id: String,
    #[serde(default)]
    impersonation: bool,
    trustor_user: Option<Named>,
    trustee_user: Option<Named>,
}

impl From<TokenAnswer> for ValidToken {
    fn from(TokenAnswer { token }: TokenAnswer) -> Self {
        let user_domain = token.user.domain.unwrap_or_default();
        let project = token.project.unwrap_or_default();
        let project_domain = project.domain.map(|domain| *domain).unwrap_or_default();
        let domain = token.domain.unwrap_or_default();
        Self {
            user_id: token.user.id,
            user_name: token.user.name,
            user_domain_id: user_domain.id,
            user_domain_name: user_domain.name,
            project_id: project.id,
            project_name: project.name,
            project_domain_id: project_domain.id,
            project_domain_name: project_domain.name,
            domain_id: domain.id,
            domain_name: domain.name,
            system_scope: token.system.is_some_and(|system| system.get("all") == Some(&true.into())),
            roles: token.roles.into_iter().filter_map(|role| role.name).collect(),
            expires_at: token.expires_at,
            issued_at: token.issued_at,
            methods: token.methods,
            audit_ids: token.audit_ids,
            is_admin_project: token.is_admin_project,
            trust: token.trust.map(|trust| TokenTrust {
                id: trust.id,
                trustor_user_id: trust.trustor_user.and_then(|user| user.id),
                trustee_user_id: trust.trustee_user.and_then(|user| user.id),
                impersonation: trust.impersonation,
            }),
            application_credential_id: token.application_credential.and_then(|credential| credential.id),
            catalog: token.catalog,
        }
    }
}
