//! HTTP as the cloud needs it: verified, bounded, retried where that is safe.
//!
//! A call has one deadline for all its attempts. Calls that may be repeated (GET, HEAD, PUT, DELETE) are tried again
//! after a broken connection, 429, 502, 503 and 504; all others only when no connection was made, because then the
//! service cannot have seen them. Redirects are refused: following one would hand the token to another host.

use crate::{
    error::{CloudError, CloudErrorKind},
    fault,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header};
use magnum_types::Entropy;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

/// How to reach a service. Services with equal settings share one connection pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportSettings {
    /// PEM bundle that alone is trusted; without it the system's store.
    pub ca_file: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure: bool,
    /// PEM client certificate; it may hold the key too.
    pub client_cert: Option<PathBuf>,
    /// PEM key of the client certificate.
    pub client_key: Option<PathBuf>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for one attempt's whole answer.
    pub attempt_timeout: Duration,
    /// Longest time for a call with all its attempts, unless the session sets a deadline.
    pub call_timeout: Duration,
    /// Attempts in all, at least one.
    pub attempts: u32,
    /// First back-off; it doubles per attempt up to thirty times this, and the wait is drawn evenly below it.
    pub backoff: Duration,
    /// Longest answer in bytes.
    pub max_answer: usize,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            insecure: false,
            client_cert: None,
            client_key: None,
            connect_timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(90),
            call_timeout: Duration::from_secs(120),
            attempts: 4,
            backoff: Duration::from_millis(250),
            max_answer: 16 * 1024 * 1024,
        }
    }
}

/// The moment at which a call gives up, whatever it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `wait` from now.
    pub fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }
}

/// One request, ready to be sent any number of times.
pub(crate) struct Call {
    pub service: &'static str,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
}

/// A successful (2xx) answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A connection pool with its rules.
pub struct Transport {
    http: reqwest::Client,
    settings: TransportSettings,
    entropy: Arc<dyn Entropy>,
}

impl Transport {
    /// A pool by `settings`. Fails with `Settings` when a file cannot be read or is no PEM.
    pub fn new(settings: TransportSettings, entropy: Arc<dyn Entropy>) -> Result<Self, CloudError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("magnum/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout);
        if let Some(path) = &settings.ca_file {
            let pem = read(path)?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| unusable(path, e))?;
            if certificates.is_empty() {
                return Err(unusable_text(format!("no certificate in {}", path.display())));
            }
            builder = builder.tls_certs_only(certificates);
        }
        if settings.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(path) = &settings.client_cert {
            let mut pem = read(path)?;
            if let Some(key) = &settings.client_key {
                pem.push(b'\n');
                pem.extend(read(key)?);
            }
            builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(|e| unusable(path, e))?);
        }
        let http = builder.build().map_err(|e| CloudError {
            source: Some(Arc::new(e)),
            ..unusable_text("the HTTP client cannot be built".to_owned())
        })?;
        Ok(Self { http, settings, entropy })
    }

    /// The settings this pool was built from.
    pub fn settings(&self) -> &TransportSettings {
        &self.settings
    }

    /// Sends `call` until it succeeds, is refused for good, or `deadline` is reached.
    pub(crate) async fn send(&self, call: &Call, deadline: Option<Deadline>) -> Result<Answer, CloudError> {
        let Deadline(end) = deadline.unwrap_or_else(|| Deadline::after(self.settings.call_timeout));
        let mut attempt = 0;
        loop {
            attempt += 1;
            let refusal = match self.attempt(call, end).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            let wait = self.wait_before(attempt).max(refusal.retry_after);
            let last = attempt >= self.settings.attempts.max(1) || !refusal.may_repeat;
            if last || Instant::now() + wait >= end {
                return Err(refusal.error);
            }
            tracing::debug!(service = call.service, attempt, error = %refusal.error, "cloud call is tried again");
            sleep(wait).await;
        }
    }

    async fn attempt(&self, call: &Call, end: Instant) -> Result<Answer, Refusal> {
        let start = Instant::now();
        let until = end.min(start + self.settings.attempt_timeout);
        let outcome = timeout_at(until, self.exchange(call)).await;
        let repeatable = matches!(call.method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE);
        let result = match outcome {
            Ok(result) => result,
            Err(_) => {
                Err(Refusal::new(failure(call, CloudErrorKind::Timeout, "no answer in time"), repeatable))
            }
        };
        let status = match &result {
            Ok(_) => "ok".to_owned(),
            Err(refusal) => format!("{:?}", refusal.error.kind),
        };
        tracing::debug!(service = call.service, method = %call.method, path = %shown_path(&call.url), status,
            ms = start.elapsed().as_millis(), "cloud call");
        result
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, Refusal> {
        let repeatable = matches!(call.method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE);
        let mut request =
            self.http.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(|e| broken(call, e, repeatable))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let limit = self.settings.max_answer;
        let too_large = || {
            let mut error =
                failure(call, CloudErrorKind::TooLarge, &format!("the answer exceeds {limit} bytes"));
            error.request_id = request_id(&headers);
            Refusal::new(error, false)
        };
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| broken(call, e, repeatable))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(Answer { headers, body: body.freeze() });
        }
        Err(refused(call, status, &headers, &body, repeatable))
    }

    /// Full jitter: evenly between nothing and the current bound, so that many callers do not come back together.
    fn wait_before(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(30);
        let bound = self.settings.backoff.saturating_mul(factor);
        let mut random = [0; 4];
        self.entropy.fill(&mut random);
        bound.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
    }
}

