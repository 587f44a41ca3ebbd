//! The options that say which cloud and who, named as OpenStack's own tools name them.

use crate::{
    cloud::Settings,
    error::{CliError, Result},
};
use clap::Args;

/// What older clients call these options; with underscores, too, as they took them.
const INTERFACE_ALIASES: [&str; 3] = ["os-endpoint-type", "endpoint-type", "endpoint_type"];
const ENDPOINT_ALIASES: [&str; 4] = ["os-endpoint-override", "os-endpoint", "bypass-url", "bypass_url"];
const VERSION_ALIASES: [&str; 2] = ["magnum-api-version", "magnum_api_version"];
/// The types under which the service is looked for in the catalog.
const SERVICE_TYPES: [&str; 2] = ["container-infra", "container"];

/// See the module.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Cloud")]
pub struct CloudOptions {
    /// A cloud of clouds.yaml [env: OS_CLOUD]
    #[arg(long, global = true, value_name = "NAME")]
    os_cloud: Option<String>,
    /// password, token, v3applicationcredential, none or token_endpoint [env: OS_AUTH_TYPE]
    #[arg(long, global = true, value_name = "TYPE", hide_short_help = true)]
    os_auth_type: Option<String>,
    /// Address of the identity service [env: OS_AUTH_URL]
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    os_auth_url: Option<String>,
    /// User [env: OS_USERNAME]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    os_username: Option<String>,
    /// User's id [env: OS_USER_ID]
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    os_user_id: Option<String>,
    /// Password; other users of the machine may see it, so rather use the variable [env: OS_PASSWORD]
    #[arg(long, global = true, value_name = "PASSWORD", hide_short_help = true)]
    os_password: Option<String>,
    /// The user's domain [env: OS_USER_DOMAIN_NAME]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    os_user_domain_name: Option<String>,
    /// The id of the user's domain [env: OS_USER_DOMAIN_ID]
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    os_user_domain_id: Option<String>,
    /// Project [env: OS_PROJECT_NAME]
    #[arg(long, global = true, value_name = "NAME", alias = "os-tenant-name", hide_short_help = true)]
    os_project_name: Option<String>,
    /// Project's id [env: OS_PROJECT_ID]
    #[arg(long, global = true, value_name = "ID", alias = "os-tenant-id", hide_short_help = true)]
    os_project_id: Option<String>,
    /// The project's domain [env: OS_PROJECT_DOMAIN_NAME]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    os_project_domain_name: Option<String>,
    /// The id of the project's domain [env: OS_PROJECT_DOMAIN_ID]
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    os_project_domain_id: Option<String>,
    /// `all` for the whole system instead of a project [env: OS_SYSTEM_SCOPE]
    #[arg(long, global = true, value_name = "SCOPE", hide_short_help = true)]
    os_system_scope: Option<String>,
    /// Token [env: OS_TOKEN]
    #[arg(long, global = true, value_name = "TOKEN", alias = "os-auth-token", hide_short_help = true)]
    os_token: Option<String>,
    /// Application credential's id [env: OS_APPLICATION_CREDENTIAL_ID]
    #[arg(long, global = true, value_name = "ID", hide_short_help = true)]
    os_application_credential_id: Option<String>,
    /// Application credential's name [env: OS_APPLICATION_CREDENTIAL_NAME]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    os_application_credential_name: Option<String>,
    /// Application credential's secret [env: OS_APPLICATION_CREDENTIAL_SECRET]
    #[arg(long, global = true, value_name = "SECRET", hide_short_help = true)]
    os_application_credential_secret: Option<String>,
    /// Region [env: OS_REGION_NAME]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    os_region_name: Option<String>,
    /// public, internal or admin [env: OS_INTERFACE]
    #[arg(long, global = true, value_name = "INTERFACE", aliases = INTERFACE_ALIASES, hide_short_help = true)]
    os_interface: Option<String>,
    /// Address of Magnum instead of the catalog's [env: OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        aliases = ENDPOINT_ALIASES,
        hide_short_help = true
    )]
    os_container_infra_endpoint_override: Option<String>,
    /// Microversion, as 1.9 or latest [env: OS_CONTAINER_INFRA_API_VERSION] [default: latest]
    #[arg(long, global = true, value_name = "VERSION", aliases = VERSION_ALIASES, hide_short_help = true)]
    os_container_infra_api_version: Option<String>,
    /// Trust only the certificates of this PEM file [env: OS_CACERT]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    os_cacert: Option<String>,
    /// Client certificate, PEM [env: OS_CERT]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    os_cert: Option<String>,
    /// Key of the client certificate, PEM [env: OS_KEY]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    os_key: Option<String>,
    /// Accept any certificate
    #[arg(long, global = true, hide_short_help = true)]
    insecure: bool,
    /// The older client's way to name the service in the catalog
    #[arg(long, global = true, value_name = "TYPE", alias = "service_type", hide = true)]
    service_type: Option<String>,
    /// The older client's cache of tokens: taken, and without effect, since no token is kept on a disk
    #[arg(long, global = true, hide = true)]
    os_cache: bool,
}

impl CloudOptions {
    /// Refuses what cannot be done.
    ///
    /// # Errors
    /// A type of service that is not looked for.
    pub fn check(&self) -> Result {
        match self.service_type.as_deref() {
            Some(other) if !SERVICE_TYPES.contains(&other) => {
                Err(CliError::usage(format!("the service is not looked for under the type {other:?}"))
                    .advise(format!(
                        "leave --service-type out (it is {}), or give the address by --os-endpoint-override",
                        SERVICE_TYPES.join(" or ")
                    )))
            }
            _ => Ok(()),
        }
    }

    /// What the command line says.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in [
            ("cloud", &self.os_cloud),
            ("auth_type", &self.os_auth_type),
            ("auth_url", &self.os_auth_url),
            ("username", &self.os_username),
            ("user_id", &self.os_user_id),
            ("password", &self.os_password),
            ("user_domain_name", &self.os_user_domain_name),
            ("user_domain_id", &self.os_user_domain_id),
            ("project_name", &self.os_project_name),
            ("project_id", &self.os_project_id),
            ("project_domain_name", &self.os_project_domain_name),
            ("project_domain_id", &self.os_project_domain_id),
            ("system_scope", &self.os_system_scope),
            ("token", &self.os_token),
            ("application_credential_id", &self.os_application_credential_id),
            ("application_credential_name", &self.os_application_credential_name),
            ("application_credential_secret", &self.os_application_credential_secret),
            ("region_name", &self.os_region_name),
            ("interface", &self.os_interface),
            ("endpoint_override", &self.os_container_infra_endpoint_override),
            ("container_infra_api_version", &self.os_container_infra_api_version),
            ("cacert", &self.os_cacert),
            ("cert", &self.os_cert),
            ("key", &self.os_key),
        ] {
            settings.add(name, value.as_deref().unwrap_or_default());
        }
        if self.insecure {
            settings.add("insecure", "true");
        }
        settings
    }
}
