//! PEM text in and out.
//!
//! Reading is lenient about what surrounds and wraps a block (tools print explanations before it, JSON loses the
//! last newline, editors add carriage returns), and strict about the block itself. Decoded bytes are wiped when
//! dropped, since some of them are keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::pem::LineEnding;
use zeroize::Zeroizing;

use crate::{Error, MAX_PEM_BYTES, Object};

/// The first block of `text` whose label is among `labels`: that label and the decoded bytes.
pub(crate) fn decode<'a>(
    text: &str,
    labels: &[&'a str],
    object: Object,
) -> Result<(&'a str, Zeroizing<Vec<u8>>), Error> {
    let bad = |reason| Error::BadPem { object, reason };
    if text.len() > MAX_PEM_BYTES {
        return Err(Error::TooLarge { object, limit: MAX_PEM_BYTES });
    }
    let mut rest = text;
    while let Some((_, after_begin)) = rest.split_once("-----BEGIN ") {
        let (found, body) = after_begin.split_once("-----").ok_or_else(|| bad("unfinished BEGIN line"))?;
        let (body, after) =
            body.split_once(&format!("-----END {found}-----")).ok_or_else(|| bad("END line is missing"))?;
        rest = after;
        let Some(label) = labels.iter().find(|label| **label == found) else {
            continue;
        };
        if body.contains(':') {
            return Err(bad("headers inside the block are not supported"));
        }
        let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
        base64.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let der = STANDARD.decode(base64.as_slice()).map_err(|_| bad("content is not base64"))?;
        return Ok((label, Zeroizing::new(der)));
    }
    Err(bad("no block of the expected kind"))
}

/// One block, lines of 64 characters, ending with a newline.
pub(crate) fn encode(label: &str, der: &[u8], object: Object) -> Result<String, Error> {
    der::pem::encode_string(label, LineEnding::LF, der)
        .map_err(|error| Error::Encode { object, source: der::Error::from(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_behind_other_text_and_blocks() {
        let text = "subject=x\n-----BEGIN OTHER-----\nAA==\n-----END OTHER-----\n-----BEGIN WANTED-----\r\nAQI\r\nD\r\n-----END WANTED-----";
        let (label, der) = decode(text, &["WANTED"], Object::Request).unwrap();
        assert_eq!((label, der.as_slice()), ("WANTED", &[1, 2, 3][..]));
    }

    #[test]
    fn what_is_not_a_block_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no block"),
            ("-----BEGIN W", "unfinished"),
            ("-----BEGIN W-----\nAA==", "END line"),
            ("-----BEGIN W-----\n!!\n-----END W-----", "base64"),
            ("-----BEGIN W-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END W-----", "headers"),
            ("-----BEGIN X-----\nAA==\n-----END X-----", "no block"),
        ] {
            let error = decode(text, &["W"], Object::Request).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn text_over_the_bound_is_refused_unread() {
        let text = " ".repeat(MAX_PEM_BYTES + 1);
        assert!(matches!(
            decode(&text, &["W"], Object::Request),
            Err(Error::TooLarge { limit: MAX_PEM_BYTES, .. })
        ));
    }
}
