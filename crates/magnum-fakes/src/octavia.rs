//! Octavia: the load balancers of stacks and those that Kubernetes makes for services.

use crate::{
    exchange::{Ask, Reply, Spoken},
    keystone::Caller,
    state::State,
};
use jiff::Timestamp;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub(crate) struct LoadBalancer {
    pub id: String,
    pub name: String,
    pub description: String,
    pub project: String,
    pub address: String,
    pub port: String,
    pub status: &'static str,
    /// When it will be gone, once it is being deleted.
    pub gone: Option<Timestamp>,
}

/// Seconds that a deletion takes.
const GOES: u32 = 2;

impl LoadBalancer {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "description": self.description, "project_id": self.project,
            "provisioning_status": self.status, "operating_status": "ONLINE", "vip_address": self.address,
            "vip_port_id": self.port, "tags": [],
        })
    }
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::refusal(Spoken::Octavia, status, message)
}

impl State {
    pub fn octavia(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        let own = |balancer: &LoadBalancer| State::may_see(caller, &balancer.project);
        match (ask.verb(), rest) {
            ("GET", ["lbaas", "loadbalancers"]) => {
                let asked = |b: &&LoadBalancer| own(b) && ask.admits("project_id", &b.project);
                let shown: Vec<Value> =
                    self.balancers.values().filter(asked).map(LoadBalancer::json).collect();
                Reply::ok(&json!({ "loadbalancers": shown, "loadbalancers_links": [] }))
            }
            (verb, ["lbaas", "loadbalancers", id]) => {
                let Some(balancer) = self.balancers.get(*id).filter(|balancer| own(balancer)) else {
                    return refused(404, &format!("Load Balancer {id} not found."));
                };
                match verb {
                    "GET" => Reply::ok(&json!({ "loadbalancer": balancer.json() })),
                    "DELETE" if balancer.status.starts_with("PENDING") => {
                        let words = format!("Load Balancer {id} is immutable and cannot be updated.");
                        refused(409, &words)
                    }
                    "DELETE" => {
                        self.balancer_goes(id);
                        Reply::empty(204)
                    }
                    _ => refused(405, "The method is not allowed for this resource."),
                }
            }
            _ => refused(404, "The resource could not be found."),
        }
    }

    /// A load balancer that Kubernetes made takes its time to go, as Octavia's do; a stack's goes with the stack.
    fn balancer_goes(&mut self, id: &str) {
        let gone = self.after(GOES);
        if let Some(balancer) = self.balancers.get_mut(id) {
            balancer.status = "PENDING_DELETE";
            balancer.gone = Some(gone);
        }
    }

    /// Takes away the load balancers whose time has come.
    pub fn settle_balancers(&mut self) {
        let now = self.now();
        let gone = |balancer: &&LoadBalancer| balancer.gone.is_some_and(|gone| gone <= now);
        let gone: Vec<String> = self.balancers.values().filter(gone).map(|b| b.id.clone()).collect();
        for id in gone {
            self.balancer_forget(&id);
        }
    }

    /// Takes a load balancer away with the port of its address; a floating IP that led there leads nowhere then.
    pub fn balancer_forget(&mut self, id: &str) {
        if let Some(balancer) = self.balancers.shift_remove(id) {
            self.port_forget(&balancer.port);
        }
    }

    /// Takes a port away; floating IPs that led there lead nowhere then.
    pub fn port_forget(&mut self, id: &str) {
        self.fabric.ports.shift_remove(id);
        for floating in self.fabric.floating_ips.values_mut().filter(|f| f.port.as_deref() == Some(id)) {
            floating.port = None;
        }
    }
}
