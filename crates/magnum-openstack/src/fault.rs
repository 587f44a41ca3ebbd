//! The services' own words, out of their many ways to say "no".
//!
//! Nova and Cinder wrap `{"<fault>": {"message"}}`, Keystone and Heat `{"error": {"message"}}`, Neutron
//! `{"NeutronError": {"message"}}`, Barbican answers `{"title", "description"}`, Octavia `{"faultstring"}`,
//! Glance an HTML page, proxies anything. The text ends up in a cluster's `status_reason`, so it is cut to one bounded line.

use crate::error::CloudErrorKind;
use http::StatusCode;
use serde_json::Value;

/// The longest message kept, in characters.
const MAX_MESSAGE: usize = 1000;

/// The service's text in an error's body, or the status' standard words.
pub(crate) fn message_of(status: StatusCode, body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(value) => from_json(&value),
        Err(_) => from_text(&String::from_utf8_lossy(body)),
    };
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("unknown status"));
    }
    text
}

fn from_json(value: &Value) -> Option<String> {
    const TEXTS: [&str; 5] = ["message", "description", "faultstring", "explanation", "title"];
    let object = value.as_object()?;
    let text_in = |object: &serde_json::Map<String, Value>, keys: &[&str]| {
        // Magnum's refusal of a microversion has an empty detail beside its title.
        let text = |key: &&str| object.get(*key).and_then(Value::as_str).map(one_line);
        keys.iter().filter_map(text).find(|text| !text.is_empty())
    };
    // The wrapped fault is the most precise; the outer `title` and `explanation` are standard sentences.
    object
        .values()
        .find_map(|inner| text_in(inner.as_object()?, &TEXTS))
        .or_else(|| text_in(object, &TEXTS))
        .or_else(|| object.values().find_map(|v| v.as_str().map(one_line)).filter(|s| !s.is_empty()))
        // Placement, and Octavia behind some proxies: {"errors": [{"detail"}]}.
        .or_else(|| {
            let first = object.get("errors")?.as_array()?.first()?.as_object()?;
            text_in(first, &["detail", "title", "message"])
        })
}

fn from_text(text: &str) -> Option<String> {
    // An HTML page's title and heading only repeat the status.
    let body = text.split_once("</h1>").map_or(text, |(_, after)| after);
    let mut plain = String::with_capacity(body.len().min(4096));
    let mut in_tag = false;
    for character in body.chars().take(16 * 1024) {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                plain.push(' ');
            }
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    Some(one_line(&plain)).filter(|line| !line.is_empty())
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if let Some((end, _)) = line.char_indices().nth(MAX_MESSAGE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The kind of a refusal. Quotas hide behind 403 (Nova, Octavia), 409 (Neutron) and 413 (Cinder, old Nova).
pub(crate) fn kind_of(status: StatusCode, message: &str) -> CloudErrorKind {
    let lower = message.to_ascii_lowercase();
    let quota = lower.contains("quota") || lower.contains("maximum stacks per tenant");
    match status.as_u16() {
        400 | 403 | 409 | 413 if quota => CloudErrorKind::QuotaExceeded,
        413 => CloudErrorKind::QuotaExceeded,
        401 => CloudErrorKind::Unauthorized,
        403 => CloudErrorKind::Forbidden,
        404 | 410 => CloudErrorKind::NotFound,
        409 => CloudErrorKind::Conflict,
        429 => CloudErrorKind::RateLimited,
        300..=399 => CloudErrorKind::Redirect,
        code @ 500.. => CloudErrorKind::Server(code),
        _ => CloudErrorKind::BadRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> String {
        message_of(StatusCode::BAD_REQUEST, body.as_bytes())
    }

    #[test]
    fn each_services_own_words_are_found() {
        for (body, expected) in [
            (
                r#"{"itemNotFound": {"code": 404, "message": "Flavor nope could not be found."}}"#,
                "Flavor nope could not be found.",
            ),
            (
                r#"{"error":{"code":403,"message":"You are not authorized to perform the requested action: identity:get_user.","title":"Forbidden"}}"#,
                "You are not authorized to perform the requested action: identity:get_user.",
            ),
            (
                r#"{"code": 404, "title": "Not Found", "explanation": "The resource could not be found.", "error": {"type": "EntityNotFound", "traceback": null, "message": "The Stack (nope) could not be found."}}"#,
                "The Stack (nope) could not be found.",
            ),
            (
                r#"{"NeutronError": {"type": "NetworkNotFound", "message": "Network nope could not be found.", "detail": ""}}"#,
                "Network nope could not be found.",
            ),
            (
                "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  No image found with ID nope<br /><br />\n\n\n </body>\n</html>",
                "No image found with ID nope",
            ),
            (
                r#"{"code": 404, "title": "Not Found", "description": "Not Found. Provided secret id is invalid."}"#,
                "Not Found. Provided secret id is invalid.",
            ),
            (
                r#"{"faultcode": "Client", "faultstring": "Load Balancer 0 not found.", "debuginfo": null}"#,
                "Load Balancer 0 not found.",
            ),
            (
                r#"{"code": 500, "title": "Internal Server Error", "explanation": "The server has either erred.", "error": {"type": "RemoteError", "traceback": null}}"#,
                "The server has either erred.",
            ),
            (
                r#"{"errors": [{"detail": "", "title": "Requested microversion is unsupported"}]}"#,
                "Requested microversion is unsupported",
            ),
            (r#"{"errors": [{"status": 503, "detail": "no healthy\nupstream"}]}"#, "no healthy upstream"),
            ("plain words", "plain words"),
            ("", "400 Bad Request"),
            ("[]", "400 Bad Request"),
        ] {
            assert_eq!(message(body), expected, "{body}");
        }
    }

    #[test]
    fn a_long_message_is_cut_to_one_bounded_line() {
        let text = message(&"é ".repeat(5000));
        assert_eq!(text.chars().count(), MAX_MESSAGE + 1);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn a_quota_is_seen_behind_every_status_it_hides_behind() {
        for (status, text) in [
            (403, "Quota exceeded for cores: Requested 4, but already used 10 of 10 cores"),
            (409, "Quota exceeded for resources: ['network']."),
            (
                413,
                "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'.",
            ),
            (403, "You have reached the maximum stacks per tenant, 512."),
        ] {
            assert_eq!(
                kind_of(StatusCode::from_u16(status).unwrap(), text),
                CloudErrorKind::QuotaExceeded,
                "{text}"
            );
        }
        assert_eq!(kind_of(StatusCode::FORBIDDEN, "not allowed"), CloudErrorKind::Forbidden);
        assert_eq!(kind_of(StatusCode::CONFLICT, "in use"), CloudErrorKind::Conflict);
        assert_eq!(kind_of(StatusCode::FOUND, ""), CloudErrorKind::Redirect);
        assert_eq!(kind_of(StatusCode::BAD_GATEWAY, ""), CloudErrorKind::Server(502));
    }
}
