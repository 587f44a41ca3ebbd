//! What a certificate says, read for people, for expiry checks and for choosing what to renew.

use der::Encode as _;
use jiff::Timestamp;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName};

use crate::names::{self, NameAttribute, San};
use crate::{Error, Object, ca, token};

/// The readable facts of one certificate. Nothing here is verified: a signature is checked by those who trust a CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The subject as RFC 4514 text, last attribute first.
    pub subject: String,
    /// Every `CN` of the subject, in order.
    pub common_names: Vec<String>,
    /// Every `O` of the subject, in order.
    pub organisations: Vec<String>,
    /// The issuer as RFC 4514 text, last attribute first.
    pub issuer: String,
    /// First moment of validity.
    pub not_before: Timestamp,
    /// Last moment of validity.
    pub not_after: Timestamp,
    /// Subject alternative names; kinds that [`San`] does not know are left out.
    pub sans: Vec<San>,
    /// The serial number in lower-case hexadecimal digits, without separators.
    pub serial: String,
    /// Whether the certificate may sign others.
    pub is_ca: bool,
    /// Object identifiers of the extended key usages, dotted.
    pub extended_key_usages: Vec<String>,
    /// SHA-256 of the DER form in lower-case hexadecimal digits; differs whenever anything differs.
    pub fingerprint: String,
}

impl CertificateInfo {
    /// Reads the first certificate of a PEM text of at most [`crate::MAX_PEM_BYTES`].
    ///
    /// # Errors
    /// [`Error::BadPem`], [`Error::TooLarge`], [`Error::BadEncoding`], [`Error::BadValidity`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let certificate = ca::parse(text)?;
        let bad = Error::bad_encoding(Object::Certificate);
        let content = certificate.tbs_certificate();
        let sans = content.get_extension::<SubjectAltName>().map_err(&bad)?;
        let usages = content.get_extension::<ExtendedKeyUsage>().map_err(&bad)?;
        let constraints = content.get_extension::<BasicConstraints>().map_err(&bad)?;
        Ok(Self {
            subject: content.subject().to_string(),
            common_names: names::values(content.subject(), NameAttribute::CommonName),
            organisations: names::values(content.subject(), NameAttribute::Organisation),
            issuer: content.issuer().to_string(),
            not_before: ca::moment(content.validity().not_before)?,
            not_after: ca::moment(content.validity().not_after)?,
            sans: sans.map_or_else(Vec::new, |(_, SubjectAltName(names))| {
                names.iter().filter_map(San::from_general_name).collect()
            }),
            serial: token::hex(content.serial_number().as_bytes()),
            is_ca: constraints.is_some_and(|(_, constraints)| constraints.ca),
            extended_key_usages: usages.map_or_else(Vec::new, |(_, ExtendedKeyUsage(usages))| {
                usages.iter().map(ToString::to_string).collect()
            }),
            fingerprint: token::sha256_hex(&certificate.to_der().map_err(&bad)?),
        })
    }
}
