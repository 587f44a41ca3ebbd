//! Cluster templates: what clusters are made from. All verbs are plain database work.

pub mod checks;
pub mod create;
pub mod delete;
pub mod fields;
pub mod list;
pub mod network_driver;
pub mod show;
pub mod update;
pub mod view;

use crate::extract::Call;
use magnum_policy::Rule;
use magnum_types::{ClusterTemplate, ServiceError};

/// The template that the caller names, if he may see it and `rule` lets him.
async fn load(
    call: &Call,
    ident: &str,
    all_projects: Rule,
    rule: Rule,
) -> Result<ClusterTemplate, ServiceError> {
    let tenancy = call.tenancy(all_projects)?;
    let template = call.state.store.template_get(tenancy, ident, call.context.is_admin).await?;
    call.enforce_on(rule, &template.project_id, &template.user_id)?;
    Ok(template)
}

/// Publishing (and hiding) needs a right of its own.
fn check_publish(call: &Call, public: bool, hidden: bool) -> Result<(), ServiceError> {
    if public || hidden {
        call.enforce(Rule::ClusterTemplatePublish).map_err(|denied| {
            ServiceError::forbidden("Not authorized to set public or hidden flag for cluster template")
                .caused_by(denied)
        })?;
    }
    Ok(())
}
