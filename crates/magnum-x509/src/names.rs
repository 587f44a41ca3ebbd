//! Distinguished names and subject alternative names.
//!
//! For Kubernetes the subject is an identity (`CN` the user, each `O` a group), so a repeated attribute must be kept
//! and a value must never be parsed out of a text form where a comma could smuggle in another attribute: names are
//! built from pairs.

use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME, ORGANIZATIONAL_UNIT_NAME};
use der::asn1::{Any, Ia5String, SetOfVec};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use crate::{Error, Object};

/// The attributes of a subject that we set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameAttribute {
    /// `CN`, for Kubernetes the user name.
    CommonName,
    /// `O`, for Kubernetes a group; may be repeated.
    Organisation,
    /// `OU`.
    OrganisationalUnit,
}

impl NameAttribute {
    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::CommonName => COMMON_NAME,
            Self::Organisation => ORGANIZATION_NAME,
            Self::OrganisationalUnit => ORGANIZATIONAL_UNIT_NAME,
        }
    }
}

/// A subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum San {
    /// A host name, ASCII, at most 253 characters, possibly with a wildcard label.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(String),
    /// A URI.
    Uri(String),
}

impl San {
    pub(crate) fn to_general_name(&self) -> Result<GeneralName, Error> {
        match self {
            Self::Ip(address) => Ok(GeneralName::from(*address)),
            Self::Dns(name) => {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
                if name.is_empty() || name.len() > 253 || !name.bytes().all(allowed) {
                    return Err(invalid(name, "not a host name"));
                }
                ia5(name).map(GeneralName::DnsName)
            }
            Self::Email(address) => ia5(address).map(GeneralName::Rfc822Name),
            Self::Uri(uri) => ia5(uri).map(GeneralName::UniformResourceIdentifier),
        }
    }

    /// `None` for the kinds of name that clusters do not use.
    pub(crate) fn from_general_name(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::DnsName(name) => Some(Self::Dns(name.to_string())),
            GeneralName::Rfc822Name(address) => Some(Self::Email(address.to_string())),
            GeneralName::UniformResourceIdentifier(uri) => Some(Self::Uri(uri.to_string())),
            GeneralName::IpAddress(octets) => {
                let octets = octets.as_bytes();
                <[u8; 4]>::try_from(octets)
                    .map(IpAddr::from)
                    .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
                    .ok()
                    .map(Self::Ip)
            }
            _ => None,
        }
    }
}

fn invalid(value: &str, reason: &'static str) -> Error {
    Error::InvalidName { value: value.to_owned(), reason }
}

fn ia5(value: &str) -> Result<Ia5String, Error> {
    if value.is_empty() || value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(invalid(value, "empty or with control characters"));
    }
    Ia5String::new(value).map_err(|_| invalid(value, "not ASCII"))
}

/// A name with one attribute per level, in the order given.
pub(crate) fn build(attributes: &[(NameAttribute, &str)]) -> Result<Name, Error> {
    let encode = Error::encode(Object::Certificate);
    let mut levels = RdnSequence::default();
    for (attribute, value) in attributes {
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(invalid(value, "empty or with control characters"));
        }
        let pair = AttributeTypeAndValue {
            oid: attribute.oid(),
            value: Any::new(Tag::Utf8String, value.as_bytes()).map_err(&encode)?,
        };
        levels.push(RelativeDistinguishedName::from(SetOfVec::try_from(vec![pair]).map_err(&encode)?));
    }
    // Name has no public constructor from its parts; its encoding is that of the sequence.
    Name::from_der(&levels.to_der().map_err(&encode)?).map_err(&encode)
}

/// Every value of one attribute, in order.
pub(crate) fn values(name: &Name, attribute: NameAttribute) -> Vec<String> {
    name.iter().filter(|pair| pair.oid == attribute.oid()).map(|pair| text(&pair.value)).collect()
}

/// The text of a directory string; what cannot be decoded shows as replacement characters.
fn text(value: &Any) -> String {
    let bytes = value.value();
    match value.tag() {
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
            char::decode_utf16(units.map(u16::from_be_bytes))
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        Tag::TeletexString => bytes.iter().copied().map(char::from).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_value_does_not_become_another_attribute() {
        let name = build(&[(NameAttribute::CommonName, "bob,O=system:masters")]).unwrap();
        assert_eq!(values(&name, NameAttribute::CommonName), ["bob,O=system:masters"]);
        assert!(values(&name, NameAttribute::Organisation).is_empty());
    }

    #[test]
    fn old_string_types_are_read() {
        assert_eq!(text(&Any::new(Tag::BmpString, [0u8, 0x4d, 0x26, 0x03]).unwrap()), "M\u{2603}");
        assert_eq!(text(&Any::new(Tag::TeletexString, [0x4d, 0xe9]).unwrap()), "M\u{e9}");
        assert_eq!(text(&Any::new(Tag::Utf8String, [0xff]).unwrap()), "\u{fffd}");
    }

    #[test]
    fn names_that_cannot_stand_in_a_certificate_are_refused() {
        assert!(build(&[(NameAttribute::CommonName, "")]).is_err());
        assert!(build(&[(NameAttribute::CommonName, "a\nb")]).is_err());
        for name in ["", "a b", "caf\u{e9}", "a\0b", &"a".repeat(254)] {
            assert!(San::Dns(name.to_owned()).to_general_name().is_err(), "{name:?}");
        }
        assert!(San::Email("\u{e9}@x".to_owned()).to_general_name().is_err());
    }
}
