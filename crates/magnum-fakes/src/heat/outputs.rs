//! The outputs of a stack, as the templates define them.

use super::stack::{Condition, Group, Stack};
use crate::state::State;
use serde_json::{Value, json};

impl State {
    pub(super) fn outputs(&self, stack: &Stack) -> Value {
        let floating = stack.is_set("floating_ip_enabled");
        let mut outputs = Vec::new();
        if stack.founds() {
            outputs.push(("api_address".to_owned(), self.api_address(stack, floating)));
            let balancer = stack.balancer.as_ref().and_then(|id| self.balancers.get(id));
            let private = balancer.map(|balancer| balancer.address.clone()).unwrap_or_default();
            outputs.push(("api_private_address".to_owned(), private.into()));
            let (network, subnet) = self.place_of(stack);
            outputs.push(("node_network".to_owned(), network.into()));
            outputs.push(("node_subnet".to_owned(), subnet.into()));
            // Security groups are not kept here; a stack built on them only hands their ids on.
            let groups = json!([format!("{}-inside", stack.id), format!("{}-node", stack.id)]);
            outputs.push(("node_security_groups".to_owned(), groups));
        }
        for group in &stack.groups {
            let name = group.layout.group;
            outputs.push((name.to_owned(), self.addresses(group, floating)));
            outputs.push((format!("{name}_private"), self.addresses(group, false)));
        }
        let outputs = outputs.into_iter().map(|(key, value)| {
            json!({ "output_key": key, "output_value": value, "description": "No description given" })
        });
        outputs.collect()
    }

    fn api_address(&self, stack: &Stack, floating: bool) -> Value {
        let outer = |id: &String| self.fabric.floating_ips.get(id).map(|floating| floating.address.clone());
        if let Some(address) = stack.balancer_floating.as_ref().and_then(outer) {
            return address.into();
        }
        let balancer = stack.balancer.as_ref().and_then(|id| self.balancers.get(id));
        if let Some(balancer) = balancer {
            return balancer.address.clone().into();
        }
        let first = stack.groups.first().map(|group| self.addresses(group, floating));
        first.and_then(|list| list.get(0).cloned()).unwrap_or(Value::Null)
    }

    fn addresses(&self, group: &Group, floating: bool) -> Value {
        let staying = group.members.iter().filter(|member| member.condition != Condition::Leaving);
        let address = |member: &super::stack::Member| match floating {
            true => {
                let held = self.fabric.floating_ips.get(member.floating.as_ref()?);
                held.map(|floating| floating.address.clone())
            }
            false => self.fabric.ports.get(member.port.as_ref()?).map(|port| port.address.clone()),
        };
        staying.map(address).collect()
    }
}
