//! The conductors and whether they live.

use crate::{
    error::Answer,
    extract::Call,
    v1::document::{collection, time},
};
use magnum_db::service_is_up;
use magnum_policy::Rule;
use serde_json::json;

/// `GET /v1/mservices`
pub async fn list(call: Call) -> Answer {
    call.arguments(&[])?;
    call.enforce(Rule::MagnumServiceGetAll)?;
    let (down_after, now) = (call.state.settings.service_down_time, call.state.clock.now());
    let services = call.state.store.service_list().await?;
    let items = services.iter().map(|service| {
        json!({
            "id": service.id,
            "host": service.host,
            "binary": service.binary,
            "state": if service_is_up(service, down_after, now) { "up" } else { "down" },
            "report_count": service.report_count,
            "disabled": service.disabled,
            "disabled_reason": service.disabled_reason,
            "created_at": time(service.created_at),
            "updated_at": time(service.updated_at),
        })
    });
    Ok(collection("mservices", &items.collect::<Vec<_>>(), None))
}
