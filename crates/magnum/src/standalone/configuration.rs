//! Standalone mode's `magnum.conf`: the services are configured as in any other cloud, so that nothing in them knows of
//! the mode. The text is written at each start; what a user wants otherwise goes into files of `magnum.conf.d`.

use super::{NODE_NAME, certificates, place::Place};
use anyhow::{Context, Result};
use magnum_config::{MagnumConfig, Sources, Warning};
use secrecy::{ExposeSecret as _, SecretString};
use std::net::IpAddr;

/// Name of the file in the folder.
pub const FILE: &str = "magnum.conf";
/// Name of the database's file in the folder.
pub const DATABASE: &str = "magnum.sqlite";
/// Name of the folder of the user's own files.
pub const OWN: &str = "magnum.conf.d";

/// What the text is made of.
pub struct Values {
    /// Where the API listens.
    pub listen: IpAddr,
    /// Its port.
    pub port: u16,
    /// Password of the service user `magnum`.
    pub service_password: SecretString,
    /// Password of `magnum_domain_admin`.
    pub domain_admin_password: SecretString,
    /// Log at debug level.
    pub debug: bool,
}

/// Writes the configuration and reads it back, with the user's own files over it.
///
/// # Errors
/// A file that cannot be written, or a value of a user's file that its option may not have.
pub fn load(place: &Place, values: &Values) -> Result<(MagnumConfig, Vec<Warning>)> {
    place.write(FILE, &text(place, values))?;
    let mut sources = Sources::new("magnum-standalone", "standalone");
    sources.files = vec![place.path(FILE)];
    let own = place.path(OWN);
    sources.dirs = own.is_dir().then_some(own).into_iter().collect();
    MagnumConfig::load(&sources).context("the configuration cannot be used")
}

/// `$` begins a substitution in this dialect; a path may hold one.
fn path(place: &Place, name: &str) -> String {
    place.path(name).display().to_string().replace('$', "$$")
}

fn text(place: &Place, values: &Values) -> String {
    let Values { listen, port, service_password, domain_admin_password, debug } = values;
    let host = match listen {
        address if address.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(address) => format!("[{address}]"),
        IpAddr::V4(address) => address.to_string(),
    };
    let (ca, keystone) = (path(place, certificates::CA), format!("https://{host}:{port}/identity/v3"));
    let auth = |section: &str| {
        format!(
            "[{section}]\nauth_type = password\nauth_url = {keystone}\ncafile = {ca}\nusername = magnum\npassword = {}\n\
             user_domain_id = default\nproject_name = service\nproject_domain_id = default\n",
            service_password.expose_secret()
        )
    };
    format!(
        "# Written by magnum standalone at each start. Settings of your own: files of {OWN} beside this one.\n\
         [DEFAULT]\nhost = standalone\ntransport_url = memory://\ndebug = {debug}\n\
         [api]\nhost = {listen}\nport = {port}\nenabled_ssl = true\nssl_cert_file = {server}\nssl_key_file = {server_key}\n\
         node_url = https://{NODE_NAME}:{port}/v1\n\
         [cluster_template]\nkubernetes_default_network_driver = bridge\n\
         [conductor]\nlease_seconds = 15\n\
         [database]\nconnection = sqlite:///{database}\n\
         [certificates]\ncert_manager_type = x509keypair\n\
         [secrets]\nkey_file = {seal}\n\
         [drivers]\nopenstack_ca_file = {ca}\nverify_ca = true\n\
         [oslo_messaging_notifications]\ndriver = noop\n\
         [trust]\ntrustee_domain_name = magnum\ntrustee_domain_admin_name = magnum_domain_admin\n\
         trustee_domain_admin_password = {admin}\n\
         {middleware}www_authenticate_uri = {keystone}\n{own}",
        server = path(place, certificates::SERVER),
        server_key = path(place, certificates::SERVER_KEY),
        database = path(place, DATABASE),
        seal = path(place, super::SEALING_KEY),
        admin = domain_admin_password.expose_secret(),
        middleware = auth("keystone_authtoken"),
        own = auth("keystone_auth"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values {
            listen: [127, 0, 0, 1].into(),
            port: 9511,
            service_password: "one".into(),
            domain_admin_password: "two".into(),
            debug: false,
        }
    }

    #[test]
    fn the_text_is_read_back_without_a_warning_and_the_users_own_files_win() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::find(Some(directory.path().join("a $dir")), |_| None).unwrap();
        let _claim = place.claim().unwrap();
        let (config, warnings) = load(&place, &values()).unwrap();
        assert!(warnings.is_empty(), "{:?}", warnings.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(config.cluster_template.kubernetes_default_network_driver, "bridge");
        let key = place.path(super::super::SEALING_KEY);
        assert_eq!(config.secrets.key_file.as_deref(), key.to_str());
        assert_eq!(config.api.node_url.as_deref(), Some("https://magnum.internal:9511/v1"));
        std::fs::create_dir(place.path(OWN)).unwrap();
        std::fs::write(place.path(OWN).join("mine.conf"), "[cluster_heat]\ncreate_timeout = 7\n").unwrap();
        assert_eq!(load(&place, &values()).unwrap().0.cluster_heat.create_timeout, 7);
    }
}
