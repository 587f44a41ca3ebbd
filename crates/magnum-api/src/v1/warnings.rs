//! What whoever asked should know although the request is served: labels and fields without effect, and what the cloud
//! will not do. It is logged, and goes with the answer in a `Warning` header (code 299), as the Kubernetes API does it:
//! the documents are upstream's and have no room for it. `openstack --debug` and every HTTP library show it.

use axum::response::Response;
use http::{HeaderValue, header};
use magnum_drivers::Warning;

/// Bytes of the header; proxies refuse answers with long ones.
const LIMIT: usize = 2048;
/// Stands for those that did not fit.
const MORE: &str = "299 - \"there are more warnings in the log of the service\"";

/// The answer with its warnings.
pub fn warned(mut response: Response, warnings: &[Warning]) -> Response {
    if let Some(value) = value(warnings).and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::WARNING, value);
    }
    response
}

/// One list, since clients bound the number of headers too.
fn value(warnings: &[Warning]) -> Option<String> {
    let mut text = String::new();
    for warning in warnings {
        let one = format!("299 - \"{}\"", quoted(&warning.0));
        if text.len() + one.len() + MORE.len() + 4 > LIMIT {
            push(&mut text, MORE);
            break;
        }
        push(&mut text, &one);
    }
    Some(text).filter(|text| !text.is_empty())
}

fn push(text: &mut String, one: &str) {
    if !text.is_empty() {
        text.push_str(", ");
    }
    text.push_str(one);
}

/// Names of labels are the tenant's own words: what a header cannot carry is a question mark.
fn quoted(text: &str) -> String {
    let plain = text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' });
    plain.collect::<String>().replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(texts: &[&str]) -> Vec<Warning> {
        texts.iter().map(|text| Warning((*text).to_owned())).collect()
    }

    #[test]
    fn warnings_are_one_list_of_quoted_texts() {
        assert_eq!(value(&[]), None);
        assert_eq!(value(&warnings(&["a", "b"])).unwrap(), "299 - \"a\", 299 - \"b\"");
        assert_eq!(
            value(&warnings(&["label \"x\"\r\nSet-Cookie: \u{e9}\\"])).unwrap(),
            "299 - \"label \\\"x\\\"??Set-Cookie: ?\\\\\""
        );
    }

    #[test]
    fn what_does_not_fit_is_in_the_log() {
        let long = "x".repeat(300);
        let value = value(&warnings(&[long.as_str(); 20])).unwrap();
        assert!(value.len() <= LIMIT && value.ends_with(MORE), "{}", value.len());
        assert!(HeaderValue::from_str(&value).is_ok());
    }
}
