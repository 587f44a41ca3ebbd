//! The transport URL as oslo.messaging writes it: `rabbit://user:pass@host:port,user:pass@host2/vhost?ssl=1`.
//!
//! It is no RFC 3986 URL (several hosts, each with its own user), so it is taken apart by hand. As upstream: a missing
//! port is 5672, a missing or empty virtual host is `/`, no host is `localhost`, missing credentials are RabbitMQ's
//! `guest`; credentials of one host are not lent to the next. `fake://` and every `memory` transport mean the bus
//! inside the process. Passwords show in neither `Debug` nor errors.

use crate::BusError;
use secrecy::SecretString;
use std::{borrow::Cow, fmt};

const DEFAULT_PORT: u16 = 5672;
const DEFAULT_USER: &str = "guest";

/// Where messages go.
#[derive(Clone, Debug)]
pub enum TransportUrl {
    /// The bus inside this process.
    InProcess,
    /// RabbitMQ.
    Rabbit(RabbitUrl),
}

/// A RabbitMQ cluster.
#[derive(Clone, Debug)]
pub struct RabbitUrl {
    /// The brokers, at least one, in the order of the URL.
    pub hosts: Vec<BrokerHost>,
    /// The virtual host.
    pub virtual_host: String,
    /// The query, decoded, in order.
    pub parameters: Vec<(String, String)>,
}

/// One broker and how to log in to it.
#[derive(Clone)]
pub struct BrokerHost {
    /// Host name or address; an IPv6 address stands without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name.
    pub username: String,
    /// Password.
    pub password: SecretString,
}

impl fmt::Debug for BrokerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{self}", self.username)
    }
}

impl fmt::Display for BrokerHost {
    /// `host:port`, without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl TransportUrl {
    /// Reads a transport URL.
    ///
    /// # Errors
    /// [`BusError::Url`] for text that is none, [`BusError::UnknownTransport`] for a transport that is not spoken.
    pub fn parse(text: &str) -> Result<Self, BusError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| invalid("it has no '://'"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "rabbit" | "kombu" | "amqp" | "kombu+rabbit" | "kombu+amqp" => {
                parse_rabbit(rest).map(Self::Rabbit)
            }
            "fake" | "memory" | "kombu+memory" => Ok(Self::InProcess),
            other => Err(BusError::UnknownTransport(other.to_owned())),
        }
    }
}

impl std::str::FromStr for TransportUrl {
    type Err = BusError;

    fn from_str(text: &str) -> Result<Self, BusError> {
        Self::parse(text)
    }
}

fn parse_rabbit(rest: &str) -> Result<RabbitUrl, BusError> {
    if rest.contains('#') {
        return Err(invalid("'#' must be written %23"));
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let virtual_host = match decode(path) {
        host if host.is_empty() => "/".to_owned(),
        host => host.into_owned(),
    };
    let parts = if authority.is_empty() { Vec::new() } else { authority.split(',').collect() };
    let mut hosts = parts.into_iter().map(parse_host).collect::<Result<Vec<_>, _>>()?;
    if hosts.is_empty() {
        hosts.push(parse_host("")?);
    }
    let parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Ok(RabbitUrl { hosts, virtual_host, parameters })
}

fn parse_host(part: &str) -> Result<BrokerHost, BusError> {
    // The last '@' ends the credentials: an unescaped one belongs to the password, as upstream reads it.
    let (credentials, place) = part.rsplit_once('@').unwrap_or(("", part));
    let (username, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (host, port) = match place.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) =
                bracketed.split_once(']').ok_or_else(|| invalid("an ipv6 address is not closed with ']'"))?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(invalid("text follows an ipv6 address")),
            }
        }
        None => match place.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(invalid("an ipv6 address must stand in brackets"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => {
            port.parse().ok().filter(|port| *port != 0).ok_or_else(|| invalid("a port is no number"))?
        }
    };
    let or = |text: &str, default: &str| match decode(text) {
        decoded if decoded.is_empty() => default.to_owned(),
        decoded => decoded.into_owned(),
    };
    Ok(BrokerHost {
        host: or(host, "localhost"),
        port,
        username: or(username, DEFAULT_USER),
        password: SecretString::from(or(password, DEFAULT_USER)),
    })
}

