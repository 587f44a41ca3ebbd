//! Certificate signing requests (PKCS#10).
//!
//! A parsed request is a checked one: the signature over the very bytes received proves that the sender holds the
//! private key. The subject is kept byte for byte, because for Kubernetes it is an identity and a library that
//! "tidies" a name (dropping a repeated `O`, say) changes who the client is.

use der::asn1::{Any, BitString, SetOfVec};
use der::{Decode as _, Encode as _, Reader as _, SliceReader};
use signature::Signer as _;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::{Extension, ToExtension as _};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};
use x509_cert::spki::{DynSignatureAlgorithmIdentifier as _, SignatureBitStringEncoding as _};
use x509_cert::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use const_oid::AssociatedOid as _;

use crate::names::{self, NameAttribute, San};
use crate::signer::{KeySigner, verify_request_signature};
use crate::{Error, Object, PrivateKey, pem};

const LABEL: &str = "CERTIFICATE REQUEST";
/// What some old tools write instead.
const OLD_LABEL: &str = "NEW CERTIFICATE REQUEST";

/// A signing request whose signature has been verified.
#[derive(Clone)]
pub struct CertificateRequest {
    der: Vec<u8>,
    subject: Name,
    public_key: SubjectPublicKeyInfo,
    extensions: Vec<Extension>,
}

impl CertificateRequest {
    /// Makes a request for `key` with the given subject attributes, in their order, and alternative names.
    ///
    /// # Errors
    /// [`Error::InvalidName`] for a value that cannot stand in a certificate.
    pub fn create(key: &PrivateKey, subject: &[(NameAttribute, &str)], sans: &[San]) -> Result<Self, Error> {
        let encode = Error::encode(Object::Request);
        let subject = names::build(subject)?;
        let public_key = SubjectPublicKeyInfo::from_der(key.public_key_der()).map_err(&encode)?;
        let mut extensions = Vec::new();
        if !sans.is_empty() {
            let names = sans.iter().map(San::to_general_name).collect::<Result<Vec<_>, _>>()?;
            extensions.push(SubjectAltName(names).to_extension(&subject, &[]).map_err(&encode)?);
        }
        let mut attributes = SetOfVec::new();
        if !extensions.is_empty() {
            let value = Any::encode_from(&extensions).map_err(&encode)?;
            attributes
                .insert(Attribute {
                    oid: ExtensionReq::OID,
                    values: SetOfVec::try_from(vec![value]).map_err(&encode)?,
                })
                .map_err(&encode)?;
        }
        let info = CertReqInfo {
            version: Version::V1,
            subject: subject.clone(),
            public_key: public_key.clone(),
            attributes,
        };
        let signer = KeySigner(key);
        let build = |error: x509_cert::builder::Error| Error::Build(error);
        let signature =
            signer.try_sign(&info.to_der().map_err(&encode)?).map_err(|error| build(error.into()))?;
        let request = CertReq {
            info,
            algorithm: signer.signature_algorithm_identifier().map_err(|error| build(error.into()))?,
            signature: signature.to_bitstring().map_err(&encode)?,
        };
        Ok(Self { der: request.to_der().map_err(&encode)?, subject, public_key, extensions })
    }

    /// Reads a request from PEM of at most [`crate::MAX_PEM_BYTES`] and verifies its signature (RSA 2048 to 8192,
    /// ECDSA on P-256 or P-384; SHA-256, 384 or 512).
    ///
    /// # Errors
    /// All of them have an [`Error::public_text`].
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let (_, der) = pem::decode(text, &[LABEL, OLD_LABEL], Object::Request)?;
        Self::from_der(&der)
    }

    fn from_der(der: &[u8]) -> Result<Self, Error> {
        let bad = Error::bad_encoding(Object::Request);
        // The signature covers the bytes as sent, so the first part is kept raw beside its decoded form.
        let mut reader = SliceReader::new(der).map_err(&bad)?;
        let (signed, algorithm, signature) = reader
            .sequence(|inner| {
                let signed = inner.tlv_bytes()?;
                let algorithm = AlgorithmIdentifier::decode(inner)?;
                let signature = BitString::decode(inner)?;
                Ok::<_, der::Error>((signed, algorithm, signature))
            })
            .map_err(&bad)?;
        reader.finish().map_err(&bad)?;
        let info = CertReqInfo::from_der(signed).map_err(&bad)?;
        if info.subject.to_der().map_err(&bad)? != raw_subject(signed).map_err(&bad)? {
            return Err(Error::NonCanonicalSubject);
        }
        verify_request_signature(&info.public_key, algorithm.oid, signed, signature.raw_bytes())?;
        Ok(Self {
            der: der.to_vec(),
            extensions: requested_extensions(&info).map_err(&bad)?,
            subject: info.subject,
            public_key: info.public_key,
        })
    }

    /// The request as PEM, ending with a newline.
    ///
    /// # Errors
    /// Only if the request is too large to encode.
    pub fn to_pem(&self) -> Result<String, Error> {
        pem::encode(LABEL, &self.der, Object::Request)
    }

    /// The subject as RFC 4514 text (last attribute first), for people and logs.
    pub fn subject(&self) -> String {
        self.subject.to_string()
    }

    /// Every value of one subject attribute, in order.
    pub fn subject_values(&self, attribute: NameAttribute) -> Vec<String> {
        names::values(&self.subject, attribute)
    }

    /// The requested public key as a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// Only if the key cannot be encoded again.
    pub fn public_key_der(&self) -> Result<Vec<u8>, Error> {
        self.public_key.to_der().map_err(Error::encode(Object::Request))
    }

    pub(crate) fn subject_name(&self) -> &Name {
        &self.subject
    }

    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfo {
        &self.public_key
    }

    pub(crate) fn extensions(&self) -> &[Extension] {
        &self.extensions
    }
}

impl std::fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateRequest").field("subject", &self.subject()).finish_non_exhaustive()
    }
}

/// The subject's own bytes within the signed part: the element after the version.
fn raw_subject(signed: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(signed)?;
    reader.sequence(|inner| {
        inner.tlv_bytes()?;
        let subject = inner.tlv_bytes()?;
        while !inner.is_finished() {
            inner.tlv_bytes()?;
        }
        Ok::<_, der::Error>(subject)
    })
}

/// The extensions of every extension-request attribute; other attributes (a challenge password, say) mean nothing here.
fn requested_extensions(info: &CertReqInfo) -> der::Result<Vec<Extension>> {
    let mut extensions = Vec::new();
    for attribute in info.attributes.iter().filter(|attribute| attribute.oid == ExtensionReq::OID) {
        for value in attribute.values.iter() {
            extensions.extend(value.decode_as::<Vec<Extension>>()?);
        }
    }
    Ok(extensions)
}
