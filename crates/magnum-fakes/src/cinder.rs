//! Cinder: volume types, and the volumes of stacks or of Kubernetes.

use crate::{
    exchange::{Ask, Reply, Spoken},
    keystone::Caller,
    state::State,
};
use serde_json::{Map, Value, json};

#[derive(Debug, Clone)]
pub(crate) struct Volume {
    pub id: String,
    pub name: String,
    pub project: String,
    pub size: u64,
    pub server: Option<String>,
    pub metadata: Map<String, Value>,
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::refusal(Spoken::Nova, status, message)
}

impl Volume {
    fn json(&self) -> Value {
        let attached = self.server.iter().map(|server| json!({ "server_id": server, "volume_id": self.id }));
        json!({
            "id": self.id, "name": self.name, "size": self.size, "metadata": self.metadata,
            "status": if self.server.is_some() { "in-use" } else { "available" },
            "attachments": attached.collect::<Vec<_>>(),
        })
    }

    /// The filter is one Python dict literal; only whether it names this volume's items matters.
    fn fits(&self, filter: &str) -> bool {
        self.metadata.iter().any(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            filter.replace(' ', "").contains(&format!("'{key}':'{value}'").replace(' ', ""))
        })
    }
}

impl State {
    pub fn cinder(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        let Some((project, rest)) = rest.split_first() else { return refused(404, "Not found") };
        if *project != caller.project() && !caller.is_admin() {
            return refused(400, "Malformed request url");
        }
        match (ask.verb(), rest) {
            ("GET", ["types"]) => {
                let types = [
                    ("44444444-0000-4000-8000-000000000001", "standard"),
                    ("44444444-0000-4000-8000-000000000002", "fast"),
                ];
                let shown: Vec<Value> = types
                    .iter()
                    .map(|(id, name)| json!({ "id": id, "name": name, "is_public": true }))
                    .collect();
                Reply::ok(&json!({ "volume_types": shown }))
            }
            ("GET", ["volumes", "detail"]) => {
                let all = caller.is_admin() && ask.param("all_tenants") == Some("1");
                let shown = self.volumes.values().filter(|volume| {
                    (volume.project == caller.project() || all)
                        && ask.admits("project_id", &volume.project)
                        && ask.admits("name", &volume.name)
                        && ask.param("metadata").is_none_or(|filter| volume.fits(filter))
                });
                let shown: Vec<Value> = shown.map(Volume::json).collect();
                Reply::ok(&json!({ "volumes": shown }))
            }
            ("DELETE", ["volumes", id]) => {
                let own = |volume: &&Volume| State::may_see(caller, &volume.project);
                match self.volumes.get(*id).filter(own) {
                    None => refused(404, &format!("Volume {id} could not be found.")),
                    Some(volume) if volume.server.is_some() => {
                        let words = "Invalid volume: Volume status must be available or error or error_restoring or \
                                     error_extending or error_managing and must not be migrating, attached, belong \
                                     to a group, have snapshots, awaiting a transfer, or be disassociated from \
                                     snapshots after volume transfer.";
                        refused(400, words)
                    }
                    Some(_) => {
                        self.volumes.shift_remove(*id);
                        Reply::empty(202)
                    }
                }
            }
            ("GET", ["limits"]) => {
                let own = || self.volumes.values().filter(|volume| volume.project == caller.project());
                let (count, size) = (own().count(), own().map(|volume| volume.size).sum::<u64>());
                Reply::ok(&json!({ "limits": { "rate": [], "absolute": {
                    "maxTotalVolumes": 100, "totalVolumesUsed": count,
                    "maxTotalVolumeGigabytes": 1000, "totalGigabytesUsed": size,
                }}}))
            }
            _ => refused(404, "The resource could not be found."),
        }
    }
}
