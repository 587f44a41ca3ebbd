//! What the API asks of the cloud: is this token valid, and do the things that a request names exist for its caller.
//! Every answer that is not "yes" is turned into words that name the request's field.

use crate::{extract::Call, state::AppState};
use magnum_drivers::ImageView;
use magnum_openstack::{CloudError, CloudErrorKind, Session, TokenError, ValidToken};
use magnum_types::{ErrorKind, ServiceError};
use secrecy::SecretString;
use std::sync::Arc;

/// What Keystone says about a token; `None` when it is not valid.
pub async fn validate(
    state: &AppState,
    token: &SecretString,
) -> Result<Option<Arc<ValidToken>>, ServiceError> {
    match state.validator.validate(token).await {
        Ok(valid) => Ok(Some(valid)),
        Err(TokenError::Invalid) => Ok(None),
        Err(error @ TokenError::Unavailable(_)) => {
            Err(ServiceError::unavailable("The identity service does not answer. Try again later.", error))
        }
    }
}

/// A session that acts with the caller's own token.
pub fn session(call: &Call) -> Session {
    call.state
        .cloud
        .user_session(call.context.token.clone(), Some(Arc::clone(&call.token)))
        .with_request_id(&call.context.request_id)
}

/// Checks that there is such a project, with the service's own right.
pub async fn check_project(call: &Call, project: &str) -> Result<(), ServiceError> {
    let cloud = &call.state.cloud;
    match cloud.keystone(cloud.service_session()).project_get(project).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(ServiceError::not_found(format!("Project {project} could not be found."))),
        Err(error) => Err(refusal("project_id", project, error)),
    }
}

/// Lookups with one session.
pub struct Lookup<'a> {
    /// The cloud.
    pub cloud: &'a magnum_openstack::Cloud,
    /// Who asks.
    pub session: &'a Session,
}

/// What an image says about itself.
pub struct Image {
    /// Its distribution.
    pub os_distro: String,
    /// The driver it asks for, if any.
    pub driver: Option<String>,
    /// As it was asked for.
    name: String,
    /// The engines whose programs it says to have, with commas between.
    coes: Option<String>,
    /// The release of Kubernetes that it says to have.
    kube_tag: Option<String>,
}

impl Image {
    /// As drivers are told of it.
    pub fn view(&self) -> ImageView<'_> {
        ImageView { name: &self.name, coes: self.coes.as_deref(), kube_tag: self.kube_tag.as_deref() }
    }
}

impl Lookup<'_> {
    /// The image, which must say its distribution.
    pub async fn image(&self, ident: &str) -> Result<Image, ServiceError> {
        let image = self
            .cloud
            .glance(self.session)
            .image_find(ident)
            .await
            .map_err(|e| refusal("image_id", ident, e))?;
        let property =
            |name: &str| image.properties.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let (driver, coes, kube_tag) =
            (property("magnum_driver"), property("magnum_coes"), property("magnum_kube_tag"));
        let os_distro = image.os_distro.filter(|distro| !distro.is_empty()).ok_or_else(|| {
            ServiceError::invalid(format!(
                "Invalid value for image_id: image {ident} does not contain the os_distro field; set the property \
                 os_distro on the image"
            ))
        })?;
        Ok(Image { os_distro, driver, name: ident.to_owned(), coes, kube_tag })
    }

    /// Checks a flavor, if one is named.
    pub async fn optional_flavor(&self, field: &str, ident: Option<&str>) -> Result<(), ServiceError> {
        let Some(ident) = ident else { return Ok(()) };
        self.cloud.nova(self.session).flavor_find(ident).await.map_err(|e| refusal(field, ident, e))?;
        Ok(())
    }

    /// Checks the key pair, if one is named. A missing one is a 404, as clients know it.
    pub async fn optional_keypair(&self, name: Option<&str>) -> Result<(), ServiceError> {
        let Some(name) = name else { return Ok(()) };
        match self.cloud.nova(self.session).keypair_get(name).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(ServiceError::not_found(format!(
                "Unable to find keypair {name}: make it first, as this user"
            ))),
            Err(error) => Err(refusal("keypair", name, error)),
        }
    }

    /// Checks that the network is there and external, if one is named.
    pub async fn external_network(&self, ident: Option<&str>) -> Result<(), ServiceError> {
        let Some(ident) = ident else { return Ok(()) };
        let found = self.cloud.neutron(self.session).network_find(ident, Some(true)).await;
        found.map_err(|e| refusal("external_network_id", ident, e))?;
        Ok(())
    }

    /// Checks the cluster's own network and subnet, if they are named.
    pub async fn fixed_network(
        &self,
        network: Option<&str>,
        subnet: Option<&str>,
    ) -> Result<(), ServiceError> {
        let neutron = self.cloud.neutron(self.session);
        if let Some(ident) = network {
            neutron.network_find(ident, Some(false)).await.map_err(|e| refusal("fixed_network", ident, e))?;
        }
        if let Some(ident) = subnet {
            neutron.subnet_find(ident).await.map_err(|e| refusal("fixed_subnet", ident, e))?;
        }
        Ok(())
    }
}

