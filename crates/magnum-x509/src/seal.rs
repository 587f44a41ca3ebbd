//! Sealing: encrypting values that are kept in the database or in files.
//!
//! A sealed value is text, `magnum:v1:` and then base64url of a key fingerprint, a nonce and AES-256-GCM ciphertext.
//! The context (table, column and row, say) is authenticated with it, so that a value copied to another row does not
//! open there. The fingerprint tells which key is needed: during a change of keys the old ones stay readable, and a
//! missing key is reported as such instead of as damaged data.
//!
//! One key is good for 2^32 values, far beyond what a database of clusters holds.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::{Error, token};

const PREFIX: &str = "magnum:v1:";
const KEY_ID_LEN: usize = 4;
/// Separates this use of a secret from any other that may be derived from it.
const SALT: &[u8] = b"magnum sealing key v1";

/// One sealing key. Debug output shows its fingerprint only.
pub struct SealingKey {
    cipher: RandomizedNonceKey,
    id: [u8; KEY_ID_LEN],
}

impl SealingKey {
    /// A key from 32 random bytes.
    ///
    /// # Errors
    /// Only if the cryptographic library fails.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, Error> {
        let bytes = Zeroizing::new(bytes);
        Self::expand(bytes.as_slice(), "")
    }

    /// A key from a secret of high entropy and the name of its purpose. This is no password hash: a secret that can
    /// be guessed gives a key that can be guessed.
    ///
    /// # Errors
    /// Only if the cryptographic library fails.
    pub fn derive(secret: &SecretString, info: &str) -> Result<Self, Error> {
        Self::expand(secret.expose_secret().as_bytes(), info)
    }

    fn expand(secret: &[u8], info: &str) -> Result<Self, Error> {
        let failed = Error::crypto("derive a sealing key");
        let root = Salt::new(HKDF_SHA256, SALT).extract(secret);
        let key = output(&root, &[b"cipher:", info.as_bytes()])?;
        let fingerprint = output(&root, &[b"fingerprint:", info.as_bytes()])?;
        let [a, b, c, d, ..] = *fingerprint;
        Ok(Self {
            cipher: RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(failed)?,
            id: [a, b, c, d],
        })
    }

    /// The fingerprint that sealed values carry: eight hexadecimal digits, not secret.
    pub fn id(&self) -> String {
        token::hex(&self.id)
    }

    /// Encrypts `plaintext` for the place that `context` names.
    ///
    /// # Errors
    /// Only if the cryptographic library fails.
    pub fn seal(&self, context: &str, plaintext: &[u8]) -> Result<String, Error> {
        let mut ciphertext = plaintext.to_vec();
        let nonce = self
            .cipher
            .seal_in_place_append_tag(self.bound_to(context), &mut ciphertext)
            .map_err(Error::crypto("seal a value"))?;
        let envelope = [&self.id[..], &nonce.as_ref()[..], &ciphertext].concat();
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(envelope)))
    }

    /// Decrypts a value that this key sealed for the same context.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::UnknownSealingKey`], [`Error::SealBroken`].
    pub fn open(&self, context: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let envelope = Envelope::parse(sealed)?;
        if envelope.key_id != self.id {
            return Err(envelope.unknown_key());
        }
        self.open_envelope(context, envelope)
    }

    fn open_envelope(&self, context: &str, envelope: Envelope) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut bytes = Zeroizing::new(envelope.ciphertext);
        let length = self
            .cipher
            .open_in_place(
                Nonce::assume_unique_for_key(envelope.nonce),
                self.bound_to(context),
                bytes.as_mut_slice(),
            )
            .map_err(|_| Error::SealBroken)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn bound_to(&self, context: &str) -> Aad<Vec<u8>> {
        Aad::from([PREFIX.as_bytes(), &self.id, context.as_bytes()].concat())
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// The key that seals, and those that may still be needed for opening.
#[derive(Debug)]
pub struct SealingKeys {
    /// Seals every new value.
    pub current: SealingKey,
    /// Open values that were sealed before the current key came.
    pub previous: Vec<SealingKey>,
}

impl SealingKeys {
    /// Keys without a past.
    pub fn new(current: SealingKey) -> Self {
        Self { current, previous: Vec::new() }
    }

    /// As [`SealingKey::seal`], with the current key.
    ///
    /// # Errors
    /// Only if the cryptographic library fails.
    pub fn seal(&self, context: &str, plaintext: &[u8]) -> Result<String, Error> {
        self.current.seal(context, plaintext)
    }

    /// As [`SealingKey::open`], with whichever key sealed the value.
    ///
    /// # Errors
    /// [`Error::NotSealed`], [`Error::UnknownSealingKey`], [`Error::SealBroken`].
    pub fn open(&self, context: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let envelope = Envelope::parse(sealed)?;
        let key = std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|key| key.id == envelope.key_id)
            .ok_or_else(|| envelope.unknown_key())?;
        key.open_envelope(context, envelope)
    }

    /// Whether `text` has the form of a sealed value, as opposed to one stored in clear by an older release.
    pub fn is_sealed(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Whether the value should be opened and sealed again, because its key is no longer the current one.
    pub fn is_outdated(&self, sealed: &str) -> bool {
        Envelope::parse(sealed).is_ok_and(|envelope| envelope.key_id != self.current.id)
    }
}

struct Envelope {
    key_id: [u8; KEY_ID_LEN],
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
}

impl Envelope {
    fn parse(sealed: &str) -> Result<Self, Error> {
        let text = sealed.strip_prefix(PREFIX).ok_or(Error::NotSealed)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::NotSealed)?;
        let (key_id, rest) = bytes.split_first_chunk().ok_or(Error::NotSealed)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(Error::NotSealed)?;
        Ok(Self { key_id: *key_id, nonce: *nonce, ciphertext: ciphertext.to_vec() })
    }

    fn unknown_key(&self) -> Error {
        Error::UnknownSealingKey { key_id: token::hex(&self.key_id) }
    }
}

