use jiff::{SignedDuration, Timestamp};
use magnum_x509::{
    CertificateAuthority, CertificateInfo, CertificateRequest, Error, KeyAlgorithm, NameAttribute,
    PrivateKey, Profile, Validity,
};
use secrecy::SecretString;

use crate::bench::{PASSPHRASE, authority, elliptic_key, file, golden, now, openssl, printed, verify};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn request() -> CertificateRequest {
    CertificateRequest::create(&elliptic_key(), &[(NameAttribute::CommonName, "x")], &[]).unwrap()
}

#[test]
fn a_new_ca_is_what_the_specification_says() {
    for algorithm in [KeyAlgorithm::Rsa { bits: 2048 }, KeyAlgorithm::EcdsaP256] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let ca = CertificateAuthority::create("my cluster", key, Validity::starting(now(), 1825).unwrap())
            .unwrap();
        verify(&ca, ca.certificate_pem(), "any").unwrap();
        let text = printed(ca.certificate_pem());
        for part in [
            "Version: 3",
            "Issuer: CN=my cluster\n",
            "Subject: CN=my cluster\n",
            "Not Before: May 31 12:00:00 2030 GMT",
            "Not After : May 31 12:00:00 2035 GMT",
            "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
            "X509v3 Key Usage: critical\n                Certificate Sign\n",
            "X509v3 Subject Key Identifier",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(text.contains("sha256WithRSAEncryption") || text.contains("ecdsa-with-SHA256"), "{text}");
    }
}

#[test]
fn a_certificate_begins_a_day_early_and_ends_after_its_days() {
    let certificate = authority().sign(&request(), &Profile::Admin, now(), 30).unwrap();
    let info = CertificateInfo::parse(&certificate).unwrap();
    assert_eq!(info.not_before, now() - DAY);
    assert_eq!(info.not_after, now() + DAY * 30);
    assert_eq!(info.issuer, "CN=k8s");
    assert!(!info.is_ca);
}

#[test]
fn a_certificate_never_outlives_its_ca() {
    let ca =
        CertificateAuthority::create("c", elliptic_key(), Validity::starting(now(), 10).unwrap()).unwrap();
    let certificate = ca.sign(&request(), &Profile::Admin, now(), 1825).unwrap();
    assert_eq!(CertificateInfo::parse(&certificate).unwrap().not_after, ca.not_after());
}

#[test]
fn an_expired_ca_signs_nothing() {
    let ca =
        CertificateAuthority::create("c", elliptic_key(), Validity::starting(now(), 10).unwrap()).unwrap();
    let later = now() + DAY * 10;
    assert!(matches!(
        ca.sign(&request(), &Profile::Admin, later, 1),
        Err(Error::AuthorityExpired { not_after }) if not_after == later
    ));
}

#[test]
fn dates_beyond_2049_are_written_in_the_longer_form() {
    let validity = Validity::starting(now(), 36_500).unwrap();
    let ca = CertificateAuthority::create("c", elliptic_key(), validity).unwrap();
    verify(&ca, ca.certificate_pem(), "any").unwrap();
    assert!(printed(ca.certificate_pem()).contains("Not After : May  8 12:00:00 2130 GMT"));
}

#[test]
fn a_time_that_certificates_cannot_express_is_refused() {
    let before_1970 = Validity { not_before: Timestamp::from_second(-1).unwrap(), not_after: now() };
    let backwards = Validity { not_before: now(), not_after: now() };
    for validity in [before_1970, backwards] {
        assert!(matches!(
            CertificateAuthority::create("c", elliptic_key(), validity),
            Err(Error::BadValidity)
        ));
    }
    assert!(matches!(Validity::starting(now(), u32::MAX), Err(Error::BadValidity)));
}

#[test]
fn serial_numbers_are_positive_long_and_different() {
    let ca = authority();
    let serials: Vec<_> = (0..8)
        .map(|_| {
            let certificate = ca.sign(&request(), &Profile::Admin, now(), 1).unwrap();
            CertificateInfo::parse(&certificate).unwrap().serial
        })
        .collect();
    for serial in &serials {
        assert_eq!(serial.len(), 32, "{serial}");
        assert!(('4'..='7').contains(&serial.chars().next().unwrap()), "{serial}");
        assert_eq!(serials.iter().filter(|other| *other == serial).count(), 1);
    }
}

