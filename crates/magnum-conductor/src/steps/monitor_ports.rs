//! The port from which Octavia's provider `ovn` asks the members of a load balancer whether they live. It is none of the
//! stack's: the provider makes it in the members' subnet with the first health monitor there, and is to take it away with the
//! last one. It leaves it behind when a load balancer of another network has a monitor that asks from the same address,
//! which networks with the same range easily have (read in ovn-octavia-provider 11.0, `_clean_up_hm_port`). Then
//! the subnet cannot go, and with it the stack.

use magnum_openstack::{
    CloudError,
    heat::{Heat, StackRef},
    neutron::Neutron,
};

/// What the provider calls such a port's device, before the subnet's id.
const DEVICE: &str = "ovn-lb-hm-";
/// What the templates call the subnet of a cluster that has its own.
const OWN_SUBNET: &str = "private_subnet";

/// Takes away the ports of health monitors from a stack's own subnet. Only for a stack that is being deleted: its load
/// balancer asks nobody from then on. In a subnet that the tenant gave such a port keeps nothing from going, and may be
/// another load balancer's: it is left.
pub(super) async fn monitor_ports_delete(
    heat: &Heat,
    neutron: &Neutron,
    stack: &StackRef,
) -> Result<(), CloudError> {
    let subnet = heat.resource_get(stack, OWN_SUBNET).await?;
    let subnet = subnet.and_then(|subnet| subnet.physical_resource_id).filter(|id| !id.is_empty());
    let Some(subnet) = subnet else { return Ok(()) };
    for port in neutron.ports_of_device(&format!("{DEVICE}{subnet}")).await? {
        neutron.port_delete(&port.id).await?;
    }
    Ok(())
}
