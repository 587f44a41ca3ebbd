//! A certificate authority: its key, its certificate, and signing.
//!
//! Each cluster has its own small CAs. They are self-signed, may not delegate (path length 0), and never outlive
//! what they sign: a certificate ends with its CA at the latest. Every certificate names the CA's key, which lets
//! clients choose the right one of two CAs of the same name while a cluster's CA is being replaced.

use aws_lc_rs::rand;
use der::asn1::OctetString;
use der::referenced::OwnedToRef as _;
use der::{DateTime, Decode as _, Encode as _};
use jiff::{SignedDuration, Timestamp};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoRef;
use x509_cert::time::Time;
use x509_cert::{Certificate, SubjectPublicKeyInfo, TbsCertificate};

use crate::names::{self, NameAttribute};
use crate::profiles::extension;
use crate::signer::{KeySigner, SignatureBytes};
use crate::{CertificateRequest, Error, Object, PrivateKey, Profile, pem};

pub(crate) const LABEL: &str = "CERTIFICATE";

/// How far back certificates begin, for clients whose clock is behind.
const BACKDATED: SignedDuration = SignedDuration::from_hours(24);
/// Longest common name of the standard, in characters.
const MAX_COMMON_NAME: usize = 64;

/// From when to when a certificate is valid, to the second, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub not_before: Timestamp,
    /// Last moment.
    pub not_after: Timestamp,
}

impl Validity {
    /// From one day before `now` until `days` after it.
    ///
    /// # Errors
    /// [`Error::BadValidity`] when the end is beyond the calendar.
    pub fn starting(now: Timestamp, days: u32) -> Result<Self, Error> {
        let length = SignedDuration::from_hours(i64::from(days) * 24);
        let not_before = now.checked_sub(BACKDATED).map_err(|_| Error::BadValidity)?;
        let not_after = now.checked_add(length).map_err(|_| Error::BadValidity)?;
        Ok(Self { not_before, not_after })
    }

    fn to_x509(self) -> Result<x509_cert::time::Validity, Error> {
        if self.not_after <= self.not_before {
            return Err(Error::BadValidity);
        }
        let time = |moment: Timestamp| {
            let seconds = u64::try_from(moment.as_second()).map_err(|_| Error::BadValidity)?;
            DateTime::from_unix_duration(std::time::Duration::from_secs(seconds))
                .map(Time::from)
                .map_err(|_| Error::BadValidity)
        };
        Ok(x509_cert::time::Validity::new(time(self.not_before)?, time(self.not_after)?))
    }
}

/// A CA that can sign.
#[derive(Debug, Clone)]
pub struct CertificateAuthority {
    key: PrivateKey,
    pem: String,
    subject: Name,
    key_identifier: OctetString,
    not_after: Timestamp,
}

impl CertificateAuthority {
    /// Makes a self-signed CA named `CN=name`; a name longer than the 64 characters of the standard is cut.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::BadValidity`].
    pub fn create(name: &str, key: PrivateKey, validity: Validity) -> Result<Self, Error> {
        let name: String = name.chars().take(MAX_COMMON_NAME).collect();
        let subject = names::build(&[(NameAttribute::CommonName, &name)])?;
        let public_key = public_key_info(&key)?;
        let identifier = SubjectKeyIdentifier::try_from(public_key.owned_to_ref())
            .map_err(Error::encode(Object::Certificate))?;
        let constraints = BasicConstraints { ca: true, path_len_constraint: Some(0) };
        let extensions = vec![
            extension((true, &constraints), &subject)?,
            extension((true, &KeyUsage(KeyUsages::KeyCertSign.into())), &subject)?,
            extension((false, &identifier), &subject)?,
        ];
        let profile = Decided { issuer: subject.clone(), subject: subject.clone(), extensions };
        let pem = sign(profile, public_key, validity, &key)?;
        Ok(Self { key, pem, subject, key_identifier: identifier.0, not_after: validity.not_after })
    }