/// Percent-decoding that leaves what is no escape as it stands, as Python's `unquote` does.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn invalid(fault: &str) -> BusError {
    BusError::Url(fault.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn rabbit(text: &str) -> RabbitUrl {
        match TransportUrl::parse(text).unwrap() {
            TransportUrl::Rabbit(url) => url,
            TransportUrl::InProcess => panic!("{text} is not the process"),
        }
    }

    fn hosts(text: &str) -> Vec<(String, u16, String, String)> {
        rabbit(text)
            .hosts
            .into_iter()
            .map(|h| (h.host, h.port, h.username, h.password.expose_secret().to_owned()))
            .collect()
    }

    fn host(host: &str, port: u16, user: &str, password: &str) -> (String, u16, String, String) {
        (host.into(), port, user.into(), password.into())
    }

    #[test]
    fn one_host_with_everything() {
        assert_eq!(hosts("rabbit://u:p@h:5673/v"), [host("h", 5673, "u", "p")]);
        assert_eq!(rabbit("rabbit://u:p@h:5673/v").virtual_host, "v");
    }

    #[test]
    fn several_hosts_keep_their_own_credentials_and_ports() {
        assert_eq!(
            hosts("rabbit://u:p%40x@h1:1,u2:q@[::1]:2,h3/v?ssl=1"),
            [host("h1", 1, "u", "p@x"), host("::1", 2, "u2", "q"), host("h3", 5672, "guest", "guest")]
        );
    }

    #[test]
    fn missing_parts_take_the_defaults() {
        for text in ["rabbit://", "rabbit:///"] {
            assert_eq!(hosts(text), [host("localhost", 5672, "guest", "guest")], "{text}");
            assert_eq!(rabbit(text).virtual_host, "/", "{text}");
        }
        for text in ["rabbit://h", "rabbit://h/", "rabbit://h//", "rabbit://h/%2F"] {
            assert_eq!(rabbit(text).virtual_host, "/", "{text}");
        }
        assert_eq!(rabbit("rabbit://h/v%2Fh").virtual_host, "v/h");
        assert_eq!(rabbit("rabbit://h/x/y").virtual_host, "x/y");
    }

    #[test]
    fn awkward_passwords_are_read_as_upstream_reads_them() {
        assert_eq!(hosts("rabbit://u:a:b@h")[0].3, "a:b");
        assert_eq!(hosts("rabbit://u:p@@h")[0].3, "p@");
        assert_eq!(hosts("rabbit://u:p+q@h")[0].3, "p+q");
        assert_eq!(hosts("rabbit://u:p%zz@h")[0].3, "p%zz");
        assert_eq!(hosts("rabbit://u:p%C3%BC@h")[0].3, "pü");
    }

    #[test]
    fn parameters_are_decoded() {
        let url = rabbit("rabbit://h/v?ssl=1&ssl_ca_file=%2Fetc%2Fca.pem");
        assert_eq!(
            url.parameters,
            [("ssl".into(), "1".into()), ("ssl_ca_file".into(), "/etc/ca.pem".into())]
        );
    }

    #[test]
    fn memory_transports_stay_in_the_process() {
        for text in ["fake://", "memory://", "kombu+memory:////"] {
            assert!(matches!(TransportUrl::parse(text), Ok(TransportUrl::InProcess)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_without_showing_the_password() {
        for text in [
            "",
            "rabbit",
            "rabbit://u:sesame@h:abc/",
            "rabbit://u:sesame@h:/",
            "rabbit://u:sesame@h:0/",
            "rabbit://u:sesame#x@h/",
            "rabbit://u:sesame@[::1/",
            "rabbit://u:sesame@::1/",
            "rabbit://u:sesame@[::1]x/",
            "kafka://u:sesame@h",
        ] {
            let error = TransportUrl::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("sesame"), "{text}");
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        let shown = format!("{:?}", TransportUrl::parse("rabbit://user:sesame@h/").unwrap());
        assert!(shown.contains("user@h:5672") && !shown.contains("sesame"), "{shown}");
    }

    fn escape(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    proptest! {
        #[test]
        fn any_escaped_credential_survives(user in "\\PC{1,12}", password in "\\PC{1,12}", port in 1u16.., vhost in "\\PC{1,8}") {
            let text = format!("rabbit://{}:{}@[fe80::1]:{port}/{}", escape(&user), escape(&password), escape(&vhost));
            prop_assert_eq!(hosts(&text), [host("fe80::1", port, &user, &password)]);
            prop_assert_eq!(rabbit(&text).virtual_host, vhost);
        }

        #[test]
        fn no_text_makes_the_reader_fall_over(text in ".{0,80}") {
            let _ = TransportUrl::parse(&format!("rabbit://{text}"));
        }
    }
}
