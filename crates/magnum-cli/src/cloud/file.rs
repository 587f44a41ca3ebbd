//! clouds.yaml, with clouds-public.yaml below it and secure.yaml above it, where OpenStack's own tools look for them.

use crate::{
    cloud::Settings,
    environment::Environment,
    error::{CliError, Result},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, io::ErrorKind, path::PathBuf};

#[derive(Deserialize, Default)]
struct CloudsFile {
    #[serde(default)]
    clouds: BTreeMap<String, Entry>,
}

#[derive(Deserialize, Default)]
struct PublicFile {
    #[serde(default, rename = "public-clouds")]
    clouds: BTreeMap<String, Entry>,
}

/// A cloud, as far as it concerns this program. Values are texts, so that a password of digits stays what it is.
#[derive(Deserialize, Default)]
struct Entry {
    #[serde(default)]
    auth: Option<BTreeMap<String, Option<String>>>,
    auth_type: Option<String>,
    profile: Option<String>,
    cloud: Option<String>,
    region_name: Option<String>,
    interface: Option<String>,
    endpoint_type: Option<String>,
    verify: Option<bool>,
    insecure: Option<bool>,
    cacert: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    container_infra_endpoint_override: Option<String>,
    container_infra_api_version: Option<String>,
}

impl Entry {
    fn add_to(&self, settings: &mut Settings) {
        for (name, value) in self.auth.iter().flatten() {
            settings.add(name, value.as_deref().unwrap_or_default());
        }
        for (name, value) in [
            ("auth_type", &self.auth_type),
            ("region_name", &self.region_name),
            ("interface", &self.interface),
            ("endpoint_type", &self.endpoint_type),
            ("cacert", &self.cacert),
            ("cert", &self.cert),
            ("key", &self.key),
            ("endpoint_override", &self.container_infra_endpoint_override),
            ("container_infra_api_version", &self.container_infra_api_version),
        ] {
            settings.add(name, value.as_deref().unwrap_or_default());
        }
        if let Some(insecure) = self.insecure.or(self.verify.map(|verify| !verify)) {
            settings.add("insecure", if insecure { "true" } else { "false" });
        }
    }
}

/// The named cloud, or the only one there is.
///
/// # Errors
/// When there is no such cloud, or a file cannot be read.
pub fn cloud(environment: &Environment, name: Option<&str>) -> Result<Settings> {
    let found = read::<CloudsFile>(environment, "clouds", "OS_CLIENT_CONFIG_FILE")?;
    let (file, clouds) = found.map_or_else(Default::default, |(path, file)| (Some(path), file.clouds));
    let name = match (name, clouds.len()) {
        (Some(name), _) => name,
        (None, 1) => clouds.keys().next().map_or("", String::as_str),
        (None, count) => {
            let advice = if count == 0 {
                "source an openrc file (OS_AUTH_URL and others), or write a clouds.yaml and name a cloud by \
                 OS_CLOUD or --os-cloud"
                    .to_owned()
            } else {
                format!("name one by OS_CLOUD or --os-cloud: {}", names(&clouds))
            };
            return Err(CliError::usage("no cloud is named").advise(advice));
        }
    };
    let Some(entry) = clouds.get(name) else {
        let advice = match file {
            Some(file) => format!("{} has: {}", file.display(), names(&clouds)),
            None => format!(
                "there is no clouds.yaml in {}",
                directories(environment)
                    .iter()
                    .map(|d| d.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        return Err(CliError::usage(format!("there is no cloud {name:?}")).advise(advice));
    };
    let mut settings = Settings::default();
    // What is secret wins; what a profile says counts last.
    let secure = read::<CloudsFile>(environment, "secure", "OS_CLIENT_SECURE_FILE")?;
    if let Some(secret) = secure.as_ref().and_then(|(_, file)| file.clouds.get(name)) {
        secret.add_to(&mut settings);
    }
    entry.add_to(&mut settings);
    if let Some(profile) = entry.profile.as_ref().or(entry.cloud.as_ref()) {
        let public = read::<PublicFile>(environment, "clouds-public", "OS_CLIENT_VENDOR_FILE")?;
        match public.as_ref().and_then(|(_, file)| file.clouds.get(profile)) {
            Some(entry) => entry.add_to(&mut settings),
            None if settings.get("auth_url").is_some() => {}
            None => {
                return Err(CliError::usage(format!(
                    "the profile {profile:?} of cloud {name:?} is not known"
                ))
                .advise(
                    "write its auth_url into the cloud's entry, or the profile into clouds-public.yaml",
                ));
            }
        }
    }
    Ok(settings)
}

fn names(clouds: &BTreeMap<String, Entry>) -> String {
    clouds.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Where such files may be, the first that has one counts.
fn directories(environment: &Environment) -> Vec<PathBuf> {
    let user = environment
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| environment.home.as_ref().map(|home| home.join(".config")));
    [
        Some(environment.directory.clone()),
        user.map(|user| user.join("openstack")),
        Some("/etc/openstack".into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn read<T: DeserializeOwned>(
    environment: &Environment,
    stem: &str,
    variable: &str,
) -> Result<Option<(PathBuf, T)>> {
    let named = environment.get(variable).map(|path| environment.path(path.as_ref()));
    let is_named = named.is_some();
    let candidates = match named {
        Some(path) => vec![path],
        None => directories(environment)
            .iter()
            .flat_map(|folder| ["yaml", "yml", "json"].map(|ending| folder.join(format!("{stem}.{ending}"))))
            .collect(),
    };
    for path in candidates {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) && !is_named =>
            {
                continue;
            }
            Err(error) => {
                return Err(CliError::usage(format!("{} cannot be read", path.display()))
                    .caused_by(error)
                    .advise(format!("correct {variable}, or the file's permissions")));
            }
        };
        // The parser's message shows lines of the file, and there are passwords in it: only the place is told.
        let parsed = serde_saphyr::from_str(&text).map_err(|error: serde_saphyr::Error| {
            let place = error.location().map(|at| format!(" at line {}", at.line())).unwrap_or_default();
            CliError::usage(format!("{} is not understood{place}", path.display()))
                .advise("it is YAML with a map `clouds`; see https://docs.openstack.org/openstacksdk")
        })?;
        return Ok(Some((path, parsed)));
    }
    Ok(None)
}
