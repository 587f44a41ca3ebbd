use magnum_x509::{CertificateInfo, CertificateRequest, Error, ExtensionPolicy, NameAttribute, Profile, San};

use crate::bench::{authority, elliptic_key, golden, now, printed, verify};

fn user() -> Profile {
    Profile::User(ExtensionPolicy::default())
}

fn request(name: &str) -> CertificateRequest {
    CertificateRequest::from_pem(&golden(name)).unwrap()
}

/// A request that asks for everything it should not get.
fn greedy() -> CertificateRequest {
    CertificateRequest::create(
        &elliptic_key(),
        &[(NameAttribute::CommonName, "admin"), (NameAttribute::Organisation, "system:masters")],
        &[San::Dns("kubernetes.default".into())],
    )
    .unwrap()
}

#[test]
fn a_users_subject_is_copied_with_every_organisation() {
    let ca = authority();
    let certificate = ca.sign(&request("admin.csr"), &user(), now(), 1825).unwrap();
    verify(&ca, &certificate, "sslclient").unwrap();
    let info = CertificateInfo::parse(&certificate).unwrap();
    assert_eq!(info.common_names, ["admin"]);
    assert_eq!(info.organisations, ["system:masters", "dev", "ops"]);
    let text = printed(&certificate);
    assert!(text.contains("Subject: O=ops,O=dev,O=system:masters,CN=admin"), "{text}");
}

#[test]
fn a_users_subject_keeps_its_string_types() {
    let ca = authority();
    let certificate = ca.sign(&request("printable-subject.csr"), &user(), now(), 1).unwrap();
    let body: String = certificate.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    let printable = [&[0x13, 4][..], b"node"].concat();
    let bmp = [0x1e, 8, 0, b'c', 0, b'a', 0, b'f', 0, 0xe9];
    assert!(der.windows(printable.len()).any(|window| window == printable));
    assert!(der.windows(bmp.len()).any(|window| window == bmp));
    assert_eq!(CertificateInfo::parse(&certificate).unwrap().organisations, ["caf\u{e9}"]);
}

#[test]
fn a_users_allowed_extensions_are_copied_and_the_others_dropped() {
    let ca = authority();
    let certificate = ca.sign(&request("server.csr"), &user(), now(), 30).unwrap();
    verify(&ca, &certificate, "sslserver").unwrap();
    let text = printed(&certificate);
    for part in [
        "DNS:node-1.example",
        "TLS Web Server Authentication",
        "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("Certificate Policies"), "{text}");
}

#[test]
fn a_critical_extension_outside_the_list_is_refused_by_name() {
    let error = authority().sign(&request("critical-policies.csr"), &user(), now(), 1).unwrap_err();
    assert!(matches!(&error, Error::RefusedExtension { name } if name == "certificatePolicies"));
    assert!(error.public_text().unwrap().contains("certificatePolicies"));
}

#[test]
fn a_ca_flag_is_cleared_and_a_critical_one_refused() {
    let ca = authority();
    let certificate = ca.sign(&request("ca.csr"), &user(), now(), 1).unwrap();
    let text = printed(&certificate);
    assert!(text.contains("CA:FALSE"), "{text}");
    assert!(!text.contains("Certificate Sign"), "{text}");
    assert!(!CertificateInfo::parse(&certificate).unwrap().is_ca);

    let error = ca.sign(&request("critical-ca.csr"), &user(), now(), 1).unwrap_err();
    assert!(matches!(error, Error::RefusedAuthority));
    assert!(error.public_text().is_some());
}

#[test]
fn a_ca_flag_is_copied_where_the_operator_allows_it() {
    let policy = ExtensionPolicy::from_names(
        &["keyUsage", "basicConstraints"],
        &["Digital Signature", "Certificate Sign"],
        true,
    )
    .unwrap();
    let ca = authority();
    for name in ["ca.csr", "critical-ca.csr"] {
        let certificate = ca.sign(&request(name), &Profile::User(policy.clone()), now(), 1).unwrap();
        assert!(CertificateInfo::parse(&certificate).unwrap().is_ca, "{name}");
    }
}

#[test]
fn a_key_usage_outside_the_list_is_refused_when_critical_or_alone() {
    let ca = authority();
    for name in ["critical-cert-sign.csr", "only-cert-sign.csr"] {
        let error = ca.sign(&request(name), &user(), now(), 1).unwrap_err();
        assert!(
            matches!(&error, Error::RefusedKeyUsage { usages } if usages == "Certificate Sign"),
            "{name}: {error}"
        );
        assert!(error.public_text().is_some());
    }
}

#[test]
fn the_policy_knows_the_names_of_the_configuration() {
    assert_eq!(
        ExtensionPolicy::from_names(
            &["keyUsage", "extendedKeyUsage", "subjectAltName", "basicConstraints", "subjectKeyIdentifier"],
            &["Digital Signature", "Key Encipherment", "Non Repudiation"],
            false,
        )
        .unwrap(),
        ExtensionPolicy::default()
    );
    assert!(ExtensionPolicy::from_names(&["1.2.3.4"], &[], false).is_ok());
    assert!(matches!(
        ExtensionPolicy::from_names(&["keyUsagee"], &[], false),
        Err(Error::UnknownExtensionName { name }) if name == "keyUsagee"
    ));
    assert!(matches!(
        ExtensionPolicy::from_names(&[], &["Signing"], false),
        Err(Error::UnknownKeyUsageName { name }) if name == "Signing"
    ));
}

#[test]
fn the_admin_pair_is_a_client_whatever_its_request_says() {
    let ca = authority();
    let certificate = ca.sign(&request("server.csr"), &Profile::Admin, now(), 1825).unwrap();
    verify(&ca, &certificate, "sslclient").unwrap();
    assert!(verify(&ca, &certificate, "sslserver").is_err());
    let text = printed(&certificate);
    for part in [
        "Subject: O=system:masters,CN=admin",
        "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("node-1.example"), "{text}");
}

#[test]
fn a_node_gets_its_own_identity_whatever_its_request_says() {
    let ca = authority();
    let profile = Profile::Node {
        common_name: "system:node:worker-0".into(),
        organisation: Some("system:nodes".into()),
        sans: vec![
            San::Dns("worker-0".into()),
            San::Ip("10.0.0.7".parse().unwrap()),
            San::Ip("fd00::7".parse().unwrap()),
        ],
    };
    let asked = greedy();
    let certificate = ca.sign(&asked, &profile, now(), 365).unwrap();
    verify(&ca, &certificate, "sslclient").unwrap();
    verify(&ca, &certificate, "sslserver").unwrap();
    let info = CertificateInfo::parse(&certificate).unwrap();
    assert_eq!(info.common_names, ["system:node:worker-0"]);
    assert_eq!(info.organisations, ["system:nodes"]);
    assert_eq!(
        info.sans,
        [
            San::Dns("worker-0".into()),
            San::Ip("10.0.0.7".parse().unwrap()),
            San::Ip("fd00::7".parse().unwrap())
        ]
    );
    assert_eq!(info.extended_key_usages, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    let text = printed(&certificate);
    assert!(!text.contains("masters") && !text.contains("kubernetes.default"), "{text}");
}

#[test]
fn a_node_name_that_cannot_stand_in_a_certificate_is_our_fault_not_the_callers() {
    let profile = Profile::Node {
        common_name: "n".into(),
        organisation: None,
        sans: vec![San::Dns("not a host".into())],
    };
    let error = authority().sign(&greedy(), &profile, now(), 1).unwrap_err();
    assert!(matches!(error, Error::InvalidName { .. }));
    assert_eq!(error.public_text(), None);
}
