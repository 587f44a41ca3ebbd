//! Which cloud, and who we are there: options of the command line, a cloud of clouds.yaml, `OS_*` variables.
//!
//! All three are read into the same flat names (those of `OS_*` in lower case), and the first that says something
//! counts: the command line; then the named cloud, for which variables only fill in what it leaves out of region,
//! interface, CA file and endpoint; or, when no cloud is named, the variables.

mod auth;
mod file;
mod options;

pub use options::CloudOptions;

use crate::{
    environment::Environment,
    error::{CliError, Result},
};
use magnum_openstack::{
    Cloud, CloudSettings, EndpointSettings, Interface, Service, TransportSettings,
    container_infra::ContainerInfra,
};
use std::{collections::BTreeMap, path::Path};

/// What a variable may fill in beside a named cloud.
const BESIDE_A_CLOUD: &[&str] =
    &["region_name", "interface", "cacert", "insecure", "endpoint_override", "container_infra_api_version"];

/// Variables of the old `magnum` command that are named otherwise; what `OS_*` says counts more.
const OLDER_VARIABLES: [(&str, &str); 3] = [
    ("MAGNUM_API_VERSION", "container_infra_api_version"),
    ("BYPASS_URL", "endpoint_override"),
    ("MAGNUMCLIENT_INSECURE", "insecure"),
];

/// Settings by their flat name.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Takes a setting in, unless it is empty or set already. Older names become the present ones.
    pub fn add(&mut self, name: &str, value: &str) {
        let name = match name {
            "tenant_name" => "project_name",
            "tenant_id" => "project_id",
            "endpoint_type" => "interface",
            "auth_token" => "token",
            "user_name" => "username",
            "container_infra_endpoint_override" | "endpoint" | "url" | "bypass_url" => "endpoint_override",
            other => other,
        };
        if !value.is_empty() {
            self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }

    /// The value of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a setting is switched on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
    }

    fn merge(&mut self, other: &Settings, only: impl Fn(&str) -> bool) {
        for (name, value) in other.0.iter().filter(|(name, _)| only(name)) {
            self.add(name, value);
        }
    }

    fn of_variables(environment: &Environment) -> Self {
        let mut settings = Self::default();
        // A name of our own service wins over the general one, whatever their order.
        for first in ["CONTAINER_INFRA_", ""] {
            for (name, value) in &environment.variables {
                if let Some(name) = name.strip_prefix("OS_").filter(|name| name.starts_with(first)) {
                    settings.add(&name.to_ascii_lowercase(), value);
                }
            }
        }
        for (variable, name) in OLDER_VARIABLES {
            settings.add(name, environment.get(variable).unwrap_or_default());
        }
        settings
    }
}

/// The settings that count.
///
/// # Errors
/// A named cloud that is in no file; a file that cannot be read; a type of service that is not looked for.
pub fn settings(options: &CloudOptions, environment: &Environment) -> Result<Settings> {
    options.check()?;
    let mut settings = options.settings();
    let variables = Settings::of_variables(environment);
    let by_variables = ["auth_url", "auth_type", "endpoint_override", "token", "username", "user_id"];
    let says_who = |settings: &Settings| by_variables.iter().any(|name| settings.get(name).is_some());
    let named = settings.get("cloud").or_else(|| variables.get("cloud")).map(str::to_owned);
    let cloud = match named {
        // "envvars" is how OpenStack's own tools call the variables.
        Some(name) if name != "envvars" => Some(file::cloud(environment, Some(&name))?),
        Some(_) => None,
        None if says_who(&settings) || says_who(&variables) => None,
        None => Some(file::cloud(environment, None)?),
    };
    match cloud {
        Some(cloud) => {
            settings.merge(&cloud, |_| true);
            settings.merge(&variables, |name| BESIDE_A_CLOUD.contains(&name));
        }
        None => settings.merge(&variables, |_| true),
    }
    Ok(settings)
}

/// Magnum, as these settings reach it. Makes no call yet.
///
/// # Errors
/// Settings that are missing or make no sense.
pub fn connect(settings: &Settings, environment: &Environment) -> Result<ContainerInfra> {
    let file = |name: &str| settings.get(name).map(|path| environment.path(Path::new(path)));
    let transport = TransportSettings {
        ca_file: file("cacert"),
        insecure: settings.is_on("insecure"),
        client_cert: file("cert"),
        client_key: file("key"),
        ..TransportSettings::default()
    };
    let interface = match settings.get("interface") {
        None => Interface::Public,
        Some(text) => Interface::parse(text).ok_or_else(|| {
            CliError::usage(format!("{text:?} is no interface")).advise("use public, internal or admin")
        })?,
    };
    let endpoint = EndpointSettings {
        region: settings.get("region_name").map(str::to_owned),
        interface,
        address: settings.get("endpoint_override").map(str::to_owned),
    };
    let settings = CloudSettings {
        service: auth::of(settings)?,
        trustee_admin: None,
        transport: transport.clone(),
        endpoint: EndpointSettings { address: None, ..endpoint.clone() },
        services: vec![(Service::ContainerInfra, endpoint, transport)],
    };
    let cloud = Cloud::new(settings, environment.clock.clone(), environment.entropy.clone())?;
    Ok(cloud.container_infra(cloud.service_session()))
}
