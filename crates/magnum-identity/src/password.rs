//! Passwords: argon2id hashes with a salt each, in the usual text form, and never more than a few at a time.
//!
//! Hashing is slow on purpose, so it happens on threads of its own, at most [`AT_ONCE`] of them, and whoever comes while
//! [`WAITING`] others wait is asked to try again. Somebody who does not exist is checked against a hash that nobody
//! has the password of: an answer tells by neither text nor time whether there is such a user.

use crate::error::IdentityError;
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use magnum_types::Entropy;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashes made at the same moment; each takes 19 MiB of memory for some tens of milliseconds.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn.
const WAITING: usize = 64;
/// The longest password accepted, in bytes; Keystone's own bound.
pub(crate) const MAX_PASSWORD: usize = 4096;
/// Characters of drawn passwords: none that look alike.
const SYMBOLS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Characters of a drawn password: 187 bits.
const DRAWN: usize = 32;

/// A hash of `password` as `users.yaml` takes it under `password:`. Takes some tens of milliseconds.
///
/// # Errors
/// [`IdentityError::Setting`] for an empty password or one of more than 4096 bytes.
pub fn hash_password(password: &SecretString, entropy: &dyn Entropy) -> Result<String, IdentityError> {
    let text = password.expose_secret();
    if text.is_empty() || text.len() > MAX_PASSWORD {
        let problem = format!("it must have 1 to {MAX_PASSWORD} bytes");
        return Err(IdentityError::Setting { name: "password", problem });
    }
    let mut salt = [0; 16];
    entropy.fill(&mut salt);
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(text.as_bytes(), &salt)
        .map_err(IdentityError::crypto("hash a password"))?;
    Ok(hash.to_string())
}

/// Whether `text` is a hash that [`hash_password`] could have made, and not a clear password.
pub(crate) fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$")
        && PasswordHash::new(text).is_ok_and(|hash| hash.hash.is_some() && hash.salt.is_some())
}

/// A password that no person has to type.
pub(crate) fn draw(entropy: &dyn Entropy) -> SecretString {
    SecretString::from(entropy.text(DRAWN, SYMBOLS))
}

/// What a token carries of the secret that opened it: changes with every new hash, and tells nothing about it.
pub(crate) fn fingerprint(owner: &str, hash: Option<&str>) -> String {
    let digest = Sha256::new().chain_update(owner).chain_update(hash.unwrap_or_default()).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn matches(password: &str, hash: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// Too many are waiting for their password to be checked.
#[derive(Debug)]
pub(crate) struct Busy;

/// See the module.
pub(crate) struct Passwords {
    entropy: Arc<dyn Entropy>,
    turns: Semaphore,
    places: Semaphore,
    /// The hash of somebody who does not exist.
    nobody: Arc<str>,
}

impl Passwords {
    pub fn new(entropy: Arc<dyn Entropy>) -> Result<Self, IdentityError> {
        let nobody = hash_password(&draw(&*entropy), &*entropy)?.into();
        let (turns, places) = (Semaphore::new(AT_ONCE), Semaphore::new(WAITING));
        Ok(Self { entropy, turns, places, nobody })
    }

    /// A hash of `password`; the inner failure as [`hash_password`]'s.
    pub async fn hash(&self, password: SecretString) -> Result<Result<String, IdentityError>, Busy> {
        let entropy = self.entropy.clone();
        self.run(move || hash_password(&password, &*entropy)).await
    }

    /// Whether `password` is the one of `hash`. Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: SecretString, hash: Option<&str>) -> Result<bool, Busy> {
        let known = hash.is_some();
        let hash = hash.map_or_else(|| self.nobody.clone(), Arc::from);
        let right = self.run(move || matches(password.expose_secret(), &hash)).await?;
        Ok(known && right)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _place = self.places.try_acquire().map_err(|_| Busy)?;
        let _turn = self.turns.acquire().await.map_err(|_| Busy)?;
        // Fails only if the work panicked, which it does not, or while the process ends.
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::SeededEntropy;

    #[test]
    fn a_hash_is_salted_and_opens_by_its_password_alone() {
        let entropy = SeededEntropy::new(1);
        let password = SecretString::from("correct horse");
        let [one, two] = [(); 2].map(|()| hash_password(&password, &entropy).unwrap());
        assert!(is_hash(&one) && one != two);
        assert!(matches("correct horse", &one) && matches("correct horse", &two));
        assert!(!matches("correct horsf", &one) && !matches("", &one));
    }

    #[test]
    fn what_only_looks_like_a_hash_is_none() {
        for text in ["", "secret", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ", "$2b$12$abc"] {
            assert!(!is_hash(text), "{text}");
        }
        let entropy = SeededEntropy::new(1);
        assert!(hash_password(&SecretString::from(""), &entropy).is_err());
        assert!(hash_password(&SecretString::from("x".repeat(4097)), &entropy).is_err());
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::new(Arc::new(SeededEntropy::new(1))).unwrap();
        assert!(!passwords.verify("anything".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_is_asked_to_come_back() {
        let passwords = Passwords::new(Arc::new(SeededEntropy::new(1))).unwrap();
        let asked = (0..WAITING + 3).map(|_| passwords.verify("guess".into(), None));
        let answers = futures_util::future::join_all(asked).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 3);
    }
}
