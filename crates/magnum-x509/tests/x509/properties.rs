//! Whatever arrives, reading it ends in a value or an error.

use magnum_x509::{CertificateInfo, CertificateRequest, PrivateKey, SealingKey};
use proptest::prelude::*;
use secrecy::SecretString;

use crate::bench::{authority, golden};
use crate::requests::pem_of;

fn read_everything(text: &str) {
    // The outcomes are of no interest here, only that there is one.
    let _ = CertificateRequest::from_pem(text);
    let _ = CertificateInfo::parse(text);
    let _ = PrivateKey::from_pem(text, Some(&SecretString::from("x")));
}

fn relabelled(pem: &str, label: &str) -> String {
    pem.replace("CERTIFICATE REQUEST", label)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_everything(&text);
    }

    #[test]
    fn any_bytes_in_a_block_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for label in
            ["CERTIFICATE REQUEST", "CERTIFICATE", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]
        {
            read_everything(&relabelled(&pem_of(&bytes), label));
        }
    }

    #[test]
    fn a_good_request_with_changed_bytes_is_read_or_refused(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut text = golden("server.csr").into_bytes();
        for (position, byte) in changes {
            let position = position.index(text.len());
            text[position] = byte & 0x7f;
        }
        read_everything(&String::from_utf8(text).unwrap());
    }

    #[test]
    fn any_sealed_text_is_opened_or_refused(text in any::<String>()) {
        let key = SealingKey::from_bytes([7; 32]).unwrap();
        prop_assert!(key.open("c", &text).is_err());
        let prefixed = format!("magnum:v1:{text}");
        prop_assert!(key.open("c", &prefixed).is_err());
    }

    #[test]
    fn whatever_is_sealed_opens_again(context in any::<String>(), plain in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key = SealingKey::from_bytes([7; 32]).unwrap();
        let sealed = key.seal(&context, &plain).unwrap();
        prop_assert_eq!(&*key.open(&context, &sealed).unwrap(), &plain);
    }
}

#[test]
fn every_cut_of_a_certificate_is_refused_without_harm() {
    let ca = authority();
    let pem = ca.certificate_pem().trim_end();
    for length in 0..pem.len() {
        assert!(CertificateInfo::parse(&pem[..length]).is_err(), "cut at {length}");
    }
}
