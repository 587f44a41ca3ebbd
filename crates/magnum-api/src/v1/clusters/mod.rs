//! Clusters. Reading is database work; every change is accepted as an operation and done by a conductor.

pub mod accept;
pub mod checks;
pub mod create;
pub mod delete;
pub mod list;
pub mod resize;
pub mod show;
pub mod update;
pub mod upgrade;
pub mod view;

use crate::extract::{Call, call::target};
use magnum_db::{ClusterView, Tenancy};
use magnum_policy::Rule;
use magnum_types::{Cluster, ServiceError};
use serde_json::{Map, Value};

/// The cluster that the caller names, if `rule` lets him. With a rule for all projects an administrator finds those
/// of other projects too.
pub(crate) async fn load(
    call: &Call,
    ident: &str,
    all_projects: Option<Rule>,
    rule: Rule,
) -> Result<ClusterView, ServiceError> {
    let view = find(call, ident, all_projects).await?;
    call.enforce_target(rule, policy_target(&view.cluster))?;
    Ok(view)
}

/// [`load`] for a verb that asks the policy itself, once it knows what is to change.
async fn find(call: &Call, ident: &str, all_projects: Option<Rule>) -> Result<ClusterView, ServiceError> {
    let tenancy = match all_projects {
        Some(all_projects) => call.tenancy(all_projects)?,
        None => Tenancy::Project(call.project()?),
    };
    Ok(call.state.store.cluster_get(tenancy, ident).await?)
}

/// What policy sees of a cluster: its owner, and its own user, who may do what the cluster itself must.
pub(crate) fn policy_target(cluster: &Cluster) -> Map<String, Value> {
    let mut fields = target(&cluster.project_id, &cluster.user_id);
    fields.insert("uuid".to_owned(), Value::from(cluster.uuid.to_string()));
    fields.insert("name".to_owned(), Value::from(cluster.name.as_str()));
    fields.insert("trustee_user_id".to_owned(), Value::from(cluster.trustee_user_id.clone()));
    fields
}
