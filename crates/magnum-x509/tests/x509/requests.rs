use magnum_x509::{CertificateRequest, Error, KeyAlgorithm, MAX_PEM_BYTES, NameAttribute, PrivateKey, San};

use crate::bench::{elliptic_key, file, golden, openssl};

#[test]
fn our_own_request_satisfies_openssl_and_ourselves() {
    for algorithm in [KeyAlgorithm::Rsa { bits: 2048 }, KeyAlgorithm::EcdsaP256] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let request = CertificateRequest::create(
            &key,
            &[(NameAttribute::CommonName, "system:node:n1"), (NameAttribute::Organisation, "system:nodes")],
            &[San::Dns("n1.example".into()), San::Ip("10.0.0.5".parse().unwrap())],
        )
        .unwrap();
        let pem = request.to_pem().unwrap();
        let path = file(&pem);
        let printed = openssl(&["req", "-in", path.to_str().unwrap(), "-verify", "-noout", "-text"]).unwrap();
        for part in ["CN = system:node:n1", "O = system:nodes", "DNS:n1.example, IP Address:10.0.0.5"] {
            assert!(printed.contains(part), "{part} is missing in {printed}");
        }
        let read = CertificateRequest::from_pem(&pem).unwrap();
        assert_eq!(read.public_key_der().unwrap(), key.public_key_der());
        assert_eq!(read.to_pem().unwrap(), pem);
    }
}

#[test]
fn a_request_without_extensions_has_no_empty_list_of_them() {
    let request =
        CertificateRequest::create(&elliptic_key(), &[(NameAttribute::CommonName, "a")], &[]).unwrap();
    let path = file(&request.to_pem().unwrap());
    let structure = openssl(&["asn1parse", "-in", path.to_str().unwrap()]).unwrap();
    assert!(!structure.contains("Extension Request"), "{structure}");
    openssl(&["req", "-in", path.to_str().unwrap(), "-verify", "-noout"]).unwrap();
}

#[test]
fn requests_of_every_supported_algorithm_are_read() {
    for name in ["admin.csr", "admin-sha512.csr", "admin-p384.csr"] {
        let request = CertificateRequest::from_pem(&golden(name)).unwrap();
        assert_eq!(request.subject_values(NameAttribute::CommonName), ["admin"], "{name}");
    }
}

#[test]
fn a_repeated_organisation_is_kept() {
    let request = CertificateRequest::from_pem(&golden("admin.csr")).unwrap();
    assert_eq!(request.subject_values(NameAttribute::Organisation), ["system:masters", "dev", "ops"]);
}

#[test]
fn the_text_round_the_request_does_not_matter() {
    let pem = golden("admin.csr");
    let trimmed = pem.trim_end();
    let windows = pem.replace('\n', "\r\n");
    let explained = format!("Certificate Request:\n  Version: 1\n{pem}");
    let old = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    for text in [trimmed, &windows, &explained, &old] {
        CertificateRequest::from_pem(text).unwrap();
    }
}

#[test]
fn a_request_that_was_changed_is_refused() {
    // The subject is in clear, so "admin" can be swapped for another word of the same length.
    let der = der_of(&golden("admin.csr"));
    let position = der.windows(5).position(|window| window == b"admin").unwrap();
    let mut changed = der;
    changed[position..position + 5].copy_from_slice(b"nimda");
    let error = CertificateRequest::from_pem(&pem_of(&changed)).unwrap_err();
    assert!(matches!(error, Error::BadSignature));
    assert!(error.public_text().unwrap().contains("signature"));
}

#[test]
fn weak_and_unknown_keys_are_named() {
    let read = |name: &str| CertificateRequest::from_pem(&golden(name)).unwrap_err();
    assert!(matches!(read("weak.csr"), Error::UnsupportedKeySize { bits: 1024, .. }));
    let error = read("p521.csr");
    assert!(matches!(&error, Error::UnsupportedAlgorithm { algorithm, .. } if algorithm == "1.3.132.0.35"));
    assert!(error.public_text().is_some());
}

#[test]
fn what_is_no_request_is_refused_with_a_text_for_the_caller() {
    let huge = " ".repeat(MAX_PEM_BYTES + 1);
    let truncated = pem_of(&der_of(&golden("admin.csr"))[..200]);
    let mut longer = der_of(&golden("admin.csr"));
    longer.push(0);
    for text in ["", "nonsense", &golden("rsa-public.pem"), &huge, &truncated, &pem_of(&longer), &pem_of(&[])]
    {
        let error = CertificateRequest::from_pem(text).unwrap_err();
        assert!(error.public_text().is_some(), "{error}");
    }
}

#[test]
fn a_subject_in_another_encoding_than_the_canonical_is_refused() {
    // A set of two attributes in descending order: legal to sign, but it would be reordered when copied.
    let der = der_of(&golden("admin.csr"));
    let (cn, o) = (
        [&[0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x05][..], b"admin"].concat(),
        [&[0x30, 0x0a, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x03][..], b"dev"].concat(),
    );
    assert!(der.windows(cn.len()).any(|window| window == cn), "the fixture's subject is as expected");
    // The subject grows or shrinks with it, so the lengths of the enclosing elements are rebuilt.
    let set = tlv(0x31, &[cn, o].concat());
    let subject = tlv(0x30, &set);
    let spki_and_rest = after_subject(&der);
    let info = tlv(0x30, &[&[2, 1, 0][..], &subject, spki_and_rest].concat());
    let request = tlv(0x30, &[&info[..], signature_part(&der)].concat());
    assert!(matches!(CertificateRequest::from_pem(&pem_of(&request)), Err(Error::NonCanonicalSubject)));
}

fn der_of(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap()
}

pub fn pem_of(der: &[u8]) -> String {
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n")
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..=0x7f => bytes.push(short as u8),
        long => bytes.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    bytes.extend(content);
    bytes
}

/// Header and total length of the element that `bytes` begins with.
fn lengths(bytes: &[u8]) -> (usize, usize) {
    match bytes[1] {
        short @ 0..=0x7f => (2, 2 + usize::from(short)),
        0x81 => (3, 3 + usize::from(bytes[2])),
        _ => (4, 4 + (usize::from(bytes[2]) << 8) + usize::from(bytes[3])),
    }
}

fn info_of(der: &[u8]) -> &[u8] {
    let inner = &der[lengths(der).0..];
    &inner[..lengths(inner).1]
}

fn signature_part(der: &[u8]) -> &[u8] {
    &der[lengths(der).0 + info_of(der).len()..]
}

fn after_subject(der: &[u8]) -> &[u8] {
    let info = info_of(der);
    let after_version = &info[lengths(info).0 + 3..];
    &after_version[lengths(after_version).1..]
}
