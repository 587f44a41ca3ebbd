//! Standalone mode's own authority, and the certificate of its HTTPS port.

use super::{NODE_NAME, place::Place};
use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use magnum_x509::{
    CertificateAuthority, CertificateInfo, CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey,
    Profile, San, Validity,
};
use secrecy::ExposeSecret as _;
use std::net::IpAddr;

/// Name of the authority's certificate in the folder; clients trust this file.
pub const CA: &str = "ca.pem";
/// Name of the server's certificate in the folder.
pub const SERVER: &str = "server.pem";
/// Name of the server's key in the folder.
pub const SERVER_KEY: &str = "server-key.pem";
const CA_KEY: &str = "ca-key.pem";

const CA_DAYS: u32 = 3650;
const SERVER_DAYS: u32 = 397;
/// A certificate that has less than this left is made anew at the next start.
const RENEW_DAYS: i64 = 60;

/// Sees to it that the folder has an authority and a server certificate for `listen`, this machine's own names and the
/// name that nodes use. What is there and good stays: clients keep their trust over restarts.
///
/// # Errors
/// Files that cannot be read, written or understood.
pub fn ensure(place: &Place, listen: IpAddr, now: Timestamp) -> Result<()> {
    let authority = match (place.read(CA)?, place.read(CA_KEY)?) {
        (Some(certificate), Some(key)) => load(&certificate, &key).with_context(|| {
            format!("{} with its key: remove both to have new ones made", place.path(CA).display())
        })?,
        _ => {
            let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
            let made =
                CertificateAuthority::create("Magnum standalone", key, Validity::starting(now, CA_DAYS)?)?;
            // The key first: a certificate without its key would be trusted and of no use.
            place.write(CA_KEY, made.key().to_pkcs8_pem()?.expose_secret())?;
            place.write(CA, made.certificate_pem())?;
            place.write(SERVER, "")?;
            made
        }
    };
    let names = names(listen);
    if is_good(place.read(SERVER)?.as_deref(), &names, now)? && place.read(SERVER_KEY)?.is_some() {
        return Ok(());
    }
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    let request = CertificateRequest::create(&key, &[(NameAttribute::CommonName, "magnum")], &[])?;
    let profile = Profile::Node { common_name: "magnum".to_owned(), organisation: None, sans: names };
    let certificate = authority.sign(&request, &profile, now, SERVER_DAYS)?;
    place.write(SERVER_KEY, key.to_pkcs8_pem()?.expose_secret())?;
    place.write(SERVER, &certificate)
}

fn load(certificate: &str, key: &str) -> Result<CertificateAuthority> {
    Ok(CertificateAuthority::load(certificate, PrivateKey::from_pem(key, None)?)?)
}

fn names(listen: IpAddr) -> Vec<San> {
    let mut addresses: Vec<IpAddr> =
        vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
    if !listen.is_unspecified() && !listen.is_loopback() {
        addresses.push(listen);
    }
    let hosts = ["localhost", NODE_NAME].map(|name| San::Dns(name.to_owned()));
    hosts.into_iter().chain(addresses.into_iter().map(San::Ip)).collect()
}

/// Whether a certificate is for these names and lives long enough. One that cannot be read is made anew.
fn is_good(certificate: Option<&str>, names: &[San], now: Timestamp) -> Result<bool> {
    let Some(Ok(info)) = certificate.map(CertificateInfo::parse) else { return Ok(false) };
    let soon = now.checked_add(SignedDuration::from_hours(24 * RENEW_DAYS))?;
    Ok(info.not_after > soon && names.iter().all(|name| info.sans.contains(name)))
}