    /// Takes up an existing CA. Of several certificates in the text the first counts.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`], [`Error::NotAnAuthority`], or an unreadable certificate.
    pub fn load(certificate_pem: &str, key: PrivateKey) -> Result<Self, Error> {
        let certificate = parse(certificate_pem)?;
        let bad = Error::bad_encoding(Object::Certificate);
        let content = certificate.tbs_certificate();
        let public_key = content.subject_public_key_info();
        if public_key.to_der().map_err(&bad)? != key.public_key_der() {
            return Err(Error::KeyMismatch);
        }
        let constraints = content.get_extension::<BasicConstraints>().map_err(&bad)?;
        if !constraints.is_some_and(|(_, constraints)| constraints.ca) {
            return Err(Error::NotAnAuthority);
        }
        let identifier = match content.get_extension::<SubjectKeyIdentifier>().map_err(&bad)? {
            Some((_, identifier)) => identifier,
            // CAs of older releases carry none. Verifiers then do not compare it, but it must be there in the leaf.
            None => SubjectKeyIdentifier::try_from(public_key.owned_to_ref()).map_err(&bad)?,
        };
        Ok(Self {
            key,
            pem: pem::encode(LABEL, &certificate.to_der().map_err(&bad)?, Object::Certificate)?,
            subject: content.subject().clone(),
            key_identifier: identifier.0,
            not_after: moment(content.validity().not_after)?,
        })
    }

    /// Signs a request: SHA-256, a random serial number, from one day before `now` until `days` after it or the
    /// CA's own end, whichever comes first. The result is PEM and ends with a newline.
    ///
    /// # Errors
    /// What the profile refuses (with an [`Error::public_text`] where the request is at fault),
    /// [`Error::AuthorityExpired`], [`Error::BadValidity`].
    pub fn sign(
        &self,
        request: &CertificateRequest,
        profile: &Profile,
        now: Timestamp,
        days: u32,
    ) -> Result<String, Error> {
        if self.not_after <= now {
            return Err(Error::AuthorityExpired { not_after: self.not_after });
        }
        let content = profile.apply(request)?;
        let mut validity = Validity::starting(now, days)?;
        validity.not_after = validity.not_after.min(self.not_after);
        let signed_by = AuthorityKeyIdentifier {
            key_identifier: Some(self.key_identifier.clone()),
            ..Default::default()
        };
        let mut extensions = content.extensions;
        extensions.push(extension((false, &signed_by), &content.subject)?);
        let decided = Decided { issuer: self.subject.clone(), subject: content.subject, extensions };
        sign(decided, request.public_key().clone(), validity, &self.key)
    }

    /// The CA's certificate as PEM, ending with a newline.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The CA's private key, to be stored encrypted.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The last moment of the CA's certificate.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// The first certificate of a PEM text.
pub(crate) fn parse(text: &str) -> Result<Certificate, Error> {
    let (_, der) = pem::decode(text, &[LABEL], Object::Certificate)?;
    Certificate::from_der(&der).map_err(Error::bad_encoding(Object::Certificate))
}

pub(crate) fn moment(time: Time) -> Result<Timestamp, Error> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|_| Error::BadValidity)?;
    Timestamp::from_second(seconds).map_err(|_| Error::BadValidity)
}

fn public_key_info(key: &PrivateKey) -> Result<SubjectPublicKeyInfo, Error> {
    SubjectPublicKeyInfo::from_der(key.public_key_der()).map_err(Error::encode(Object::PrivateKey))
}

/// 126 random bits in 16 octets, positive and of fixed length.
fn serial_number() -> Result<SerialNumber, Error> {
    let mut octets = [0u8; 16];
    rand::fill(&mut octets).map_err(Error::crypto("draw random bytes"))?;
    let [first, ..] = &mut octets;
    *first = (*first & 0x7f) | 0x40;
    SerialNumber::new(&octets).map_err(Error::encode(Object::Certificate))
}

fn sign(
    profile: Decided,
    public_key: SubjectPublicKeyInfo,
    validity: Validity,
    key: &PrivateKey,
) -> Result<String, Error> {
    let certificate = CertificateBuilder::new(profile, serial_number()?, validity.to_x509()?, public_key)
        .and_then(|builder| builder.build::<_, SignatureBytes>(&KeySigner(key)))
        .map_err(Error::Build)?;
    let der = certificate.to_der().map_err(Error::encode(Object::Certificate))?;
    pem::encode(LABEL, &der, Object::Certificate)
}

/// The builder's idea of a profile is a callback; ours has been decided before.
struct Decided {
    issuer: Name,
    subject: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Decided {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        _content: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}
