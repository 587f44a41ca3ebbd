//! Tokens: what they say, sealed under a key that only this process has.
//!
//! A token is its own record, as Keystone's Fernet tokens are: nothing is stored when one is given out, so tokens survive
//! a restart as long as `token.key` does, and whoever reads the files of this directory finds no token. What may
//! change while a token lives (roles, trusts, whether its user is enabled) is not in it but looked up at each use.

use crate::{error::IdentityError, files, people::Place};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use magnum_types::Entropy;
use magnum_x509::SealingKey;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name in the directory.
pub(crate) const NAME: &str = "token.key";
/// How the sealing crate begins a text, and how a token begins instead: without characters that a shell minds.
const SEALED: &str = "magnum:v1:";
const TOKEN: &str = "mgn1";
/// What tokens are sealed for.
const CONTEXT: &str = "identity/token";
/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 4096;

/// What a token says. Keys are short because it goes over the wire with every request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Who authenticated; under an impersonating trust that is the trustee.
    #[serde(rename = "u")]
    pub user_id: String,
    /// Of the secret that opened it: another secret ends it.
    #[serde(rename = "f")]
    pub fingerprint: String,
    /// How.
    #[serde(rename = "m")]
    pub methods: Vec<String>,
    /// What it is good for.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub trust_id: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// Its own audit id, and that of the first token of its chain.
    #[serde(rename = "a")]
    pub audit_ids: Vec<String>,
    /// Microseconds since 1970.
    #[serde(rename = "i")]
    issued: i64,
    #[serde(rename = "e")]
    expires: i64,
}

impl Claims {
    pub fn new(user_id: &str, fingerprint: String, issued: Timestamp, expires: Timestamp) -> Self {
        Self {
            user_id: user_id.to_owned(),
            fingerprint,
            methods: Vec::new(),
            place: None,
            trust_id: None,
            credential_id: None,
            audit_ids: Vec::new(),
            issued: issued.as_microsecond(),
            expires: expires.as_microsecond(),
        }
    }

    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.issued).unwrap_or(Timestamp::MIN)
    }

    /// The moment from which it is refused.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.expires).unwrap_or(Timestamp::MIN)
    }

    /// Its end becomes `end`, if that is earlier.
    pub fn end_by(&mut self, end: Option<Timestamp>) {
        if let Some(end) = end {
            self.expires = self.expires.min(end.as_microsecond());
        }
    }
}

/// Seals tokens and opens them.
pub(crate) struct TokenKey(SealingKey);

impl TokenKey {
    /// The key of the directory, made if there is none.
    pub fn of(directory: &Path, entropy: &dyn Entropy) -> Result<Self, IdentityError> {
        let path = directory.join(NAME);
        let bytes = match files::read_private(&path)? {
            Some(text) => {
                let bytes =
                    STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                bytes.ok_or_else(|| IdentityError::Damaged {
                    path,
                    problem: "it is no key of 32 bytes in base64".to_owned(),
                    remedy: "remove it: a new one is made, and everybody has to log in again",
                })?
            }
            None => {
                let mut bytes = [0; 32];
                entropy.fill(&mut bytes);
                files::write_private(&path, &format!("{}\n", STANDARD.encode(bytes)))?;
                bytes
            }
        };
        SealingKey::from_bytes(bytes).map(Self).map_err(IdentityError::crypto("use the token key"))
    }

    pub fn seal(&self, claims: &Claims) -> Result<String, IdentityError> {
        let text = serde_json::to_vec(claims).map_err(IdentityError::crypto("write a token"))?;
        let sealed = self.0.seal(CONTEXT, &text).map_err(IdentityError::crypto("seal a token"))?;
        Ok(format!("{TOKEN}{}", sealed.trim_start_matches(SEALED)))
    }

    /// What a token says, if it is one of ours. It may have ended.
    pub fn open(&self, token: &str) -> Option<Claims> {
        let sealed = token.strip_prefix(TOKEN).filter(|sealed| sealed.len() <= MAX_TOKEN)?;
        let text = self.0.open(CONTEXT, &format!("{SEALED}{sealed}")).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::SeededEntropy;

    fn claims() -> Claims {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut claims = Claims::new("u1", "f".into(), at(100), at(200));
        claims.place = Some(Place::Project("p1".into()));
        claims
    }

    #[test]
    fn only_what_this_key_sealed_opens() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = TokenKey::of(one.path(), &SeededEntropy::new(1)).unwrap();
        let token = key.seal(&claims()).unwrap();
        assert_eq!(key.open(&token), Some(claims()));
        assert!(token.len() < 400 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        let again = TokenKey::of(one.path(), &SeededEntropy::new(2)).unwrap();
        assert_eq!(again.open(&token), Some(claims()));
        let other = TokenKey::of(two.path(), &SeededEntropy::new(2)).unwrap();
        assert_eq!(other.open(&token), None);
        for position in 0..token.len() {
            let mut bent = token.clone().into_bytes();
            bent[position] = if bent[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(&String::from_utf8(bent).unwrap()), None, "{position}");
        }
        assert_eq!(key.open(""), None);
        assert_eq!(key.open(&format!("{TOKEN}{}", "A".repeat(5000))), None);
    }

    #[test]
    fn a_damaged_key_is_named_with_its_remedy() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(NAME), "AAAA").unwrap();
        let error = TokenKey::of(directory.path(), &SeededEntropy::new(1)).err().unwrap().to_string();
        assert!(error.contains("token.key") && error.contains("remove it"), "{error}");
    }

    #[test]
    fn an_end_only_moves_forward() {
        let mut claims = claims();
        claims.end_by(Timestamp::from_second(300).ok());
        claims.end_by(None);
        assert_eq!(claims.expires_at().as_second(), 200);
        claims.end_by(Timestamp::from_second(150).ok());
        assert_eq!(claims.expires_at().as_second(), 150);
    }
}