#[test]
fn a_stored_ca_signs_as_before() {
    let passphrase = SecretString::from(PASSPHRASE);
    let old = authority();
    let encrypted = old.key().to_encrypted_pem(&passphrase).unwrap();
    let key = PrivateKey::from_pem(&encrypted, Some(&passphrase)).unwrap();
    let loaded = CertificateAuthority::load(old.certificate_pem(), key).unwrap();
    assert_eq!(loaded.certificate_pem(), old.certificate_pem());
    assert_eq!(loaded.not_after(), old.not_after());
    let certificate = loaded.sign(&request(), &Profile::Admin, now(), 1).unwrap();
    verify(&old, &certificate, "sslclient").unwrap();
}

#[test]
fn a_ca_of_an_older_release_without_key_identifier_signs_too() {
    let (certificate_pem, key_pem) = (golden("old-ca.pem"), golden("rsa-pkcs1.pem"));
    assert!(!printed(&certificate_pem).contains("Key Identifier"), "the golden file has no identifier");
    let key = PrivateKey::from_pem(&key_pem, None).unwrap();
    let ca = CertificateAuthority::load(&certificate_pem, key).unwrap();
    let certificate = ca.sign(&request(), &Profile::Admin, now(), 30).unwrap();
    let (ca_file, leaf) = (file(&certificate_pem), file(&certificate));
    let at = now().as_second().to_string();
    openssl(&["verify", "-attime", &at, "-CAfile", ca_file.to_str().unwrap(), leaf.to_str().unwrap()])
        .unwrap();
    assert!(printed(&certificate).contains("Version: 3"));
}

#[test]
fn a_ca_needs_its_own_key_and_the_right_to_sign() {
    let ca = authority();
    assert!(matches!(
        CertificateAuthority::load(ca.certificate_pem(), elliptic_key()),
        Err(Error::KeyMismatch)
    ));
    let key = elliptic_key();
    let request = CertificateRequest::create(&key, &[(NameAttribute::CommonName, "x")], &[]).unwrap();
    let leaf = ca.sign(&request, &Profile::Admin, now(), 1).unwrap();
    assert!(matches!(CertificateAuthority::load(&leaf, key), Err(Error::NotAnAuthority)));
}

#[test]
fn another_ca_of_the_same_name_does_not_vouch() {
    let (old, new) = (authority(), authority());
    let certificate = old.sign(&request(), &Profile::Admin, now(), 1).unwrap();
    verify(&old, &certificate, "sslclient").unwrap();
    assert!(verify(&new, &certificate, "sslclient").is_err());
}

#[test]
fn names_are_cut_to_the_standards_length_and_never_empty() {
    let validity = Validity::starting(now(), 1).unwrap();
    let ca = CertificateAuthority::create(&"\u{e9}".repeat(242), elliptic_key(), validity).unwrap();
    let info = CertificateInfo::parse(ca.certificate_pem()).unwrap();
    assert_eq!(info.common_names, ["\u{e9}".repeat(64)]);
    assert!(info.is_ca);
    assert!(matches!(
        CertificateAuthority::create("", elliptic_key(), validity),
        Err(Error::InvalidName { .. })
    ));
}

#[test]
fn the_readable_facts_agree_with_openssl() {
    let ca = authority();
    let path = file(ca.certificate_pem());
    let path = path.to_str().unwrap();
    let info = CertificateInfo::parse(ca.certificate_pem()).unwrap();
    let printed = openssl(&["x509", "-in", path, "-noout", "-serial", "-fingerprint", "-sha256"])
        .unwrap()
        .to_lowercase();
    assert!(printed.contains(&format!("serial={}\n", info.serial)), "{printed}");
    assert!(printed.replace(':', "").contains(&info.fingerprint), "{printed}");
    assert_eq!(info.subject, "CN=k8s");
}
