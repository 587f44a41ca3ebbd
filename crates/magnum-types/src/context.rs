//! Who asks: made once per request from the validated token, and carried (without the token) by an operation.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// `req-…`, also in the answer's `X-OpenStack-Request-ID`.
    pub request_id: String,
    /// Who it is.
    pub caller: Caller,
    /// The caller's own token, for calls on the caller's behalf. Redacted in logs.
    pub token: SecretString,
    /// Whether `context_is_admin` holds; computed once per request.
    pub is_admin: bool,
}

/// The identity behind a token, as Keystone validated it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields carry Keystone's own names")]
pub struct Caller {
    pub user_id: String,
    pub user_name: String,
    pub user_domain_id: Option<String>,
    pub user_domain_name: Option<String>,
    /// Absent for domain- and system-scoped tokens.
    pub project_id: Option<String>,
    pub project_name: Option<String>,
    pub project_domain_id: Option<String>,
    pub domain_id: Option<String>,
    /// `all` for a system-scoped token.
    pub system_scope: Option<String>,
    pub roles: Vec<String>,
    /// Set when the token came from a trust.
    pub trust_id: Option<String>,
    /// How the token was got (`password`, `application_credential`, …); decides which credential a cluster can have.
    pub methods: Vec<String>,
}
