//! Bearer secrets: drawing them, storing only their digest, comparing without leaking time.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::Error;

/// SHA-256 as 64 lower-case hexadecimal digits.
pub fn sha256_hex(data: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, data).as_ref())
}

/// Whether `presented` is the secret whose [`sha256_hex`] was stored. Takes the same time wherever they differ.
/// Meant for random secrets such as [`random_token`]'s, not for passwords that people choose.
pub fn secret_matches(stored_hash_hex: &str, presented: &str) -> bool {
    let presented = sha256_hex(presented.as_bytes());
    verify_slices_are_equal(stored_hash_hex.as_bytes(), presented.as_bytes()).is_ok()
}

/// A new secret of 256 random bits, as 43 characters that are safe in URLs and headers.
///
/// # Errors
/// Only if the system has no randomness.
pub fn random_token() -> Result<SecretString, Error> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    rand::fill(bytes.as_mut_slice()).map_err(Error::crypto("draw random bytes"))?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// A new key of 32 random bytes, in base64 with padding, as programs that are given keys in files read it.
///
/// # Errors
/// Only if the system has no randomness.
pub fn random_bytes32() -> Result<SecretString, Error> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    rand::fill(bytes.as_mut_slice()).map_err(Error::crypto("draw random bytes"))?;
    Ok(SecretString::from(STANDARD.encode(bytes.as_slice())))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String has no way to fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn the_digest_is_that_of_the_standard() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn only_the_stored_secret_matches() {
        let token = random_token().unwrap();
        let stored = sha256_hex(token.expose_secret().as_bytes());
        assert!(secret_matches(&stored, token.expose_secret()));
        assert!(!secret_matches(&stored, "another"));
        assert!(!secret_matches(&stored, &stored));
        assert!(!secret_matches("", ""));
    }

    #[test]
    fn keys_are_of_32_bytes_and_never_the_same() {
        let (one, two) = (random_bytes32().unwrap(), random_bytes32().unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(STANDARD.decode(one.expose_secret()).unwrap().len(), 32);
    }

    #[test]
    fn tokens_are_long_url_safe_and_never_the_same() {
        let (one, two) = (random_token().unwrap(), random_token().unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 43);
        assert!(
            one.expose_secret().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }
}
