//! The caller, as policy expressions see it.
//!
//! Expressions name attributes by text (`project_id:%(project_id)s`). They are read straight from
//! the fields, under every name operators use for them, so that a check builds no map.

use serde_json::{Map, Value};

/// The caller of one request, from a validated token.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The user's id.
    pub user_id: Option<String>,
    /// The project the token is scoped to.
    pub project_id: Option<String>,
    /// The domain the token is **scoped** to (not the user's own domain).
    pub domain_id: Option<String>,
    /// The names of the roles held on that scope.
    pub roles: Vec<String>,
    /// `all` for a system-scoped token.
    pub system_scope: Option<String>,
    /// Whether the token is scoped to the cloud's admin project.
    pub is_admin_project: bool,
    /// The domain the user belongs to.
    pub user_domain_id: Option<String>,
    /// The domain the project belongs to.
    pub project_domain_id: Option<String>,
    /// Whether the caller is an administrator, where that is already known; otherwise
    /// `context_is_admin` is asked when an expression wants to know.
    pub is_admin: Option<bool>,
    /// Further attributes, nested if need be, that no field above carries.
    pub extra: Map<String, Value>,
}

/// One attribute of the caller, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute<'a> {
    Null,
    Bool(bool),
    Text(&'a str),
    Texts(&'a [String]),
    Json(&'a Value),
    /// Whether the caller is an administrator: the evaluation must find out.
    Admin,
}

impl Credentials {
    /// The attribute of this name, or nothing if the caller has no such attribute at all.
    pub(crate) fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        let field = match name {
            "user_id" | "user" => &self.user_id,
            "project_id" | "project" | "tenant" | "tenant_id" => &self.project_id,
            "domain_id" | "domain" => &self.domain_id,
            "user_domain_id" | "user_domain" => &self.user_domain_id,
            "project_domain_id" | "project_domain" => &self.project_domain_id,
            "system_scope" => &self.system_scope,
            "system" if self.system_scope.is_some() => &self.system_scope,
            "roles" => return Some(Attribute::Texts(&self.roles)),
            "is_admin" => return Some(self.is_admin.map_or(Attribute::Admin, Attribute::Bool)),
            "is_admin_project" => return Some(Attribute::Bool(self.is_admin_project)),
            other => return self.extra.get(other).map(Attribute::Json),
        };
        Some(field.as_deref().map_or(Attribute::Null, Attribute::Text))
    }
}