/// A failed attempt, and whether another may follow.
struct Refusal {
    error: CloudError,
    may_repeat: bool,
    retry_after: Duration,
}

impl Refusal {
    fn new(error: CloudError, may_repeat: bool) -> Self {
        Self { error, may_repeat, retry_after: Duration::ZERO }
    }
}

fn broken(call: &Call, source: reqwest::Error, repeatable: bool) -> Refusal {
    let source = source.without_url();
    let (kind, text) = match () {
        () if source.is_timeout() && !source.is_connect() => (CloudErrorKind::Timeout, "no answer in time"),
        () if is_of_certificate(&source) => {
            (CloudErrorKind::Certificate, "the server's certificate is not trusted")
        }
        () if source.is_connect() => (CloudErrorKind::Connect, "no connection"),
        () if source.is_builder() => (CloudErrorKind::Settings, "the request cannot be built"),
        () => (CloudErrorKind::Connect, "the connection broke before the answer was complete"),
    };
    // The same certificate would be shown a moment later.
    let may_repeat =
        kind != CloudErrorKind::Certificate && (source.is_connect() || (repeatable && !source.is_builder()));
    let mut error = failure(call, kind, text);
    error.source = Some(Arc::new(source));
    Refusal::new(error, may_repeat)
}

/// Whether the handshake ended since the certificate was not accepted.
fn is_of_certificate(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // The system's errors hand on what lies beneath the error in them, and not that error itself.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

fn refused(call: &Call, status: StatusCode, headers: &HeaderMap, body: &[u8], repeatable: bool) -> Refusal {
    let message = fault::message_of(status, body);
    let mut error = failure(call, fault::kind_of(status, &message), &message);
    error.request_id = request_id(headers);
    let retry_after = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map_or(Duration::ZERO, Duration::from_secs);
    Refusal { error, may_repeat: repeatable && matches!(status.as_u16(), 429 | 502 | 503 | 504), retry_after }
}

/// An error about `call` without a source.
pub(crate) fn failure(call: &Call, kind: CloudErrorKind, message: &str) -> CloudError {
    CloudError {
        service: call.service,
        method: method_name(&call.method),
        path: shown_path(&call.url).into(),
        kind,
        message: message.to_owned(),
        request_id: None,
        source: None,
    }
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "request",
    }
}

/// The path without the ids of trusts, which logs must not hold.
fn shown_path(url: &Url) -> String {
    let mut shown = String::new();
    let mut after_trusts = false;
    for segment in url.path_segments().into_iter().flatten() {
        shown.push('/');
        shown.push_str(if after_trusts { "…" } else { segment });
        after_trusts = segment == "trusts";
    }
    shown
}

fn request_id(headers: &HeaderMap) -> Option<Box<str>> {
    let value = headers.get("x-openstack-request-id").or_else(|| headers.get("x-compute-request-id"))?;
    value.to_str().ok().map(Into::into)
}

fn read(path: &PathBuf) -> Result<Vec<u8>, CloudError> {
    std::fs::read(path).map_err(|e| unusable(path, e))
}

fn unusable(path: &std::path::Path, source: impl std::error::Error + Send + Sync + 'static) -> CloudError {
    CloudError { source: Some(Arc::new(source)), ..unusable_text(format!("cannot use {}", path.display())) }
}

fn unusable_text(message: String) -> CloudError {
    CloudError::local("cloud", CloudErrorKind::Settings, message)
}
