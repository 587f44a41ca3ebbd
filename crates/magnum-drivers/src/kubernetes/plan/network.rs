//! The pods' network. `bridge` needs no image: every node bridges its own range, and the routes to the others are this
//! plan's, made from the range that each node was given (`pod_ranges`). The other drivers are manifests, applied with the add-ons.

use super::Planned;
use crate::{
    kubernetes::{pod_ranges, shape::network_driver},
    plan_steps::{MINUTE, file, step, unit},
};
use magnum_types::{
    NodeState,
    plan::{Action, PlanStep},
};
use serde_json::json;

/// The network of a node's pods, where nodes bridge their own range.
const BRIDGE: &str = "/etc/cni/net.d/10-magnum.conflist";
const ROUTES: &str = "/etc/magnum/pod-routes";
const UNIT: &str = "/etc/systemd/system/magnum-pod-routes.service";

impl Planned<'_> {
    pub(super) fn bridges(&self) -> bool {
        network_driver(self.inputs.template) == "bridge"
    }

    /// `None` while the node has no range of its own.
    pub(super) fn network(&self) -> Option<Vec<PlanStep>> {
        if !self.bridges() {
            // What another driver left behind would win by its name.
            return Some(vec![step("no bridge", MINUTE, Action::NoFile { path: BRIDGE.to_owned() })]);
        }
        let own = pod_ranges::of(self.inputs.facts, self.node())?;
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
        Some(vec![
            file("pod network", BRIDGE, 0o644, bridge(own)),
            file("pod routes", ROUTES, 0o644, self.routes()),
            file("pod routes unit file", UNIT, 0o644, unit_text),
            unit("routes to pods", "magnum-pod-routes.service", &[ROUTES, UNIT]),
        ])
    }

    /// Once the kubelet has made the node known.
    pub(super) fn pod_range(&self) -> Option<PlanStep> {
        let own = pod_ranges::of(self.inputs.facts, self.node()).filter(|_| self.bridges())?;
        let (node, range) = (self.node().name.clone(), own.to_owned());
        Some(step("pod range", 15 * MINUTE, Action::PodRange { kubectl: self.kubectl(), node, range }))
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
            if let Some(range) = pod_ranges::of(self.inputs.facts, node) {
                lines.push(format!("route replace {range} via {}", node.address));
            }
        }
        lines.sort();
        lines.join("\n") + "\n"
    }
}

fn bridge(range: &str) -> String {
    let config = json!({
        "cniVersion": "0.4.0",
        "name": "magnum",
        "plugins": [
            {
                "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": range}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    format!("{config:#}\n")
}
