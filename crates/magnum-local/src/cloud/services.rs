//! What the services share: the stacks, the machine, and who asks.

use super::{LocalSettings, exchange::Refusal, keypairs::KeyPairs, stack::Stack, stacks::Stacks};
use crate::machines::Machines;
use async_trait::async_trait;
use std::sync::Arc;
use uuid::Uuid;

/// Who a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's id.
    pub user: String,
    /// The project that the token is for, also when it came by a trust; `None` for a token of a domain or of nothing.
    pub project_id: Option<String>,
    /// Names of the roles that it holds there.
    pub roles: Vec<String>,
}

/// Knows tokens: the identity service of the same process.
#[async_trait]
pub trait Tokens: Send + Sync + 'static {
    /// Who a token belongs to; `None` when it is not valid (any more).
    async fn check(&self, token: &str) -> Option<Caller>;
}

impl Caller {
    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// An administrator of the cloud: of a project. The trustee domain's is none.
    pub(crate) fn is_admin(&self) -> bool {
        self.project_id.is_some() && self.has("admin")
    }

    pub(crate) fn may_see(&self, project: &str) -> bool {
        self.is_admin() || self.project_id.as_deref() == Some(project)
    }

    /// The project of a URL must be the caller's own, unless it is an administrator's.
    pub(crate) fn must_act_in(&self, project: &str) -> Result<(), Refusal> {
        if self.may_see(project) {
            return Ok(());
        }
        Err(Refusal::new(
            403,
            "You are not authorized to complete this action: the token is for another project.",
        ))
    }

    /// Changing needs more than reading.
    pub(crate) fn must_be_member(&self) -> Result<(), Refusal> {
        if self.is_admin() || self.has("member") || self.has("manager") {
            return Ok(());
        }
        Err(Refusal::new(403, "You are not authorized to complete this action: it needs the role member."))
    }
}

/// See the module.
pub(crate) struct Services {
    pub stacks: Arc<Stacks>,
    pub keypairs: KeyPairs,
    pub machines: Arc<dyn Machines>,
    pub settings: LocalSettings,
    pub tokens: Arc<dyn Tokens>,
}

impl Services {
    /// The stacks that a caller may see and that are not deleted.
    pub async fn visible(&self, caller: &Caller) -> Vec<Arc<Stack>> {
        let mut all = self.stacks.all().await;
        all.retain(|stack| stack.is_live() && caller.may_see(&stack.project));
        all
    }

    /// An id for a request's log lines.
    pub fn request_id(&self) -> String {
        format!("req-{}", self.stacks.entropy.uuid())
    }

    /// Where a service is reached.
    pub fn base_url(&self) -> &str {
        self.settings.base_url.trim_end_matches('/')
    }

    /// A stack's own address.
    pub fn stack_url(&self, project: &str, name: &str, id: Uuid) -> String {
        format!("{}/orchestration/v1/{project}/stacks/{name}/{id}", self.base_url())
    }
}

/// A time as all these services write it.
pub(crate) fn stamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(project: Option<&str>, roles: &[&str]) -> Caller {
        Caller {
            user: "u".to_owned(),
            project_id: project.map(str::to_owned),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }

    #[test]
    fn a_domains_administrator_is_none_of_the_cloud() {
        assert!(caller(Some("p"), &["admin"]).may_see("q"));
        assert!(!caller(None, &["admin"]).may_see("q") && !caller(None, &["admin"]).is_admin());
        assert!(caller(Some("p"), &["reader"]).may_see("p") && !caller(Some("p"), &["member"]).may_see("q"));
        assert!(caller(Some("p"), &["reader"]).must_be_member().is_err());
        assert!(caller(Some("p"), &["member"]).must_be_member().is_ok());
    }

    #[test]
    fn times_are_whole_seconds_in_utc() {
        assert_eq!(
            stamp(jiff::Timestamp::from_millisecond(1_767_225_600_999).unwrap()),
            "2026-01-01T00:00:00Z"
        );
    }
}
