use magnum_x509::{Error, KeyAlgorithm, PrivateKey};
use secrecy::{ExposeSecret as _, SecretString};

use crate::bench::{PASSPHRASE, elliptic_key, file, golden, openssl};

fn passphrase() -> SecretString {
    SecretString::from(PASSPHRASE)
}

fn public_pem(key: &PrivateKey) -> String {
    let path = file(key.to_pkcs8_pem().unwrap().expose_secret());
    openssl(&["pkey", "-in", path.to_str().unwrap(), "-pubout"]).unwrap()
}

#[test]
fn a_key_encrypted_by_python_is_read() {
    for (name, public, algorithm) in [
        ("rsa-encrypted.pem", "rsa-public.pem", KeyAlgorithm::Rsa { bits: 2048 }),
        ("rsa-encrypted-sha1.pem", "rsa-public.pem", KeyAlgorithm::Rsa { bits: 2048 }),
        ("ec-encrypted.pem", "ec-public.pem", KeyAlgorithm::EcdsaP256),
    ] {
        let key = PrivateKey::from_pem(&golden(name), Some(&passphrase())).unwrap();
        assert_eq!(key.algorithm(), algorithm, "{name}");
        assert_eq!(public_pem(&key), golden(public), "{name}");
    }
}

#[test]
fn the_older_unencrypted_forms_are_read() {
    for (name, public) in [("rsa-pkcs1.pem", "rsa-public.pem"), ("ec-sec1.pem", "ec-public.pem")] {
        let key = PrivateKey::from_pem(&golden(name), None).unwrap();
        assert_eq!(public_pem(&key), golden(public), "{name}");
    }
}

#[test]
fn a_key_that_cannot_be_read_says_why() {
    let wrong = SecretString::from("wrong");
    let read = |name: &str, passphrase| PrivateKey::from_pem(&golden(name), passphrase).unwrap_err();
    assert!(matches!(read("rsa-encrypted.pem", None), Error::PassphraseMissing));
    assert!(matches!(read("rsa-encrypted.pem", Some(&wrong)), Error::WrongPassphrase));
    assert!(matches!(read("rsa-legacy-encrypted.pem", Some(&wrong)), Error::BadPem { .. }));
    assert!(matches!(
        read("p384-key.pem", None),
        Error::UnsupportedAlgorithm { algorithm, .. } if algorithm == "1.3.132.0.34"
    ));
    assert!(matches!(read("rsa-public.pem", None), Error::BadPem { .. }));
}

#[test]
fn what_is_written_is_read_by_openssl_and_by_ourselves() {
    for algorithm in [KeyAlgorithm::Rsa { bits: 2048 }, KeyAlgorithm::EcdsaP256] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let encrypted = key.to_encrypted_pem(&passphrase()).unwrap();
        assert!(encrypted.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));

        let path = file(&encrypted);
        let path = path.to_str().unwrap();
        let given = format!("pass:{PASSPHRASE}");
        let read = openssl(&["pkey", "-in", path, "-passin", &given, "-pubout"]).unwrap();
        assert_eq!(read, public_pem(&key));
        assert!(openssl(&["pkey", "-in", path, "-passin", "pass:wrong", "-pubout"]).is_err());

        let structure = openssl(&["asn1parse", "-in", path]).unwrap();
        for part in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":2710"] {
            assert!(structure.contains(part), "{part} is missing in {structure}");
        }

        let again = PrivateKey::from_pem(&encrypted, Some(&passphrase())).unwrap();
        assert_eq!(again.public_key_der(), key.public_key_der());
        assert_eq!(again.algorithm(), algorithm);
    }
}

#[test]
fn an_rsa_key_is_of_an_offered_size() {
    assert!(matches!(
        PrivateKey::generate(KeyAlgorithm::Rsa { bits: 1024 }),
        Err(Error::UnsupportedKeySize { bits: 1024, .. })
    ));
}

#[test]
fn debug_output_shows_the_algorithm_and_nothing_else() {
    assert_eq!(format!("{:?}", elliptic_key()), "PrivateKey { algorithm: EcdsaP256, .. }");
}

#[test]
fn an_excessive_key_derivation_is_refused_unworked() {
    let key = file(&golden("ec-sec1.pem"));
    let encrypted = file("");
    openssl(&[
        "pkcs8",
        "-topk8",
        "-iter",
        "2000001",
        "-in",
        key.to_str().unwrap(),
        "-passout",
        "pass:x",
        "-out",
        encrypted.to_str().unwrap(),
    ])
    .unwrap();
    let encrypted = std::fs::read_to_string(&*encrypted).unwrap();
    assert!(matches!(
        PrivateKey::from_pem(&encrypted, Some(&SecretString::from("x"))),
        Err(Error::ExcessiveKeyDerivation)
    ));
}
