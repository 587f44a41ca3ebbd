//! Which address a cluster is asked at, and which ones are never asked from the service's network.
//!
//! `api_address` comes out of a stack in the tenant's own project, so it is not to be trusted to lead to a cluster. It has
//! to be a literal address: a name could mean another one at each look.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

/// How an address is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a TLS handshake whose server has a certificate of the cluster's authority.
    Tls,
    /// By a connection alone: the engine speaks without TLS.
    Tcp,
}

/// Where and how a cluster is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub socket: SocketAddr,
    /// How.
    pub way: Way,
}

impl Target {
    /// What `api_address` says: `https://IP:PORT` of a Kubernetes, `tcp://IP:PORT` of a Swarm. Anything else, a name
    /// among it, is no target.
    pub fn parse(api_address: &str, tls_disabled: bool) -> Option<Self> {
        let (scheme, rest) = api_address.trim().split_once("://")?;
        let way = match scheme {
            "https" => Way::Tls,
            "http" => Way::Tcp,
            "tcp" if tls_disabled => Way::Tcp,
            "tcp" => Way::Tls,
            _ => return None,
        };
        let socket: SocketAddr = rest.trim_end_matches('/').parse().ok()?;
        (socket.port() != 0).then_some(Self { socket, way })
    }
}

/// A range of addresses, as `10.0.0.0/8` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no network.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no network: write ADDRESS/PREFIX, such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, prefix) = text.trim().split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        if prefix > longest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl Network {
    fn has(&self, ip: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        // A shift by the whole width means that no bit counts.
        match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                (own.to_bits() ^ ip.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                (own.to_bits() ^ ip.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Where clusters may be asked.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Never here. This comes first.
    pub refused: Vec<Network>,
    /// Here although it is a place where no cluster is.
    pub allowed: Vec<Network>,
}

impl Places {
    /// Whether a cluster may be asked at this address.
    pub fn admit(&self, ip: IpAddr) -> bool {
        let means = meant(ip);
        let within = |networks: &[Network]| networks.iter().any(|net| net.has(ip) || net.has(means));
        !within(&self.refused) && (within(&self.allowed) || !is_nobodys(means))
    }
}

/// The IPv4 address that an IPv6 one stands for (mapped, compatible, or through the well-known NAT64 prefix), else itself.
fn meant(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = ip else { return ip };
    let low = |bits: u128| Ipv4Addr::from_bits(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(0));
    match six.to_bits() >> 32 {
        0xffff | 0x0064_ff9b_0000_0000_0000_0000 => IpAddr::V4(low(six.to_bits())),
        // `::` and `::1` are addresses of IPv6 itself.
        0 if six.to_bits() > 1 => IpAddr::V4(low(six.to_bits())),
        _ => ip,
    }
}

/// This machine itself, its link with the metadata service on it, or no single machine at all.
fn is_nobodys(ip: IpAddr) -> bool {
    if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() {
        return true;
    }
    match ip {
        // All of 0.0.0.0/8 means "this network", and Linux takes 0.0.0.0 for itself.
        IpAddr::V4(four) => four.is_link_local() || four.is_broadcast() || four.octets().starts_with(&[0]),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(refused: &[&str], allowed: &[&str]) -> Places {
        let all = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Places { refused: all(refused), allowed: all(allowed) }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const NOBODYS: [&str; 16] = [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::a9fe:a9fe",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "::127.0.0.1",
    ];

    #[test]
    fn machines_own_addresses_and_the_metadata_services_are_refused_and_others_are_not() {
        let places = Places::default();
        for text in NOBODYS {
            assert!(!places.admit(ip(text)), "{text}");
        }
        for text in ["172.24.4.7", "10.0.0.3", "172.18.0.2", "192.168.1.1", "100.64.0.1", "8.8.8.8"] {
            assert!(places.admit(ip(text)), "{text}");
        }
        for text in ["2001:db8::7", "fd00::3", "64:ff9b::808:808", "::ffff:10.0.0.3"] {
            assert!(places.admit(ip(text)), "{text}");
        }
    }

    #[test]
    fn the_configuration_allows_and_refuses_and_what_it_refuses_it_cannot_allow() {
        let all = places(&[], &["0.0.0.0/0", "::/0"]);
        for text in NOBODYS {
            assert!(all.admit(ip(text)), "{text}");
        }
        let local = places(&[], &["127.0.0.0/8"]);
        assert!(local.admit(ip("127.9.9.9")) && local.admit(ip("::ffff:127.0.0.1")));
        assert!(!local.admit(ip("169.254.169.254")) && !local.admit(ip("::1")));
        let control = places(&["10.20.0.0/16", "2001:db8::/32"], &["10.20.1.0/24"]);
        for (text, admitted) in [
            ("10.20.255.255", false),
            ("10.20.1.1", false),
            ("::ffff:10.20.1.1", false),
            ("10.21.0.0", true),
            ("2001:db8:ffff::1", false),
            ("2001:db9::1", true),
        ] {
            assert_eq!(control.admit(ip(text)), admitted, "{text}");
        }
        assert!(!places(&["::/0", "0.0.0.0/0"], &[]).admit(ip("8.8.8.8")));
        assert!(!places(&["10.0.0.3/32"], &[]).admit(ip("10.0.0.3")));
    }

    #[test]
    fn a_network_is_an_address_and_a_length() {
        for text in ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "example.org/8", "/8", ""] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.to_string().contains("ADDRESS/PREFIX"), "{text}: {error}");
        }
    }

    #[test]
    fn a_target_is_a_literal_address_with_a_port() {
        let target = |text: &str, tls_disabled| {
            Target::parse(text, tls_disabled).map(|target| (target.socket.to_string(), target.way))
        };
        let found = |socket: &str, way| Some((socket.to_owned(), way));
        assert_eq!(target("https://172.24.4.7:6443", false), found("172.24.4.7:6443", Way::Tls));
        assert_eq!(target("https://172.24.4.7:6443/", true), found("172.24.4.7:6443", Way::Tls));
        assert_eq!(target("https://[2001:db8::7]:6443", false), found("[2001:db8::7]:6443", Way::Tls));
        assert_eq!(target("tcp://172.24.4.7:2376", false), found("172.24.4.7:2376", Way::Tls));
        assert_eq!(target("tcp://172.24.4.7:2375", true), found("172.24.4.7:2375", Way::Tcp));
        assert_eq!(target("http://172.24.4.7:8080", true), found("172.24.4.7:8080", Way::Tcp));
        for text in [
            "",
            "172.24.4.7",
            "https://172.24.4.7",
            "https://172.24.4.7:0",
            "https://api.example.org:6443",
            "https://user@172.24.4.7:6443",
            "https://172.24.4.7:6443/path",
            "https://0x7f.1:6443",
            "https://2130706433:6443",
            "file:///etc/passwd",
        ] {
            assert_eq!(target(text, false), None, "{text}");
        }
    }
}
