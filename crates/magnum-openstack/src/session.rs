//! An identity at the cloud that renews itself.
//!
//! A session holds credentials and at most one token. The token is fetched when first needed and renewed before it
//! expires; callers that need it at the same moment wait for one authentication and share its outcome, also a failure,
//! so an unreachable Keystone is asked once and not once per waiting caller. A token that a service refuses
//! (revoked meanwhile) is dropped and the call is repeated once with a new one.

use crate::{
    auth::{AuthMethod, AuthSettings},
    catalog::Service,
    error::{CloudError, CloudErrorKind},
    token::{TokenAnswer, ValidToken},
    transport::{Answer, Call, Deadline, Transport, failure},
};
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::{SignedDuration, Timestamp};
use magnum_types::Clock;
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, PoisonError, RwLock};
use url::Url;

/// How long to go on with a token whose renewal failed before trying again.
const RETRY_RENEWAL: SignedDuration = SignedDuration::from_secs(10);

/// A token with what Keystone says about it.
#[derive(Debug)]
pub struct AuthToken {
    /// The token.
    pub secret: SecretString,
    /// Its facts.
    pub facts: Arc<ValidToken>,
    renew_at: Timestamp,
}

/// See the module. Cheap to clone; clones share the token.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    request_id: Option<Arc<str>>,
    deadline: Option<Deadline>,
}

struct Shared {
    settings: AuthSettings,
    identity: Arc<Transport>,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<AuthToken>>,
    last_error: Option<CloudError>,
    /// Counts finished authentications, so that a waiter sees that one happened while it waited.
    attempts: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Session {
    /// A session that will authenticate when first used, reaching Keystone by `identity`.
    pub fn new(settings: AuthSettings, identity: Arc<Transport>, clock: Arc<dyn Clock>) -> Self {
        let renewing = tokio::sync::Mutex::new(());
        let shared = Shared { settings, identity, clock, state: RwLock::default(), renewing };
        Self { shared: Arc::new(shared), request_id: None, deadline: None }
    }

    /// Puts in a token whose facts are known already (an API request's, checked a moment ago): saves the fetch.
    #[must_use]
    pub fn with_facts(self, secret: SecretString, facts: Arc<ValidToken>) -> Self {
        let renew_at = facts.expires_at;
        self.state_mut(|state| state.token = Some(Arc::new(AuthToken { secret, facts, renew_at })));
        self
    }

    /// The same session, whose calls carry `request_id` (`req-<uuid>`) to the services' logs.
    #[must_use]
    pub fn with_request_id(&self, request_id: &str) -> Self {
        Self { request_id: Some(request_id.into()), ..self.clone() }
    }

    /// The same session, whose calls all give up at `deadline`.
    #[must_use]
    pub fn with_deadline(&self, deadline: Deadline) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// The token, renewed if its end is near.
    pub async fn token(&self) -> Result<Arc<AuthToken>, CloudError> {
        let (token, seen) = self.state(|state| (state.token.clone(), state.attempts));
        if let Some(token) = self.fresh(token) {
            return Ok(token);
        }
        let _one = self.shared.renewing.lock().await;
        let (token, attempts, last_error) =
            self.state(|state| (state.token.clone(), state.attempts, state.last_error.clone()));
        if let Some(token) = self.fresh(token.clone()) {
            return Ok(token);
        }
        if let (true, Some(error)) = (attempts != seen, last_error) {
            return Err(error);
        }
        let outcome = match self.authenticate().await {
            Err(error) if error.is_retryable() => self.still_good(token).ok_or(error),
            outcome => outcome,
        };
        let outcome = outcome.map(Arc::new);
        self.state_mut(|state| {
            state.attempts += 1;
            state.last_error = outcome.as_ref().err().cloned();
            state.token = outcome.as_ref().ok().cloned();
        });
        outcome
    }

    /// The old token for a little longer: Keystone's absence should not hurt while it is valid.
    fn still_good(&self, token: Option<Arc<AuthToken>>) -> Option<AuthToken> {
        let now = self.shared.clock.now();
        let token = token.filter(|token| now < token.facts.expires_at)?;
        let renew_at = now.checked_add(RETRY_RENEWAL).ok()?.min(token.facts.expires_at);
        Some(AuthToken { secret: token.secret.clone(), facts: token.facts.clone(), renew_at })
    }

    /// Who this session is, by its current token.
    pub async fn facts(&self) -> Result<Arc<ValidToken>, CloudError> {
        Ok(self.token().await?.facts.clone())
    }

    /// Keystone's v3 root.
    pub(crate) fn identity_root(&self) -> String {
        self.shared.settings.identity_root()
    }

    /// Sends a call with this session's token; repeats it once with a new token when the service refuses the token.
    pub(crate) async fn send(&self, transport: &Transport, call: &mut Call) -> Result<Answer, CloudError> {
        if let AuthMethod::Fixed { token } = &self.shared.settings.method {
            if let Some(token) = token {
                call.headers.insert("x-auth-token", secret_header(token)?);
            }
            return transport.send(call, self.deadline).await;
        }
        let token = self.token().await?;
        self.sign(call, &token)?;
        let refused = match transport.send(call, self.deadline).await {
            Err(error) if error.kind == CloudErrorKind::Unauthorized && self.can_renew() => error,
            other => return other,
        };
        self.state_mut(|state| state.token.take_if(|current| Arc::ptr_eq(current, &token)));
        tracing::debug!(service = call.service, "token refused, authenticating anew");
        let Ok(token) = self.token().await else { return Err(refused) };
        self.sign(call, &token)?;
        transport.send(call, self.deadline).await
    }

    fn sign(&self, call: &mut Call, token: &AuthToken) -> Result<(), CloudError> {
        call.headers.insert("x-auth-token", secret_header(&token.secret)?);
        if let Some(id) = self.request_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            call.headers.insert("x-openstack-request-id", id);
        }
        Ok(())
    }