/// A failed lookup in the words of the request.
fn refusal(field: &str, ident: &str, error: CloudError) -> ServiceError {
    match error.kind {
        // Clouds answer such a search with nothing. One that says more, as the local cloud does, knows the remedy.
        CloudErrorKind::NotFound if error.service == "glance" && !error.path.is_empty() => {
            let text = format!("Invalid value for {field}: {ident} could not be found: {}", error.message);
            ServiceError::invalid(text).caused_by(error)
        }
        CloudErrorKind::NotFound | CloudErrorKind::BadRequest => {
            ServiceError::invalid(format!("Invalid value for {field}: {ident} could not be found"))
                .caused_by(error)
        }
        CloudErrorKind::Multiple => ServiceError::conflict(format!(
            "Invalid value for {field}: several are named {ident}; use the id"
        ))
        .caused_by(error),
        CloudErrorKind::Forbidden | CloudErrorKind::Unauthorized => ServiceError::new(
            ErrorKind::Forbidden,
            format!("Invalid value for {field}: not authorized to use {ident}"),
        )
        .caused_by(error),
        CloudErrorKind::Decode
        | CloudErrorKind::Settings
        | CloudErrorKind::TooLarge
        | CloudErrorKind::Redirect => ServiceError::internal(error),
        // It answers, and knows better than we why it cannot.
        CloudErrorKind::Server(503) => {
            let text = format!(
                "The {} service cannot say now whether {field} can be used: {}",
                error.service, error.message
            );
            ServiceError::unavailable(text, error)
        }
        _ => {
            let text = format!(
                "The {} service does not answer, so {field} cannot be checked. Try again later.",
                error.service
            );
            ServiceError::unavailable(text, error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: CloudErrorKind) -> CloudError {
        CloudError {
            service: "nova",
            method: "GET",
            path: "/flavors/x".into(),
            kind,
            message: "no".to_owned(),
            request_id: None,
            source: None,
        }
    }

    #[test]
    fn a_failed_lookup_names_the_field_and_never_becomes_our_fault() {
        let cases = [
            (CloudErrorKind::NotFound, ErrorKind::Invalid),
            (CloudErrorKind::Multiple, ErrorKind::Conflict),
            (CloudErrorKind::Forbidden, ErrorKind::Forbidden),
            (CloudErrorKind::Timeout, ErrorKind::Unavailable),
            (CloudErrorKind::Server(500), ErrorKind::Unavailable),
        ];
        for (kind, expected) in cases {
            let refused = refusal("flavor_id", "m1.huge", error(kind));
            assert_eq!(refused.kind, expected, "{kind:?}");
            assert!(refused.public.contains("flavor_id"));
        }
        let told = CloudError { service: "glance", ..error(CloudErrorKind::NotFound) };
        assert!(refusal("image_id", "i", told).public.ends_with("image_id: i could not be found: no"));
        let away =
            CloudError { message: "no engine: start it".to_owned(), ..error(CloudErrorKind::Server(503)) };
        assert!(refusal("image_id", "i", away).public.ends_with("image_id can be used: no engine: start it"));
    }
}
