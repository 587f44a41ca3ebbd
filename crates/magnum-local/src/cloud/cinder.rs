//! Cinder: a machine of its own has no volumes; whoever asks is told so in Cinder's words.

use super::{
    exchange::{Answer, Ask, Refusal, Reply},
    services::{Caller, Services},
};
use serde_json::json;

impl Services {
    pub(super) fn cinder(&self, ask: &Ask, rest: &[&str], caller: &Caller) -> Answer {
        let ["v3", project, rest @ ..] = rest else { return Err(Refusal::no_such_path()) };
        caller.must_act_in(project)?;
        match (ask.verb(), rest) {
            ("GET", ["types"]) => Reply::ok(json!({ "volume_types": [] })),
            ("GET", ["volumes"] | ["volumes", "detail"]) => Reply::ok(json!({ "volumes": [] })),
            ("GET", ["snapshots"] | ["snapshots", "detail"]) => Reply::ok(json!({ "snapshots": [] })),
            ("GET", ["limits"]) => Reply::ok(json!({ "limits": { "rate": [], "absolute": {
                "maxTotalVolumes": 0, "totalVolumesUsed": 0, "maxTotalVolumeGigabytes": 0, "totalGigabytesUsed": 0,
                "maxTotalSnapshots": 0, "totalSnapshotsUsed": 0, "maxTotalBackups": 0, "totalBackupsUsed": 0,
                "maxTotalBackupGigabytes": 0, "totalBackupGigabytesUsed": 0,
            }}})),
            (_, ["volumes", id]) => Err(Refusal::not_found(format!("Volume {id} could not be found."))),
            ("POST", ["volumes"]) => Err(Refusal::bad(
                "The local cloud has no volumes: nodes keep their data on this machine's disk",
            )),
            _ => Err(Refusal::no_such_path()),
        }
    }
}
