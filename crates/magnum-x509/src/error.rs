//! Everything that can go wrong with keys, requests, certificates and sealed values.
//!
//! Some of these are the fault of whoever sent a signing request, the others are ours: [`Error::public_text`] tells
//! them apart, so that the edge can answer 400 with a text that says what to change. No variant holds a secret.

use aws_lc_rs::error::{KeyRejected, Unspecified};

/// What was being read when an error occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A certificate signing request (PKCS#10).
    Request,
    /// An X.509 certificate.
    Certificate,
    /// A private key.
    PrivateKey,
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "certificate signing request",
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
        })
    }
}

/// The errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text holds no readable PEM block of the wanted kind.
    #[error("{object} is not valid PEM: {reason}")]
    BadPem {
        /// What was expected.
        object: Object,
        /// What is wrong with the text.
        reason: &'static str,
    },
    /// The text is longer than [`crate::MAX_PEM_BYTES`].
    #[error("{object} is larger than {limit} bytes")]
    TooLarge {
        /// What was expected.
        object: Object,
        /// The bound, in bytes.
        limit: usize,
    },
    /// The bytes inside the PEM block are not the expected structure.
    #[error("{object} cannot be decoded")]
    BadEncoding {
        /// What was expected.
        object: Object,
        /// Where decoding stopped.
        #[source]
        source: der::Error,
    },
    /// The subject would change if it were encoded again, so it cannot be copied faithfully.
    #[error("certificate signing request has a subject that is not in canonical encoding")]
    NonCanonicalSubject,
    /// The request is not signed by the key it carries.
    #[error("certificate signing request has a signature that its public key did not make")]
    BadSignature,
    /// A key type, curve, digest or cipher that is not supported.
    #[error("{object} uses the unsupported algorithm {algorithm}")]
    UnsupportedAlgorithm {
        /// What carries the algorithm.
        object: Object,
        /// Object identifier or name of the algorithm.
        algorithm: String,
    },
    /// An RSA key outside the supported sizes.
    #[error("{object} has an RSA key of {bits} bits, supported are 2048 to 8192")]
    UnsupportedKeySize {
        /// What carries the key.
        object: Object,
        /// Size of the modulus in bits.
        bits: usize,
    },
    /// A critical extension that the policy does not allow.
    #[error("extension {name} is critical but not allowed in a certificate signing request")]
    RefusedExtension {
        /// Name of the extension, or its object identifier.
        name: String,
    },
    /// Key usages that the policy does not allow, in a critical extension or with nothing left after removing them.
    #[error("key usage is not allowed in a certificate signing request: {usages}")]
    RefusedKeyUsage {
        /// The refused usages, separated by commas.
        usages: String,
    },
    /// A request for a CA certificate where the policy forbids it.
    #[error("certificate signing request asks for a CA certificate, which is not allowed")]
    RefusedAuthority,
    /// The same extension twice.
    #[error("extension {name} appears more than once in the certificate signing request")]
    DuplicateExtension {
        /// Name of the extension, or its object identifier.
        name: String,
    },
    /// The value of a known extension is malformed.
    #[error("extension {name} of the certificate signing request cannot be decoded")]
    BadExtension {
        /// Name of the extension.
        name: String,
        /// Where decoding stopped.
        #[source]
        source: der::Error,
    },
    /// The configuration names an extension that is not known.
    #[error("unknown certificate extension {name:?} in the configuration")]
    UnknownExtensionName {
        /// The name as configured.
        name: String,
    },
    /// The configuration names a key usage that is not known.
    #[error("unknown key usage {name:?} in the configuration")]
    UnknownKeyUsageName {
        /// The name as configured.
        name: String,
    },
    /// A subject value or alternative name that cannot stand in a certificate.
    #[error("name {value:?} cannot be used in a certificate: {reason}")]
    InvalidName {
        /// The offending value.
        value: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// The private key does not belong to the CA certificate.
    #[error("private key does not match the CA certificate")]
    KeyMismatch,
    /// The certificate may not sign others.
    #[error("certificate is not a CA certificate")]
    NotAnAuthority,
    /// The CA certificate has ended, so that nothing it signs would be valid.
    #[error("CA certificate expired at {not_after}")]
    AuthorityExpired {
        /// End of the CA certificate.
        not_after: jiff::Timestamp,
    },
    /// A point in time that a certificate cannot express, or an end before the beginning.
    #[error("validity period cannot be expressed in a certificate")]
    BadValidity,
    /// The key is encrypted and no passphrase was given.
    #[error("private key is encrypted and needs a passphrase")]
    PassphraseMissing,
    /// Decryption gave no key: the passphrase is wrong or the data damaged.
    #[error("private key cannot be decrypted: wrong passphrase or damaged data")]
    WrongPassphrase,
    /// The key derivation asks for more work than is reasonable.
    #[error("private key asks for an excessive key derivation effort")]
    ExcessiveKeyDerivation,
    /// The cryptographic library refuses the key.
    #[error("private key is not acceptable")]
    KeyRejected(#[source] KeyRejected),
    /// The cryptographic library failed.
    #[error("cryptographic operation failed: {operation}")]
    Crypto {
        /// What was being done.
        operation: &'static str,
        /// The library's error, which by design says nothing.
        #[source]
        source: Unspecified,
    },
    /// Something we made could not be encoded.
    #[error("{object} cannot be encoded")]
    Encode {
        /// What was being made.
        object: Object,
        /// Where encoding stopped.
        #[source]
        source: der::Error,
    },
    /// The certificate could not be assembled or signed.
    #[error("certificate cannot be built")]
    Build(#[source] x509_cert::builder::Error),
    /// The value does not have the form of a sealed value.
    #[error("value is not a sealed value")]
    NotSealed,
    /// The value was sealed with a key that is not configured.
    #[error("value was sealed with key {key_id}, which is not configured")]
    UnknownSealingKey {
        /// Fingerprint of the key that is needed, eight hexadecimal digits.
        key_id: String,
    },
    /// The right key does not open the value: it was changed, or moved from another place.
    #[error("sealed value was altered or belongs to another place")]
    SealBroken,
}

impl Error {
    /// The text to answer with when the caller's signing request is at fault; `None` when the fault is ours and
    /// must not be explained to the caller.
    pub fn public_text(&self) -> Option<String> {
        let callers_fault = match self {
            Self::BadPem { object, .. }
            | Self::TooLarge { object, .. }
            | Self::BadEncoding { object, .. }
            | Self::UnsupportedAlgorithm { object, .. }
            | Self::UnsupportedKeySize { object, .. } => *object == Object::Request,
            Self::NonCanonicalSubject
            | Self::BadSignature
            | Self::RefusedExtension { .. }
            | Self::RefusedKeyUsage { .. }
            | Self::RefusedAuthority
            | Self::DuplicateExtension { .. }
            | Self::BadExtension { .. } => true,
            _ => false,
        };
        callers_fault.then(|| self.to_string())
    }

    pub(crate) fn bad_encoding(object: Object) -> impl Fn(der::Error) -> Self {
        move |source| Self::BadEncoding { object, source }
    }

    pub(crate) fn encode(object: Object) -> impl Fn(der::Error) -> Self {
        move |source| Self::Encode { object, source }
    }

    pub(crate) fn crypto(operation: &'static str) -> impl Fn(Unspecified) -> Self {
        move |source| Self::Crypto { operation, source }
    }
}
