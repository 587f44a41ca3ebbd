//! The microversion of a request: `OpenStack-API-Version: <service> 1.<minor>`. The major number never changes, so
//! a version is its minor number. Handlers ask [`Microversion::at_least`]; the header itself is read and answered
//! only in [`crate::layers::microversion`].

use std::fmt;

/// The lowest version served.
pub const MINIMUM: u16 = 1;
/// The highest version this code knows.
pub const MAXIMUM: u16 = 14;

/// `?rollback=` on PATCH of a cluster.
pub const ROLLBACK: u16 = 3;
/// The resize action.
pub const RESIZE: u16 = 7;
/// The action upgrade works; at 1.7 it refuses itself.
pub const UPGRADE: u16 = 8;
/// Node group endpoints.
pub const NODEGROUPS: u16 = 9;
/// Node counts of zero.
pub const ZERO_NODES: u16 = 10;
/// Rotation of a cluster's credential.
pub const CREDENTIALS: u16 = 12;
/// `cluster_id` takes the place of `stack_id`.
pub const CLUSTER_ID: u16 = 13;

/// The negotiated version of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Microversion {
    /// The number after `1.`.
    pub minor: u16,
    /// The client named it; without a header a request is served as 1.1.
    pub explicit: bool,
}

/// Why a header was not understood; both give 406.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadVersion {
    /// Not `<service> <major>.<minor>` or `<service> latest`, or another service's name.
    Malformed,
    /// Well formed, but not served here.
    Unsupported,
}

impl Microversion {
    /// What a request without a header gets.
    pub const ABSENT: Microversion = Microversion { minor: MINIMUM, explicit: false };

    /// Reads the header's value; `maximum` is the configured highest minor number.
    pub fn parse(header: &str, maximum: u16) -> Result<Self, BadVersion> {
        let mut words = header.split_whitespace();
        let (Some(service), Some(version), None) = (words.next(), words.next(), words.next()) else {
            return Err(BadVersion::Malformed);
        };
        if !matches!(
            service,
            "container-infra" | "container-infrastructure" | "container-infrastructure-management"
        ) {
            return Err(BadVersion::Malformed);
        }
        if version.eq_ignore_ascii_case("latest") {
            return Ok(Self { minor: maximum, explicit: true });
        }
        let (major, minor) = version.split_once('.').ok_or(BadVersion::Malformed)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| BadVersion::Malformed);
        let (major, minor) = (number(major)?, number(minor)?);
        match u16::try_from(minor) {
            Ok(minor) if major == 1 && (MINIMUM..=maximum).contains(&minor) => {
                Ok(Self { minor, explicit: true })
            }
            _ => Err(BadVersion::Unsupported),
        }
    }

    /// This version or a later one.
    pub fn at_least(self, minor: u16) -> bool {
        self.minor >= minor
    }
}

impl fmt::Display for Microversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

/// The service word in answers: servers whose highest version is 1.10 or lower say the old one.
pub fn service_word(maximum: u16) -> &'static str {
    if maximum <= 10 { "container-infra" } else { "container-infrastructure-management" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_three_service_words_is_understood() {
        for word in ["container-infra", "container-infrastructure", "container-infrastructure-management"] {
            let read = Microversion::parse(&format!("{word} 1.10"), 14).unwrap();
            assert_eq!((read.minor, read.explicit), (10, true));
        }
    }

    #[test]
    fn latest_is_the_configured_maximum() {
        assert_eq!(Microversion::parse("container-infra latest", 12).unwrap().minor, 12);
    }

    #[test]
    fn a_version_outside_the_range_is_unsupported() {
        for text in
            ["container-infra 1.0", "container-infra 1.15", "container-infra 2.1", "container-infra 1.70000"]
        {
            assert_eq!(Microversion::parse(text, 14), Err(BadVersion::Unsupported), "{text}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in
            ["", "1.4", "compute 1.4", "container-infra 1", "container-infra a.b", "container-infra 1.2 3"]
        {
            assert_eq!(Microversion::parse(text, 14), Err(BadVersion::Malformed), "{text}");
        }
    }
}
