//! Cross-origin rules from `[cors]`, for browsers that talk to the API without a dashboard's server in between.

use crate::settings::CorsSettings;
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

/// The layer, or `None` when no origin is allowed. Words that are no header or method name are left out.
pub fn layer(settings: Option<&CorsSettings>) -> Option<CorsLayer> {
    let settings = settings.filter(|settings| !settings.allowed_origins.is_empty())?;
    let any = settings.allowed_origins.iter().any(|origin| origin == "*");
    let origins = if !any {
        AllowOrigin::list(
            settings.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()),
        )
    } else if settings.allow_credentials {
        // A browser refuses `*` together with credentials, so the asking origin is named.
        AllowOrigin::mirror_request()
    } else {
        AllowOrigin::any()
    };
    let names = |words: &[String]| {
        words.iter().filter_map(|word| HeaderName::from_bytes(word.as_bytes()).ok()).collect::<Vec<_>>()
    };
    let methods = settings.allow_methods.iter().filter_map(|word| Method::from_bytes(word.as_bytes()).ok());
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_credentials(settings.allow_credentials)
            .allow_methods(AllowMethods::list(methods))
            .allow_headers(AllowHeaders::list(names(&settings.allow_headers)))
            .expose_headers(ExposeHeaders::list(names(&settings.expose_headers)))
            .max_age(settings.max_age),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_allowed_origin_there_is_no_layer() {
        assert!(layer(None).is_none());
        assert!(layer(Some(&CorsSettings::default())).is_none());
        assert!(
            layer(Some(&CorsSettings { allowed_origins: vec!["*".into()], ..Default::default() })).is_some()
        );
    }
}
