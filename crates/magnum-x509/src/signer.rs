//! The bridge between the certificate builder's signing traits and the cryptographic library.
//!
//! The builder asks for a key pair, an algorithm identifier and a signature; this file answers for RSA PKCS#1 v1.5
//! and ECDSA P-256, both with SHA-256. The other way round, it finds the algorithm that checks a request's signature.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as lc;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_EC_PUBLIC_KEY, RSA_ENCRYPTION,
    SECP_256_R_1, SECP_384_R_1, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION,
    SHA_512_WITH_RSA_ENCRYPTION,
};
use der::asn1::{Any, BitString, UintRef};
use der::{Decode as _, Document, Reader as _, SliceReader};
use signature::{Keypair, Signer};
use x509_cert::SubjectPublicKeyInfo;
use x509_cert::spki::{
    self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, ObjectIdentifier,
    SignatureBitStringEncoding,
};

use crate::keys::KeyMaterial;
use crate::{Error, Object, PrivateKey};

/// A private key in the role of the builder's signer.
pub(crate) struct KeySigner<'a>(pub(crate) &'a PrivateKey);

/// A public key as DER, in the role of the builder's verifying key.
#[derive(Clone)]
pub(crate) struct PublicKeyDer(Vec<u8>);

/// The octets of a signature.
pub(crate) struct SignatureBytes(Vec<u8>);

impl Keypair for KeySigner<'_> {
    type VerifyingKey = PublicKeyDer;

    fn verifying_key(&self) -> PublicKeyDer {
        PublicKeyDer(self.0.public_key_der().to_vec())
    }
}

impl EncodePublicKey for PublicKeyDer {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl DynSignatureAlgorithmIdentifier for KeySigner<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(match self.0.material() {
            KeyMaterial::Rsa(_) => {
                AlgorithmIdentifierOwned { oid: SHA_256_WITH_RSA_ENCRYPTION, parameters: Some(Any::null()) }
            }
            KeyMaterial::EcdsaP256(_) => {
                AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None }
            }
        })
    }
}

impl Signer<SignatureBytes> for KeySigner<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<SignatureBytes, signature::Error> {
        let random = SystemRandom::new();
        let octets = match self.0.material() {
            KeyMaterial::Rsa(pair) => {
                let mut octets = vec![0; pair.public_modulus_len()];
                pair.sign(&lc::RSA_PKCS1_SHA256, &random, message, &mut octets)
                    .map_err(|_| signature::Error::new())?;
                octets
            }
            KeyMaterial::EcdsaP256(pair) => {
                pair.sign(&random, message).map_err(|_| signature::Error::new())?.as_ref().to_vec()
            }
        };
        Ok(SignatureBytes(octets))
    }
}

impl SignatureBitStringEncoding for SignatureBytes {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

/// Checks that the holder of `key` signed `message`, where both come from a signing request.
pub(crate) fn verify_request_signature(
    key: &SubjectPublicKeyInfo,
    algorithm: ObjectIdentifier,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let unsupported = |oid: ObjectIdentifier| Error::UnsupportedAlgorithm {
        object: Object::Request,
        algorithm: oid.to_string(),
    };
    let key_bits = key.subject_public_key.raw_bytes();
    let verification: &'static dyn lc::VerificationAlgorithm = match key.algorithm.oid {
        RSA_ENCRYPTION => {
            check_rsa_size(key_bits)?;
            match algorithm {
                SHA_256_WITH_RSA_ENCRYPTION => &lc::RSA_PKCS1_2048_8192_SHA256,
                SHA_384_WITH_RSA_ENCRYPTION => &lc::RSA_PKCS1_2048_8192_SHA384,
                SHA_512_WITH_RSA_ENCRYPTION => &lc::RSA_PKCS1_2048_8192_SHA512,
                other => return Err(unsupported(other)),
            }
        }
        ID_EC_PUBLIC_KEY => {
            let curve = key
                .algorithm
                .parameters
                .as_ref()
                .and_then(|any| any.decode_as::<ObjectIdentifier>().ok())
                .ok_or_else(|| unsupported(ID_EC_PUBLIC_KEY))?;
            match (curve, algorithm) {
                (SECP_256_R_1, ECDSA_WITH_SHA_256) => &lc::ECDSA_P256_SHA256_ASN1,
                (SECP_256_R_1, ECDSA_WITH_SHA_384) => &lc::ECDSA_P256_SHA384_ASN1,
                (SECP_256_R_1, ECDSA_WITH_SHA_512) => &lc::ECDSA_P256_SHA512_ASN1,
                (SECP_384_R_1, ECDSA_WITH_SHA_256) => &lc::ECDSA_P384_SHA256_ASN1,
                (SECP_384_R_1, ECDSA_WITH_SHA_384) => &lc::ECDSA_P384_SHA384_ASN1,
                (SECP_384_R_1, ECDSA_WITH_SHA_512) => &lc::ECDSA_P384_SHA512_ASN1,
                (SECP_256_R_1 | SECP_384_R_1, other) => return Err(unsupported(other)),
                (other_curve, _) => return Err(unsupported(other_curve)),
            }
        }
        other => return Err(unsupported(other)),
    };
    lc::UnparsedPublicKey::new(verification, key_bits)
        .verify(message, signature)
        .map_err(|_| Error::BadSignature)
}

/// Names a key that is too small as such, rather than as a bad signature.
fn check_rsa_size(public_key: &[u8]) -> Result<(), Error> {
    let modulus = SliceReader::new(public_key)
        .and_then(|mut reader| {
            reader.sequence(|inner| {
                let modulus = UintRef::decode(inner)?;
                UintRef::decode(inner)?;
                Ok::<_, der::Error>(modulus)
            })
        })
        .map_err(Error::bad_encoding(Object::Request))?;
    let bits = modulus
        .as_bytes()
        .first()
        .map_or(0, |first| modulus.as_bytes().len() * 8 - first.leading_zeros() as usize);
    if (2048..=8192).contains(&bits) {
        Ok(())
    } else {
        Err(Error::UnsupportedKeySize { object: Object::Request, bits })
    }
}
