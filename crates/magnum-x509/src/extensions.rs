//! Which extensions of a user's request go into the certificate.
//!
//! The rules are upstream's: an allowed extension is copied, one that is not allowed is dropped, or refused if it is
//! critical; the same for the bits of the key usage and for the CA flag. The configuration gives the allowed names.
//! Unlike upstream, a malformed or repeated extension is refused, as is a key usage of which nothing would be left:
//! an empty one is not valid in a certificate.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_CERTIFICATE_POLICIES,
    ID_CE_CRL_DISTRIBUTION_POINTS, ID_CE_EXT_KEY_USAGE, ID_CE_INHIBIT_ANY_POLICY, ID_CE_ISSUER_ALT_NAME,
    ID_CE_KEY_USAGE, ID_CE_NAME_CONSTRAINTS, ID_CE_POLICY_CONSTRAINTS, ID_CE_POLICY_MAPPINGS,
    ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_DIRECTORY_ATTRIBUTES, ID_CE_SUBJECT_KEY_IDENTIFIER,
    ID_PE_AUTHORITY_INFO_ACCESS,
};
use der::Decode as _;
use der::asn1::OctetString;
use x509_cert::der::flagset::FlagSet;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};

use crate::{Error, Object};

/// The names that the configuration and the messages use.
const EXTENSIONS: [(&str, ObjectIdentifier); 15] = [
    ("keyUsage", ID_CE_KEY_USAGE),
    ("extendedKeyUsage", ID_CE_EXT_KEY_USAGE),
    ("subjectAltName", ID_CE_SUBJECT_ALT_NAME),
    ("basicConstraints", ID_CE_BASIC_CONSTRAINTS),
    ("subjectKeyIdentifier", ID_CE_SUBJECT_KEY_IDENTIFIER),
    ("authorityKeyIdentifier", ID_CE_AUTHORITY_KEY_IDENTIFIER),
    ("authorityInfoAccess", ID_PE_AUTHORITY_INFO_ACCESS),
    ("cRLDistributionPoints", ID_CE_CRL_DISTRIBUTION_POINTS),
    ("certificatePolicies", ID_CE_CERTIFICATE_POLICIES),
    ("inhibitAnyPolicy", ID_CE_INHIBIT_ANY_POLICY),
    ("issuerAltName", ID_CE_ISSUER_ALT_NAME),
    ("nameConstraints", ID_CE_NAME_CONSTRAINTS),
    ("policyConstraints", ID_CE_POLICY_CONSTRAINTS),
    ("policyMappings", ID_CE_POLICY_MAPPINGS),
    ("subjectDirectoryAttributes", ID_CE_SUBJECT_DIRECTORY_ATTRIBUTES),
];

const KEY_USAGES: [(&str, KeyUsages); 9] = [
    ("Digital Signature", KeyUsages::DigitalSignature),
    ("Non Repudiation", KeyUsages::NonRepudiation),
    ("Key Encipherment", KeyUsages::KeyEncipherment),
    ("Data Encipherment", KeyUsages::DataEncipherment),
    ("Key Agreement", KeyUsages::KeyAgreement),
    ("Certificate Sign", KeyUsages::KeyCertSign),
    ("CRL Sign", KeyUsages::CRLSign),
    ("Encipher Only", KeyUsages::EncipherOnly),
    ("Decipher Only", KeyUsages::DecipherOnly),
];

/// What a user's signing request may ask for. The default is that of an untouched configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionPolicy {
    allowed: Vec<ObjectIdentifier>,
    key_usages: FlagSet<KeyUsages>,
    allow_ca: bool,
}

impl Default for ExtensionPolicy {
    fn default() -> Self {
        Self {
            allowed: vec![
                ID_CE_KEY_USAGE,
                ID_CE_EXT_KEY_USAGE,
                ID_CE_SUBJECT_ALT_NAME,
                ID_CE_BASIC_CONSTRAINTS,
                ID_CE_SUBJECT_KEY_IDENTIFIER,
            ],
            key_usages: KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment | KeyUsages::NonRepudiation,
            allow_ca: false,
        }
    }
}

