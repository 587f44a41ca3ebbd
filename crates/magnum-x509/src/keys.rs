//! Private keys: making, reading and writing them.
//!
//! RSA is upstream's kind and the default of its configuration; ECDSA on P-256 is smaller and faster. Stored keys
//! are PKCS#8 encrypted with a passphrase (PBES2, PBKDF2-HMAC-SHA256, AES-256-CBC), the form that OpenSSL and
//! Python's cryptography read and write. Generation takes tenths of a second and passphrase encryption some
//! milliseconds: call both where blocking is allowed.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1};
use der::asn1::OctetString;
use der::{Decode as _, Encode as _};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf};
use pkcs8::{EncryptedPrivateKeyInfoOwned, PrivateKeyInfoRef};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::{Error, Object, pem};

/// Rounds of PBKDF2 when writing. Passphrases are random, so this need not slow down guessing.
const PBKDF2_ROUNDS: u32 = 10_000;
/// Most rounds accepted when reading, a few seconds of work.
const MAX_PBKDF2_ROUNDS: u32 = 2_000_000;
/// Most memory that scrypt may ask for when reading, in bytes.
const MAX_SCRYPT_BYTES: u64 = 64 * 1024 * 1024;

const PKCS8: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";

/// The kinds of key this crate signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with a modulus of `bits`: 2048, 3072, 4096 or 8192 when generating, 2048 to 8192 when reading.
    Rsa {
        /// Size of the modulus in bits.
        bits: usize,
    },
    /// ECDSA on the curve P-256.
    EcdsaP256,
}

/// A private key with its public half. Debug output shows the algorithm only; the memory is wiped when dropped.
#[derive(Clone)]
pub struct PrivateKey {
    material: KeyMaterial,
    public_key_der: Vec<u8>,
}

#[derive(Clone)]
pub(crate) enum KeyMaterial {
    Rsa(RsaKeyPair),
    EcdsaP256(EcdsaKeyPair),
}

