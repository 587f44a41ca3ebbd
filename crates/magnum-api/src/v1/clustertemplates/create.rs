//! Makes a template: everything it names is looked up with the caller's own token before it is stored, so that a
//! cluster does not fail later for what could be known now.

use crate::{
    error::Answer,
    extract::{Call, FieldsBody},
    v1::{
        clustertemplates::{check_publish, checks, fields, view},
        document::created,
        names,
        warnings::warned,
    },
};
use magnum_policy::Rule;
use magnum_types::TemplateId;

/// `POST /v1/clustertemplates`
pub async fn create(call: Call, FieldsBody(body): FieldsBody) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::ClusterTemplateCreate)?;
    let owner = fields::Owner {
        project: call.project()?,
        user: &call.context.caller.user_id,
        uuid: TemplateId(call.state.entropy.uuid()),
    };
    let mut template = fields::read(body, owner)?;
    check_publish(&call, template.public, template.hidden)?;
    if template.name.is_empty() {
        template.name = names::drawn(&*call.state.entropy, "template");
    }
    let warnings = checks::complete(&call, &mut template).await?;
    let template = call.state.store.template_create(&template).await?;
    let location = format!("{}/v1/clustertemplates/{}", call.base, template.uuid);
    Ok(warned(created(location, view::document(&template, &call.base)), &warnings))
}
