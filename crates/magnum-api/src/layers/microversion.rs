//! Negotiates the microversion: reads the header, refuses what is not served with 406, and puts the four version
//! headers on every answer below `/v1`, errors included.

use crate::{
    error::ApiError,
    microversion::{BadVersion, Microversion, service_word},
    state::AppState,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use magnum_types::{ErrorKind, ServiceError};

const ASKED: HeaderName = HeaderName::from_static("openstack-api-version");
const LOWEST: HeaderName = HeaderName::from_static("openstack-api-minimum-version");
const HIGHEST: HeaderName = HeaderName::from_static("openstack-api-maximum-version");

/// The layer.
pub async fn layer(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let maximum = state.settings.max_microversion;
    let read = match request.headers().get(&ASKED) {
        None => Ok(Microversion::ABSENT),
        Some(value) => match value.to_str() {
            Ok(text) => Microversion::parse(text, maximum),
            Err(_) => Err(BadVersion::Malformed),
        },
    };
    let (answered, mut response) = match read {
        Ok(version) => {
            request.extensions_mut().insert(version);
            (version, next.run(request).await)
        }
        Err(BadVersion::Unsupported) => {
            (Microversion::ABSENT, ApiError::microversion_unsupported(maximum).into_response())
        }
        Err(BadVersion::Malformed) => {
            let text = "The header OpenStack-API-Version must read 'container-infra <major>.<minor>' or \
                        'container-infra latest'.";
            (
                Microversion::ABSENT,
                ApiError::from(ServiceError::new(ErrorKind::NotAcceptable, text)).into_response(),
            )
        }
    };
    let headers = response.headers_mut();
    let word = service_word(maximum);
    put(headers, LOWEST, &format!("{word} 1.1"));
    put(headers, HIGHEST, &format!("{word} 1.{maximum}"));
    put(headers, ASKED, &format!("{word} {answered}"));
    headers.append(header::VARY, HeaderValue::from_static("OpenStack-API-Version"));
    response
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