impl PrivateKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Error::UnsupportedKeySize`] for an RSA size that is not offered.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, Error> {
        let material = match algorithm {
            KeyAlgorithm::Rsa { bits } => {
                let size = match bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    4096 => KeySize::Rsa4096,
                    8192 => KeySize::Rsa8192,
                    _ => {
                        return Err(Error::UnsupportedKeySize { object: Object::PrivateKey, bits });
                    }
                };
                KeyMaterial::Rsa(RsaKeyPair::generate(size).map_err(Error::crypto("generate an RSA key"))?)
            }
            KeyAlgorithm::EcdsaP256 => KeyMaterial::EcdsaP256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                    .map_err(Error::crypto("generate an ECDSA key"))?,
            ),
        };
        Self::from_material(material)
    }

    /// Reads a key from PEM: PKCS#8, encrypted or not, or the older RSA (PKCS#1) and EC (SEC 1) forms, unencrypted.
    /// A passphrase is ignored when the key is not encrypted.
    ///
    /// # Errors
    /// [`Error::PassphraseMissing`], [`Error::WrongPassphrase`], and what the key itself does wrong.
    pub fn from_pem(text: &str, passphrase: Option<&SecretString>) -> Result<Self, Error> {
        let (label, bytes) = pem::decode(text, &[PKCS8, ENCRYPTED, PKCS1, SEC1], Object::PrivateKey)?;
        match label {
            ENCRYPTED => {
                let passphrase = passphrase.ok_or(Error::PassphraseMissing)?;
                Self::from_pkcs8_der(&decrypt(&bytes, passphrase)?)
            }
            PKCS1 => Self::from_material(KeyMaterial::Rsa(
                RsaKeyPair::from_der(&bytes).map_err(Error::KeyRejected)?,
            )),
            SEC1 => Self::from_material(KeyMaterial::EcdsaP256(
                EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &bytes)
                    .map_err(Error::KeyRejected)?,
            )),
            _ => Self::from_pkcs8_der(&bytes),
        }
    }

    /// The key as unencrypted PKCS#8 PEM.
    ///
    /// # Errors
    /// Only if the cryptographic library fails.
    pub fn to_pkcs8_pem(&self) -> Result<SecretString, Error> {
        pem::encode(PKCS8, &self.to_pkcs8_der()?, Object::PrivateKey).map(SecretString::from)
    }

    /// The key as encrypted PKCS#8 PEM (PBES2, PBKDF2-HMAC-SHA256 with 10 000 rounds, AES-256-CBC).
    ///
    /// # Errors
    /// Only if the cryptographic library fails.
    pub fn to_encrypted_pem(&self, passphrase: &SecretString) -> Result<String, Error> {
        let mut salt = [0u8; 16];
        let mut iv = [0u8; 16];
        rand::fill(&mut salt)
            .and_then(|()| rand::fill(&mut iv))
            .map_err(Error::crypto("draw random bytes"))?;
        let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(PBKDF2_ROUNDS, &salt, iv)
            .map_err(|_| Error::ExcessiveKeyDerivation)?;
        let encrypted =
            parameters.encrypt(passphrase.expose_secret(), &self.to_pkcs8_der()?).map_err(|_| {
                Error::Crypto { operation: "encrypt a private key", source: aws_lc_rs::error::Unspecified }
            })?;
        let encode = Error::encode(Object::PrivateKey);
        let info = EncryptedPrivateKeyInfoOwned {
            encryption_algorithm: EncryptionScheme::Pbes2(parameters),
            encrypted_data: OctetString::new(encrypted).map_err(&encode)?,
        };
        pem::encode(ENCRYPTED, &info.to_der().map_err(&encode)?, Object::PrivateKey)
    }

    /// The kind of this key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match &self.material {
            KeyMaterial::Rsa(pair) => KeyAlgorithm::Rsa { bits: pair.public_modulus_len() * 8 },
            KeyMaterial::EcdsaP256(_) => KeyAlgorithm::EcdsaP256,
        }
    }

    /// The public half as a DER `SubjectPublicKeyInfo`.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    pub(crate) fn material(&self) -> &KeyMaterial {
        &self.material
    }

    fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = Error::crypto("encode a private key");
        match &self.material {
            KeyMaterial::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            KeyMaterial::EcdsaP256(pair) => {
                let der = pair.to_pkcs8v1().map_err(failed)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
        }
    }

    fn from_pkcs8_der(der: &[u8]) -> Result<Self, Error> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(Error::bad_encoding(Object::PrivateKey))?;
        let unsupported =
            |algorithm: String| Error::UnsupportedAlgorithm { object: Object::PrivateKey, algorithm };
        let material = match info.algorithm.oid {
            RSA_ENCRYPTION => KeyMaterial::Rsa(RsaKeyPair::from_pkcs8(der).map_err(Error::KeyRejected)?),
            ID_EC_PUBLIC_KEY => {
                let curve = info
                    .algorithm
                    .parameters_oid()
                    .map_err(|_| unsupported("elliptic curve with explicit parameters".to_owned()))?;
                if curve != SECP_256_R_1 {
                    return Err(unsupported(curve.to_string()));
                }
                KeyMaterial::EcdsaP256(
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
                        .map_err(Error::KeyRejected)?,
                )
            }
            other => return Err(unsupported(other.to_string())),
        };
        Self::from_material(material)
    }

    fn from_material(material: KeyMaterial) -> Result<Self, Error> {
        let public: PublicKeyX509Der<'_> = match &material {
            KeyMaterial::Rsa(pair) => pair.public_key().as_der(),
            KeyMaterial::EcdsaP256(pair) => pair.public_key().as_der(),
        }
        .map_err(Error::crypto("encode a public key"))?;
        let public_key_der = public.as_ref().to_vec();
        Ok(Self { material, public_key_der })
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// The plain PKCS#8 bytes of an encrypted key.
fn decrypt(der: &[u8], passphrase: &SecretString) -> Result<Zeroizing<Vec<u8>>, Error> {
    let info =
        EncryptedPrivateKeyInfoOwned::from_der(der).map_err(Error::bad_encoding(Object::PrivateKey))?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(Error::UnsupportedAlgorithm {
            object: Object::PrivateKey,
            algorithm: "PBES1".to_owned(),
        });
    };
    check_effort(&parameters.kdf)?;
    let plain = info.decrypt(passphrase.expose_secret()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid }) => {
            Error::UnsupportedAlgorithm { object: Object::PrivateKey, algorithm: oid.to_string() }
        }
        _ => Error::WrongPassphrase,
    })?;
    Ok(plain.to_bytes())
}

/// Refuses parameters by which a stored key could keep a thread busy for minutes.
fn check_effort(kdf: &Kdf) -> Result<(), Error> {
    let reasonable = match kdf {
        Kdf::Pbkdf2(parameters) => parameters.iteration_count <= MAX_PBKDF2_ROUNDS,
        Kdf::Scrypt(parameters) => parameters
            .cost_parameter
            .checked_mul(u64::from(parameters.block_size))
            .and_then(|blocks| blocks.checked_mul(128))
            .is_some_and(|bytes| bytes <= MAX_SCRYPT_BYTES && parameters.parallelization <= 16),
        _ => true,
    };
    if reasonable { Ok(()) } else { Err(Error::ExcessiveKeyDerivation) }
}