    fn can_renew(&self) -> bool {
        !matches!(self.shared.settings.method, AuthMethod::Given { .. } | AuthMethod::Fixed { .. })
    }

    async fn authenticate(&self) -> Result<AuthToken, CloudError> {
        let settings = &self.shared.settings;
        let address = format!("{}/auth/tokens", settings.identity_root());
        let url = Url::parse(&address).map_err(|e| CloudError {
            source: Some(Arc::new(e)),
            ..CloudError::local(Service::Identity.name(), CloudErrorKind::Settings, "auth_url is no URL")
        })?;
        let mut headers = HeaderMap::new();
        let (method, body) = match (settings.body(), &settings.method) {
            (Some(body), _) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (Method::POST, Some(body.to_string().into()))
            }
            // A given token may ask about itself; that is how its catalog is learned.
            (None, AuthMethod::Given { token }) => {
                headers.insert("x-auth-token", secret_header(token)?);
                headers.insert("x-subject-token", secret_header(token)?);
                (Method::GET, None)
            }
            (None, _) => {
                let text = "no credentials to authenticate with";
                return Err(CloudError::local(Service::Identity.name(), CloudErrorKind::Settings, text));
            }
        };
        let call = Call { service: Service::Identity.name(), method, url, headers, body };
        let answer = self.shared.identity.send(&call, self.deadline).await?;
        let facts = facts_of(&call, &answer)?;
        let secret = match (&settings.method, answer.headers.get("x-subject-token").map(HeaderValue::to_str))
        {
            (AuthMethod::Given { token }, _) => token.clone(),
            (_, Some(Ok(token))) => SecretString::from(token),
            _ => return Err(failure(&call, CloudErrorKind::Decode, "the answer has no X-Subject-Token")),
        };
        let renew_at =
            if self.can_renew() { renew_at(&facts, self.shared.clock.now()) } else { facts.expires_at };
        Ok(AuthToken { secret, facts: Arc::new(facts), renew_at })
    }

    fn fresh(&self, token: Option<Arc<AuthToken>>) -> Option<Arc<AuthToken>> {
        token.filter(|token| self.shared.clock.now() < token.renew_at)
    }

    fn state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.shared.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn state_mut<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        write(&mut self.shared.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Two minutes before the end, or a fifth of the life when that is less.
fn renew_at(facts: &ValidToken, now: Timestamp) -> Timestamp {
    let life = facts.expires_at.duration_since(now);
    let early = (life / 5).clamp(SignedDuration::ZERO, SignedDuration::from_secs(120));
    facts.expires_at.checked_sub(early).unwrap_or(facts.expires_at)
}

pub(crate) fn facts_of(call: &Call, answer: &Answer) -> Result<ValidToken, CloudError> {
    serde_json::from_slice::<TokenAnswer>(&answer.body).map(ValidToken::from).map_err(|e| CloudError {
        source: Some(Arc::new(e)),
        ..failure(call, CloudErrorKind::Decode, "the answer is no token")
    })
}

pub(crate) fn secret_header(secret: &SecretString) -> Result<HeaderValue, CloudError> {
    let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| {
        CloudError::local(
            Service::Identity.name(),
            CloudErrorKind::Settings,
            "the token cannot be sent in a header",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
