//! One request as a handler sees it: who asks, for which version, with which query string, and how the answer's
//! links begin. It is also where a handler asks the policy.

use crate::{
    error::ApiError,
    extract::page::{Arguments, PAGING, Page},
    microversion::Microversion,
    state::AppState,
};
use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use magnum_db::{Filter, Tenancy};
use magnum_openstack::ValidToken;
use magnum_policy::{Credentials, Rule};
use magnum_types::{
    ErrorKind, RequestContext, ServiceError, Status,
    change::{ClusterEvent, EventAction, EventInitiator, EventOutcome},
    context::Caller,
    ids::{ClusterId, OperationId},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A tenant's request.
#[derive(Clone)]
pub struct Call {
    /// What the service works with.
    pub state: AppState,
    /// Who asks.
    pub context: Arc<RequestContext>,
    /// What Keystone said about the token.
    pub token: Arc<ValidToken>,
    /// For which version.
    pub version: Microversion,
    /// How links begin: scheme, host and mount prefix, without a trailing slash.
    pub base: String,
    query: Option<String>,
}

impl FromRequestParts<AppState> for Call {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let unauthorized = || ApiError::unauthorized(&state.settings.www_authenticate_uri);
        let context = parts.extensions.get::<Arc<RequestContext>>().cloned().ok_or_else(unauthorized)?;
        let token = parts.extensions.get::<Arc<ValidToken>>().cloned().ok_or_else(unauthorized)?;
        Ok(Self {
            context,
            token,
            version: parts.extensions.get::<Microversion>().copied().unwrap_or(Microversion::ABSENT),
            base: link_base(parts, state),
            query: parts.uri.query().map(str::to_owned),
            state: state.clone(),
        })
    }
}

impl Call {
    /// The arguments of the query string; any outside of `known` is refused.
    pub fn arguments(&self, known: &[&str]) -> Result<Arguments, ServiceError> {
        Arguments::read(self.query.as_deref(), known)
    }

    /// The asked page of a list without other arguments.
    pub fn page(&self) -> Result<Page, ServiceError> {
        Page::of(&self.arguments(PAGING)?, self.state.settings.max_limit)
    }

    /// The asked page of a list that can be filtered by these arguments, and what is wanted of it. Another project's
    /// objects are an administrator's business.
    pub fn filtered_page(&self, filters: &[&'static str]) -> Result<(Page, Filter), ServiceError> {
        let known: Vec<&str> = PAGING.iter().chain(filters).copied().collect();
        let arguments = self.arguments(&known)?;
        let page = Page::of(&arguments, self.state.settings.max_limit)?.keeping(&arguments, filters);
        let text = |name: &str| arguments.get(name).map(str::to_owned);
        let status = arguments.get("status").map(|word| {
            word.parse::<Status>().map_err(|_| {
                ServiceError::invalid(format!("Invalid value for status: {word:?} is no status of a cluster"))
            })
        });
        let filter =
            Filter { project_id: text("project_id"), status: status.transpose()?, name: text("name") };
        if let Some(project) = &filter.project_id
            && !self.context.is_admin
            && self.context.caller.project_id.as_ref() != Some(project)
        {
            return Err(ServiceError::forbidden("Only an administrator can list another project's objects"));
        }
        Ok((page, filter))
    }

    /// The caller's project; a token without one cannot own anything.
    pub fn project(&self) -> Result<&str, ServiceError> {
        self.context
            .caller
            .project_id
            .as_deref()
            .ok_or_else(|| ServiceError::forbidden("This request needs a token scoped to a project"))
    }

    /// Asks the policy about something that belongs to the caller: lists and creations.
    pub fn enforce(&self, rule: Rule) -> Result<(), ServiceError> {
        let caller = &self.context.caller;
        self.enforce_on(rule, caller.project_id.as_deref().unwrap_or_default(), &caller.user_id)
    }

    /// Asks the policy about an object of `project` and `user`.
    pub fn enforce_on(&self, rule: Rule, project: &str, user: &str) -> Result<(), ServiceError> {
        self.enforce_target(rule, target(project, user))
    }

    /// Asks the policy about any target.
    pub fn enforce_target(&self, rule: Rule, mut target: Map<String, Value>) -> Result<(), ServiceError> {
        if let Some(domain) = &self.state.settings.trustee_domain_id {
            target.insert("trustee_domain_id".to_owned(), Value::from(domain.as_str()));
        }
        let credentials = credentials(&self.context.caller, Some(self.context.is_admin));
        let decided = self.state.enforcer.enforce(rule, &credentials, &target);
        decided.map_err(|denied| ServiceError::new(ErrorKind::Forbidden, denied.to_string()))
    }

    /// Which projects' objects this caller sees. An administrator sees all, if the rule lets him.
    pub fn tenancy(&self, all_projects: Rule) -> Result<Tenancy<'_>, ServiceError> {
        if self.context.is_admin {
            self.enforce(all_projects)?;
            return Ok(Tenancy::All);
        }
        Ok(Tenancy::Project(self.project()?))
    }

    /// A notification that work on a cluster has begun.
    pub fn pending(&self, cluster: ClusterId, operation: OperationId, action: EventAction) -> ClusterEvent {
        let caller = &self.context.caller;
        ClusterEvent {
            cluster,
            operation,
            action,
            outcome: EventOutcome::Pending,
            initiator: EventInitiator {
                user_id: caller.user_id.clone(),
                project_id: caller.project_id.clone().unwrap_or_default(),
                domain_id: caller.user_domain_id.clone(),
                request_id: self.context.request_id.clone(),
            },
        }
    }
}

/// The caller as policy expressions see him.
pub fn credentials(caller: &Caller, is_admin: Option<bool>) -> Credentials {
    Credentials {
        user_id: Some(caller.user_id.clone()),
        project_id: caller.project_id.clone(),
        domain_id: caller.domain_id.clone(),
        roles: caller.roles.clone(),
        system_scope: caller.system_scope.clone(),
        // What oslo assumes when Keystone does not say.
        is_admin_project: true,
        user_domain_id: caller.user_domain_id.clone(),
        project_domain_id: caller.project_domain_id.clone(),
        is_admin,
        extra: Map::new(),
    }
}

/// A policy target: whose the object is.
pub fn target(project: &str, user: &str) -> Map<String, Value> {
    Map::from_iter([
        ("project_id".to_owned(), Value::from(project)),
        ("user_id".to_owned(), Value::from(user)),
    ])
}

/// How links begin. Forwarded headers count only behind a proxy that the operator vouches for.
pub fn link_base(parts: &Parts, state: &AppState) -> String {
    let text = |name: &str| first(&parts.headers, name).filter(|_| state.settings.proxy_headers);
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        Some("http") => "http",
        _ if state.settings.tls.is_some() => "https",
        _ => "http",
    };
    let host = text("x-forwarded-host")
        .or_else(|| first(&parts.headers, header::HOST.as_str()))
        .or_else(|| parts.uri.authority().map(|authority| authority.as_str()))
        .filter(|host| host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]%".contains(c)))
        .map_or_else(|| format!("{}:{}", state.settings.host, state.settings.port), str::to_owned);
    let prefix = text("x-forwarded-prefix").unwrap_or_default().trim_end_matches('/');
    format!("{scheme}://{host}{prefix}")
}

fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?.split(',').next()?.trim();
    Some(value).filter(|value| !value.is_empty())
}