fn output(root: &Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    root.expand(info, HKDF_SHA256)
        .and_then(|okm| okm.fill(bytes.as_mut_slice()))
        .map_err(Error::crypto("derive a sealing key"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealingKey {
        SealingKey::from_bytes([byte; 32]).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place() {
        let sealed = key(1).seal("x509keypair/7/private_key", b"secret").unwrap();
        assert!(SealingKeys::is_sealed(&sealed));
        assert!(!sealed.contains("secret"));
        assert_eq!(key(1).open("x509keypair/7/private_key", &sealed).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn the_same_value_never_looks_the_same_twice() {
        assert_ne!(key(1).seal("c", b"secret").unwrap(), key(1).seal("c", b"secret").unwrap());
    }

    #[test]
    fn a_value_moved_to_another_place_does_not_open() {
        let sealed = key(1).seal("cluster/a", b"secret").unwrap();
        assert!(matches!(key(1).open("cluster/b", &sealed), Err(Error::SealBroken)));
    }

    #[test]
    fn a_wrong_key_is_named() {
        let sealed = key(1).seal("c", b"secret").unwrap();
        let error = key(2).open("c", &sealed).unwrap_err();
        assert!(matches!(&error, Error::UnknownSealingKey { key_id } if *key_id == key(1).id()));
    }

    #[test]
    fn every_truncation_and_every_changed_character_is_noticed() {
        let sealed = key(1).seal("c", b"secret").unwrap();
        for length in 0..sealed.len() {
            assert!(key(1).open("c", &sealed[..length]).is_err(), "cut at {length}");
        }
        for position in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(key(1).open("c", &changed).is_err(), "changed at {position}");
        }
    }

    #[test]
    fn an_empty_value_can_be_sealed() {
        let sealed = key(1).seal("c", b"").unwrap();
        assert!(key(1).open("c", &sealed).unwrap().is_empty());
    }

    #[test]
    fn clear_text_is_not_taken_for_a_sealed_value() {
        assert!(!SealingKeys::is_sealed("-----BEGIN PRIVATE KEY-----"));
        assert!(matches!(key(1).open("c", "plain"), Err(Error::NotSealed)));
        assert!(matches!(key(1).open("c", "magnum:v1:***"), Err(Error::NotSealed)));
    }

    #[test]
    fn old_keys_open_but_only_the_current_key_seals() {
        let old = key(1).seal("c", b"secret").unwrap();
        let keys = SealingKeys { current: key(2), previous: vec![key(1)] };
        assert_eq!(keys.open("c", &old).unwrap().as_slice(), b"secret");
        assert!(keys.is_outdated(&old));
        let new = keys.seal("c", b"secret").unwrap();
        assert!(!keys.is_outdated(&new));
        assert!(key(2).open("c", &new).is_ok());
        assert!(matches!(SealingKeys::new(key(3)).open("c", &new), Err(Error::UnknownSealingKey { .. })));
    }

    #[test]
    fn a_derived_key_depends_on_the_secret_and_on_the_purpose() {
        let derive = |secret: &str, info| SealingKey::derive(&SecretString::from(secret), info).unwrap();
        assert_eq!(derive("s", "database").id(), derive("s", "database").id());
        assert_ne!(derive("s", "database").id(), derive("s", "files").id());
        assert_ne!(derive("s", "database").id(), derive("t", "database").id());
    }

    #[test]
    fn debug_output_holds_no_key() {
        assert_eq!(format!("{:?}", key(1)), format!("SealingKey {{ id: \"{}\", .. }}", key(1).id()));
    }
}
