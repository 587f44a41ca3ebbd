//! What a stack on Heat asks of a cluster, whatever its engine: sizes and networks that are there, and masters that can
//! agree.

use crate::{error::DriverError, inputs::ClusterSpecView, labels::Warning, stack_values::check_ovn};

/// Refuses what no stack can be made of, by the field and what is wrong with it; warns of what makes no difference.
pub(crate) fn check(spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
    let field =
        |field: &'static str, problem: &str| DriverError::Field { field, problem: problem.to_owned() };
    let given = |value: Option<&str>| value.is_some_and(|text| !text.is_empty());

    if spec.docker_volume_size.is_some_and(|size| size < 1) {
        return Err(field("docker_volume_size", "must be at least 1 GB, or not given"));
    }
    if !given(spec.external_network_id) {
        if spec.floating_ip_enabled {
            return Err(field("external_network_id", "is needed for floating addresses"));
        }
        if !given(spec.fixed_network) {
            return Err(field(
                "external_network_id",
                "is needed, since without fixed_network the cluster makes its own",
            ));
        }
    }
    if given(spec.fixed_subnet) && !given(spec.fixed_network) {
        return Err(field("fixed_network", "is needed when fixed_subnet is given"));
    }
    if spec.master_lb_enabled && given(spec.fixed_network) && !given(spec.fixed_subnet) {
        return Err(field("fixed_subnet", "is needed for a load balancer in a given network"));
    }
    if let Some(count) = spec.master_count
        && (count < 1 || count % 2 == 0)
    {
        return Err(field("master_count", "must be odd: an even number of masters survives no more losses"));
    }
    check_ovn(spec.labels, spec.master_lb_enabled)
}
