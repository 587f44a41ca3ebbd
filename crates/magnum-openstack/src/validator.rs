//! Whose token is this? Asked of Keystone once per token, not once per request.
//!
//! Answers are kept under the token's SHA-256, so that the cache holds no tokens, and never longer than the token lives:
//! an expired entry is not accepted even while the cache still has it. Concurrent requests with one token cause one
//! question. A token that Keystone does not know is remembered for a few seconds, so that a client in a loop
//! does not become Keystone's problem. A revoked token is accepted until its entry is too old; that is the price of
//! any such cache, and `token_cache_time` sets it.

use crate::{
    catalog::Service,
    client::ServiceClient,
    error::{CloudError, CloudErrorKind},
    session::secret_header,
    token::{TokenAnswer, ValidToken},
};
use jiff::{SignedDuration, Timestamp};
use magnum_types::Clock;
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

/// The longest token accepted, in bytes. Keystone's own are under 300, signed ones under 4000.
const MAX_TOKEN: usize = 16 * 1024;

/// How long and how much to remember.
#[derive(Debug, Clone, Copy)]
pub struct ValidatorSettings {
    /// Longest life of an answer; zero asks Keystone every time.
    pub cache_time: Duration,
    /// How long an unknown token is remembered as such.
    pub refusal_time: Duration,
    /// Most tokens remembered, of each sort.
    pub entries: u64,
}

impl Default for ValidatorSettings {
    fn default() -> Self {
        Self { cache_time: Duration::from_secs(300), refusal_time: Duration::from_secs(10), entries: 10_000 }
    }
}

/// Why a token was not accepted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// Keystone does not know it, or it has expired.
    #[error("the token is not valid")]
    Invalid,
    /// Keystone could not be asked; the token may well be good.
    #[error("the token could not be checked")]
    Unavailable(#[source] Arc<CloudError>),
}

type Key = [u8; 32];

/// See the module.
pub struct TokenValidator {
    keystone: ServiceClient,
    clock: Arc<dyn Clock>,
    cache_time: SignedDuration,
    valid: Cache<Key, Entry>,
    refused: Cache<Key, Timestamp>,
    refusal_time: SignedDuration,
}

#[derive(Clone)]
struct Entry {
    token: Arc<ValidToken>,
    good_until: Timestamp,
}

impl TokenValidator {
    /// Asks through `keystone`, whose session must be allowed to validate tokens (the service user).
    pub fn new(keystone: ServiceClient, clock: Arc<dyn Clock>, settings: ValidatorSettings) -> Self {
        let signed = |duration: Duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        // The cache's own time only frees memory; whether an entry is good is decided by the service's clock.
        let keep = |time: Duration| time.clamp(Duration::from_secs(1), Duration::from_secs(86_400));
        Self {
            keystone,
            clock,
            cache_time: signed(settings.cache_time),
            valid: Cache::builder()
                .max_capacity(settings.entries)
                .time_to_live(keep(settings.cache_time))
                .build(),
            refused: Cache::builder()
                .max_capacity(settings.entries)
                .time_to_live(keep(settings.refusal_time))
                .build(),
            refusal_time: signed(settings.refusal_time),
        }
    }

    /// What Keystone says about `token`, from memory if it said so recently.
    pub async fn validate(&self, token: &SecretString) -> Result<Arc<ValidToken>, TokenError> {
        let text = token.expose_secret();
        if text.is_empty() || text.len() > MAX_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Invalid);
        }
        let key: Key = Sha256::digest(text.as_bytes()).into();
        if self.refused.get(&key).await.is_some_and(|until| self.clock.now() < until) {
            return Err(TokenError::Invalid);
        }
        if let Some(old) = self.valid.get(&key).await
            && self.clock.now() >= old.good_until
        {
            self.valid.invalidate(&key).await;
        }
        match self.valid.try_get_with(key, self.ask(token)).await {
            Ok(entry) if self.clock.now() < entry.token.expires_at => Ok(entry.token),
            Ok(_) => Err(TokenError::Invalid),
            Err(error) if matches!(error.kind, CloudErrorKind::NotFound | CloudErrorKind::BadRequest) => {
                let until = self.clock.now().checked_add(self.refusal_time).unwrap_or(Timestamp::MAX);
                self.refused.insert(key, until).await;
                Err(TokenError::Invalid)
            }
            Err(error) => Err(TokenError::Unavailable(error)),
        }
    }

    /// Forgets a token, because its owner revoked it through us.
    pub async fn forget(&self, token: &SecretString) {
        let key: Key = Sha256::digest(token.expose_secret().as_bytes()).into();
        self.valid.invalidate(&key).await;
    }

    async fn ask(&self, token: &SecretString) -> Result<Entry, CloudError> {
        let subject = secret_header(token)?;
        let answer: TokenAnswer =
            self.keystone.get_with(&["auth", "tokens"], &[("x-subject-token", subject)]).await?;
        let token = Arc::new(ValidToken::from(answer));
        let now = self.clock.now();
        if token.expires_at <= now {
            let text = "the token has expired";
            return Err(CloudError::local(Service::Identity.name(), CloudErrorKind::NotFound, text));
        }
        let good_until = now.checked_add(self.cache_time).unwrap_or(Timestamp::MAX).min(token.expires_at);
        Ok(Entry { token, good_until })
    }
}
