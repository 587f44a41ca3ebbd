//! The flavors: how much of the machine a node may use.

use serde_json::{Value, json};

pub(crate) struct Flavor {
    /// Its id and name.
    pub name: &'static str,
    /// Processors; 0 is as many as there are.
    pub cpus: u32,
    /// MiB; 0 is as much as there is.
    pub memory_mib: u32,
}

/// What a node gets when nobody names a flavor.
pub(crate) const DEFAULT: &str = "local.unbounded";

pub(crate) const FLAVORS: &[Flavor] = &[
    Flavor { name: DEFAULT, cpus: 0, memory_mib: 0 },
    // What OpenStack's clients name unless they are told otherwise.
    Flavor { name: "m1.medium", cpus: 0, memory_mib: 0 },
    Flavor { name: "local.small", cpus: 1, memory_mib: 1024 },
    Flavor { name: "local.medium", cpus: 2, memory_mib: 2048 },
    Flavor { name: "local.large", cpus: 4, memory_mib: 4096 },
];

/// The flavor of a name; the empty name is the default.
pub(crate) fn find(name: &str) -> Option<&'static Flavor> {
    let name = if name.is_empty() { DEFAULT } else { name };
    FLAVORS.iter().find(|flavor| flavor.name == name)
}

impl Flavor {
    pub fn shown(&self, base_url: &str) -> Value {
        json!({
            "id": self.name, "name": self.name, "ram": self.memory_mib, "vcpus": self.cpus, "disk": 0, "swap": "",
            "rxtx_factor": 1.0, "OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": false,
            "os-flavor-access:is_public": true, "links": self.links(base_url),
        })
    }

    pub fn listed(&self, base_url: &str) -> Value {
        json!({ "id": self.name, "name": self.name, "links": self.links(base_url) })
    }

    fn links(&self, base_url: &str) -> Value {
        json!([{ "rel": "self", "href": format!("{base_url}/compute/v2.1/flavors/{}", self.name) }])
    }
}