impl ExtensionPolicy {
    /// The policy of `[x509] allowed_extensions`, `allowed_key_usage` and `allow_ca`. Extensions are named as in
    /// `keyUsage` or by a dotted object identifier, key usages as in `Digital Signature`; case does not matter.
    ///
    /// # Errors
    /// [`Error::UnknownExtensionName`], [`Error::UnknownKeyUsageName`].
    pub fn from_names<S: AsRef<str>>(
        extensions: &[S],
        key_usages: &[S],
        allow_ca: bool,
    ) -> Result<Self, Error> {
        let allowed = extensions
            .iter()
            .map(|name| {
                let name = name.as_ref().trim();
                EXTENSIONS
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map(|(_, oid)| *oid)
                    .or_else(|| ObjectIdentifier::new(name).ok())
                    .ok_or_else(|| Error::UnknownExtensionName { name: name.to_owned() })
            })
            .collect::<Result<_, _>>()?;
        let mut bits = FlagSet::default();
        for name in key_usages {
            let name = name.as_ref().trim();
            let (_, bit) = KEY_USAGES
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .ok_or_else(|| Error::UnknownKeyUsageName { name: name.to_owned() })?;
            bits |= *bit;
        }
        Ok(Self { allowed, key_usages: bits, allow_ca })
    }

    /// The extensions of a request that may go into the certificate, changed where the policy says so.
    pub(crate) fn filter(&self, requested: &[Extension]) -> Result<Vec<Extension>, Error> {
        let mut kept: Vec<Extension> = Vec::new();
        for (position, extension) in requested.iter().enumerate() {
            let name = || extension_name(extension.extn_id);
            let earlier = requested.iter().take(position);
            if earlier.clone().any(|other| other.extn_id == extension.extn_id) {
                return Err(Error::DuplicateExtension { name: name() });
            }
            if !self.allowed.contains(&extension.extn_id) {
                if extension.critical {
                    return Err(Error::RefusedExtension { name: name() });
                }
                continue;
            }
            let value = extension.extn_value.as_bytes();
            let bad = |source| Error::BadExtension { name: name(), source };
            match extension.extn_id {
                ID_CE_KEY_USAGE => kept.push(self.filter_key_usage(extension)?),
                ID_CE_BASIC_CONSTRAINTS => kept.push(self.filter_basic_constraints(extension)?),
                // The CA states itself who signed.
                ID_CE_AUTHORITY_KEY_IDENTIFIER => {}
                ID_CE_EXT_KEY_USAGE => {
                    ExtendedKeyUsage::from_der(value).map_err(bad)?;
                    kept.push(extension.clone());
                }
                ID_CE_SUBJECT_ALT_NAME => {
                    SubjectAltName::from_der(value).map_err(bad)?;
                    kept.push(extension.clone());
                }
                ID_CE_SUBJECT_KEY_IDENTIFIER => {
                    SubjectKeyIdentifier::from_der(value).map_err(bad)?;
                    kept.push(extension.clone());
                }
                _ => kept.push(extension.clone()),
            }
        }
        Ok(kept)
    }

    fn filter_key_usage(&self, extension: &Extension) -> Result<Extension, Error> {
        let KeyUsage(asked) = decode(extension)?;
        let refused = asked - self.key_usages;
        let left = asked & self.key_usages;
        if (extension.critical && !refused.is_empty()) || left.is_empty() {
            return Err(Error::RefusedKeyUsage { usages: usage_names(refused) });
        }
        replaced(extension, &KeyUsage(left))
    }

    fn filter_basic_constraints(&self, extension: &Extension) -> Result<Extension, Error> {
        let asked: BasicConstraints = decode(extension)?;
        if !asked.ca || self.allow_ca {
            return Ok(extension.clone());
        }
        if extension.critical {
            return Err(Error::RefusedAuthority);
        }
        let leaf = BasicConstraints { ca: false, path_len_constraint: None };
        replaced(extension, &leaf)
    }
}

fn decode<'a, T: der::Decode<'a, Error = der::Error>>(extension: &'a Extension) -> Result<T, Error> {
    T::from_der(extension.extn_value.as_bytes())
        .map_err(|source| Error::BadExtension { name: extension_name(extension.extn_id), source })
}

/// The same extension, equally critical, with another value.
fn replaced(extension: &Extension, value: &impl der::Encode) -> Result<Extension, Error> {
    let encode = Error::encode(Object::Certificate);
    Ok(Extension {
        extn_id: extension.extn_id,
        critical: extension.critical,
        extn_value: OctetString::new(value.to_der().map_err(&encode)?).map_err(&encode)?,
    })
}

fn extension_name(oid: ObjectIdentifier) -> String {
    EXTENSIONS
        .iter()
        .find(|(_, known)| *known == oid)
        .map_or_else(|| oid.to_string(), |(name, _)| (*name).to_owned())
}

fn usage_names(bits: FlagSet<KeyUsages>) -> String {
    if bits.is_empty() {
        return "none requested".to_owned();
    }
    let names: Vec<_> =
        KEY_USAGES.iter().filter(|(_, bit)| bits.contains(*bit)).map(|(name, _)| *name).collect();
    names.join(", ")
}
