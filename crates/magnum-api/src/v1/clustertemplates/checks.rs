//! What is checked before a template is stored, and the values that the server fills in: the image's distribution,
//! the driver it asks for, the network driver.

use crate::{
    cloud,
    extract::Call,
    v1::clustertemplates::network_driver::{check_volume_driver, network_driver},
};
use magnum_drivers::{ClusterSpecView, DriverError, Warning};
use magnum_types::{ClusterTemplate, Coe, ServiceError};

/// Checks and completes a template, and gives what its owner should know of it.
pub async fn complete(call: &Call, template: &mut ClusterTemplate) -> Result<Vec<Warning>, ServiceError> {
    template.network_driver =
        network_driver(&call.state.settings.network_drivers, template.coe, template.network_driver.take())?;
    check_volume_driver(template.coe, template.volume_driver.as_deref())?;

    let session = cloud::session(call);
    let lookup = cloud::Lookup { cloud: &call.state.cloud, session: &session };
    let (image, flavor, master_flavor, external, network) = tokio::join!(
        lookup.image(&template.image_id),
        lookup.optional_flavor("flavor_id", template.flavor_id.as_deref()),
        lookup.optional_flavor("master_flavor_id", template.master_flavor_id.as_deref()),
        lookup.external_network(template.external_network_id.as_deref()),
        lookup.fixed_network(template.fixed_network.as_deref(), template.fixed_subnet.as_deref()),
    );
    let image = image?;
    flavor?;
    master_flavor?;
    external?;
    network?;
    template.cluster_distro = Some(image.os_distro.clone());
    template.driver = template.driver.take().or_else(|| image.driver.clone());

    let warnings = match call.state.registry.of_template(template) {
        Ok(driver) => {
            driver.image(&image.view(), &mut template.labels)?;
            driver.validate(&ClusterSpecView::of_template(template))?
        }
        // The engine's templates were accepted as long as upstream knew it. Its clusters wait for a driver.
        Err(DriverError::UnsupportedType { .. }) if template.coe == Coe::Mesos => vec![Warning(
            "No driver makes clusters of the COE mesos here: a cluster from this template will be refused"
                .to_owned(),
        )],
        Err(error) => return Err(error.into()),
    };
    for warning in &warnings {
        tracing::warn!(template = %template.uuid, request_id = %call.context.request_id, "{}", warning.0);
    }
    Ok(warnings)
}
