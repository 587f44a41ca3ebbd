//! Names to addresses by the system's `getent`. This program is linked statically, so that it runs on every
//! distribution; the C library's own resolver would then want to load plug-ins of exactly its own version.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

use crate::machine::{Command, Host, Machine};

const MOST: usize = 16;

/// The resolver.
#[derive(Debug)]
pub(super) struct Getent;

impl Resolver for Getent {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => look_up(host, (*timeout.after).min(Duration::from_secs(20)))?,
        };
        let mut found = self.empty();
        for address in addresses.into_iter().take(MOST) {
            found.push(SocketAddr::new(address, port));
        }
        if found.is_empty() { Err(Error::HostNotFound) } else { Ok(found) }
    }
}

fn look_up(host: &str, timeout: Duration) -> Result<Vec<IpAddr>, Error> {
    // A name cannot be mistaken for an option.
    let mut command = Command::new("getent", &["--", "ahosts", host]);
    command.timeout = timeout;
    let output = Host::rooted(std::path::Path::new("/"))
        .run(&command)
        .map_err(|error| Error::Io(std::io::Error::other(error.to_string())))?;
    Ok(addresses(&output.stdout))
}

/// The distinct addresses of getent's lines, in its order, without those that need an interface's name.
fn addresses(lines: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in lines.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_taken_once_in_order() {
        let lines =
            "10.0.0.1  STREAM magnum.example\n10.0.0.1  DGRAM\nfd00::1  STREAM\nfe80::1%eth0 STREAM\n";
        assert_eq!(addresses(lines), ["10.0.0.1".parse::<IpAddr>().unwrap(), "fd00::1".parse().unwrap()]);
    }

    #[test]
    fn the_systems_own_name_is_found() {
        let found = look_up("localhost", Duration::from_secs(5)).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
    }
}
