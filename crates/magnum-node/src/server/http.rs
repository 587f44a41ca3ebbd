//! The calls over HTTP. Every call has a time-out, no redirect is followed (tokens go nowhere else), and answers are
//! bounded.

use super::{Server, Signal, resolver::Getent, signal_body};
use crate::error::{CallError, NodeError, first_line};
use magnum_types::plan::{
    Bootstrap, IdentityRequest, IdentityResponse, RegisterRequest, RegisterResponse, Report, Text,
};
use serde::Serialize;
use serde_json::Value;
use std::{io::Read, sync::Arc, time::Duration};
use ureq::{
    Agent, Body, Proxy,
    config::Config,
    http::Response,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem},
    unversioned::transport::DefaultConnector,
};

/// Longest that the server holds a plan call, with room for the way.
const PLAN_TIMEOUT: Duration = Duration::from_secs(150);
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer that is read, in bytes. Plans carry certificates and manifests.
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;
/// Places of releases send from host to host.
const FETCH_REDIRECTS: u32 = 5;

/// Magnum and Heat over HTTP.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    /// Trusts the world's authorities too: it fetches files whose digest is known, and carries no token.
    fetching: Agent,
    base: String,
}

impl Http {
    /// Speaks to the server that user-data names, trusting the PEM bundle (and nothing else). Files are fetched from
    /// anywhere that the bundle or `system`, the machine's own, vouches for.
    ///
    /// # Errors
    /// When the bundle holds an unreadable certificate.
    pub fn new(bootstrap: &Bootstrap, bundle: &[u8], origin: &str, system: &[u8]) -> Result<Self, NodeError> {
        let trust = |source| NodeError::Trust { origin: origin.to_owned(), source: Box::new(source) };
        let mut roots = Vec::new();
        for item in parse_pem(bundle) {
            if let PemItem::Certificate(certificate) = item.map_err(trust)? {
                roots.push(certificate);
            }
        }
        let agent = trusting(&roots, bootstrap.verify);
        for item in parse_pem(system) {
            match item {
                Ok(PemItem::Certificate(certificate)) => roots.push(certificate),
                Ok(_) => {}
                // The others may still do.
                Err(error) => tracing::warn!(%error, "one of the system's certificates is not readable"),
            }
        }
        let fetching = trusting(&roots, bootstrap.verify);
        Ok(Self { agent, fetching, base: bootstrap.magnum_url.trim_end_matches('/').to_owned() })
    }

    fn post(
        &self,
        url: &str,
        authority: (&str, &str),
        body: &impl Serialize,
    ) -> Result<Response<Body>, CallError> {
        let (header, value) = authority;
        let answer = self
            .agent
            .post(url)
            .config()
            .timeout_global(Some(CALL_TIMEOUT))
            .build()
            .header(header, value)
            .header("Content-Type", "application/json")
            .send_json(body)
            .map_err(unavailable)?;
        accepted(answer)
    }
}

impl Server for Http {
    fn register(&self, request: &RegisterRequest) -> Result<RegisterResponse, CallError> {
        // No token yet: the join secret in the body is what counts.
        let url = format!("{}/nodes/register", self.base);
        let mut answer = self.post(&url, ("Accept", "application/json"), request)?;
        json(&mut answer)
    }

    fn plan(&self, token: &Text, after: i64, hold: Option<Duration>) -> Result<Option<Value>, CallError> {
        let hold = hold.map(|hold| format!("&hold={}", hold.as_secs())).unwrap_or_default();
        let answer = self
            .agent
            .get(format!("{}/nodes/plan?after={after}{hold}", self.base))
            .config()
            .timeout_global(Some(PLAN_TIMEOUT))
            .build()
            .header("Authorization", format!("Bearer {}", token.0))
            .call()
            .map_err(unavailable)?;
        let mut answer = accepted(answer)?;
        if answer.status().as_u16() == 204 { Ok(None) } else { json(&mut answer).map(Some) }
    }

    fn report(&self, token: &Text, report: &Report) -> Result<(), CallError> {
        let url = format!("{}/nodes/report", self.base);
        self.post(&url, ("Authorization", &format!("Bearer {}", token.0)), report).map(drop)
    }

    fn certificate(&self, token: &Text, request: &IdentityRequest) -> Result<IdentityResponse, CallError> {
        let url = format!("{}/nodes/certificates", self.base);
        json(&mut self.post(&url, ("Authorization", &format!("Bearer {}", token.0)), request)?)
    }

    fn fetch(&self, url: &str, proxy: Option<&str>, within: Duration) -> Result<Box<dyn Read>, CallError> {
        let unusable =
            |error: ureq::Error| CallError::Unavailable(format!("its proxy cannot be used: {error}"));
        let proxy = proxy.map(Proxy::new).transpose().map_err(unusable)?;
        let answer = self
            .fetching
            .get(url)
            .config()
            .timeout_global(Some(within))
            .max_redirects(FETCH_REDIRECTS)
            .proxy(proxy)
            .build()
            .call()
            .map_err(unavailable)?;
        Ok(Box::new(accepted(answer)?.into_body().into_reader()))
    }

    fn signal(&self, bootstrap: &Bootstrap, name: &str, signal: &Signal) -> Result<(), CallError> {
        let body = signal_body(name, signal);
        self.post(&bootstrap.signal_url, ("X-Auth-Token", &bootstrap.signal_token), &body).map(drop)
    }
}

/// Nova's metadata document of this instance, if the service answers within a few seconds.
pub fn metadata(url: &str) -> Option<Value> {
    let answer =
        trusting(&[], true).get(url).config().timeout_global(Some(Duration::from_secs(10))).build().call();
    json(&mut accepted(answer.map_err(unavailable).ok()?).ok()?).ok()
}

fn trusting(roots: &[Certificate<'static>], verify: bool) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(roots))
        .disable_verification(!verify)
        .build();
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_connect(Some(Duration::from_secs(15)))
        .user_agent(concat!("magnum-node/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Getent)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: ureq::Error) -> CallError {
    CallError::Unavailable(first_line(&error.to_string()))
}

/// Only 2xx is an answer.
fn accepted(mut answer: Response<Body>) -> Result<Response<Body>, CallError> {
    match answer.status().as_u16() {
        200..=299 => Ok(answer),
        401 => Err(CallError::Unauthorized),
        status @ (408 | 429 | 300..=399 | 500..) => Err(CallError::Unavailable(format!("status {status}"))),
        status => {
            let text = answer.body_mut().with_config().limit(64 * 1024).read_to_string().unwrap_or_default();
            Err(CallError::Refused { status, text: detail(&text) })
        }
    }
}

/// The sentence of an error document, or the first line of whatever it is.
fn detail(text: &str) -> String {
    let document: Option<Value> = serde_json::from_str(text).ok();
    let detail =
        document.as_ref().and_then(|document| document.pointer("/errors/0/detail")).and_then(Value::as_str);
    first_line(detail.unwrap_or(text))
}

fn json<T: serde::de::DeserializeOwned>(answer: &mut Response<Body>) -> Result<T, CallError> {
    answer.body_mut().with_config().limit(ANSWER_LIMIT).read_json().map_err(|error| {
        CallError::Unavailable(format!("unreadable answer: {}", first_line(&error.to_string())))
    })
}
