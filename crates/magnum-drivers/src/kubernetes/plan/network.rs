//! The pods' network. `bridge` needs no image: every node bridges its own range, and the routes to the others are this
//! plan's, made from what each node tells. The other drivers are manifests, applied with the add-ons.

use super::Planned;
use crate::{
    kubernetes::{POD_CIDR, shape::network_driver},
    plan_steps::{MINUTE, file, step, unit},
};
use magnum_types::{
    NodeState,
    plan::{Action, PlanStep},
};
use serde_json::json;

/// The network of a node's pods, where nodes bridge their own range.
pub(super) const BRIDGE: &str = "/etc/cni/net.d/10-magnum.conflist";
const ROUTES: &str = "/etc/magnum/pod-routes";
const UNIT: &str = "/etc/systemd/system/magnum-pod-routes.service";

impl Planned<'_> {
    pub(super) fn bridges(&self) -> bool {
        network_driver(self.inputs.template) == "bridge"
    }

    pub(super) fn network(&self) -> Vec<PlanStep> {
        if !self.bridges() {
            // What another driver left behind would win by its name.
            return vec![step("no bridge", MINUTE, Action::NoFile { path: BRIDGE.to_owned() })];
        }
        let bridge = Action::PodNetwork {
            kubectl: self.kubectl(),
            node: self.node().name.clone(),
            path: BRIDGE.to_owned(),
            content: bridge(),
        };
        let unit_text = format!(
            "[Unit]\n\
             Description=Routes to the pods of other nodes\n\
             After=network-online.target\n\
             Wants=network-online.target\n\
             [Service]\n\
             Type=oneshot\n\
             RemainAfterExit=yes\n\
             ExecStart=/sbin/ip -force -batch {ROUTES}\n\
             [Install]\n\
             WantedBy=multi-user.target\n"
        );
        vec![
            step("pod network", 15 * MINUTE, bridge),
            self.kubelet_started("kubelet with pod network"),
            file("pod routes", ROUTES, 0o644, self.routes()),
            file("pod routes unit file", UNIT, 0o644, unit_text),
            unit("routes to pods", "magnum-pod-routes.service", &[ROUTES, UNIT]),
        ]
    }

    /// A line for each other node whose range is known.
    fn routes(&self) -> String {
        let mut lines = vec![format!("# {}", self.node().name)];
        let others = self
            .inputs
            .nodes
            .iter()
            .filter(|node| node.instance_id != self.node().instance_id && node.state != NodeState::Gone);
        for node in others {
            if let Some(range) = self.inputs.facts.get(&format!("{POD_CIDR}{}", node.name)) {
                lines.push(format!("route replace {range} via {}", node.address));
            }
        }
        lines.sort();
        lines.join("\n") + "\n"
    }
}

fn bridge() -> String {
    let config = json!({
        "cniVersion": "0.4.0",
        "name": "magnum",
        "plugins": [
            {
                "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": "__POD_CIDR__"}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    format!("{config:#}\n")
}
