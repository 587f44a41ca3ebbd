//! What is checked before a cluster is accepted: numbers, the driver's own rules, and everything the cluster names
//! in the cloud, looked up with the caller's token. The lookups run side by side; the first failure in a fixed order
//! is the answer, so that the same request always gets the same refusal.

use crate::{cloud, extract::Call};
use magnum_drivers::{ClusterSpecView, Warning};
use magnum_types::{Cluster, ClusterTemplate, ServiceError};

/// Refuses a cluster that cannot come to life, and gives what its owner should know of one that can. What its image decides
/// is put in its labels.
pub async fn cluster(
    call: &Call,
    cluster: &mut Cluster,
    template: &ClusterTemplate,
    master_count: i32,
) -> Result<Vec<Warning>, ServiceError> {
    check_master_count("master_count", master_count, cluster.master_lb_enabled)?;
    let driver = call.state.registry.of_template(template)?;
    let warnings = driver.validate(&ClusterSpecView::of_cluster(cluster, template, master_count))?;
    for warning in &warnings {
        tracing::warn!(cluster = %cluster.uuid, request_id = %call.context.request_id, "{}", warning.0);
    }
    let session = cloud::session(call);
    let lookup = cloud::Lookup { cloud: &call.state.cloud, session: &session };
    let (image, flavor, master_flavor, external, network, keypair) = tokio::join!(
        lookup.image(&template.image_id),
        lookup.optional_flavor("flavor_id", cluster.flavor_id.as_deref()),
        lookup.optional_flavor("master_flavor_id", cluster.master_flavor_id.as_deref()),
        lookup.external_network(template.external_network_id.as_deref()),
        lookup.fixed_network(cluster.fixed_network.as_deref(), cluster.fixed_subnet.as_deref()),
        lookup.optional_keypair(cluster.keypair.as_deref()),
    );
    let image = image?;
    flavor?;
    master_flavor?;
    external?;
    network?;
    keypair?;
    driver.image(&image.view(), &mut cluster.labels)?;
    Ok(warnings)
}

/// Several masters need something in front of them, and an odd number, so that a majority exists.
pub fn check_master_count(
    field: &str,
    master_count: i32,
    master_lb_enabled: bool,
) -> Result<(), ServiceError> {
    if master_count > 1 && !master_lb_enabled {
        return Err(ServiceError::invalid(format!(
            "Invalid value for {field}: {master_count} masters need a load balancer; set master_lb_enabled to \
             true when the cluster is created, or {field} to 1"
        )));
    }
    if master_count % 2 == 0 {
        return Err(ServiceError::invalid(format!(
            "Invalid value for {field}: {master_count}; it must be an odd number of masters, e.g. {}",
            master_count.saturating_add(1)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_masters_need_a_load_balancer_and_an_odd_number() {
        assert!(
            check_master_count("master_count", 3, false).unwrap_err().public.contains("master_lb_enabled")
        );
        assert!(check_master_count("master_count", 2, true).unwrap_err().public.contains("odd"));
        check_master_count("master_count", 1, false).unwrap();
        check_master_count("master_count", 5, true).unwrap();
    }
}
