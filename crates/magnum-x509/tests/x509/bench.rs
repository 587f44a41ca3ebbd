//! The work bench of the tests: golden files, a fixed time, and the `openssl` command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use magnum_x509::{CertificateAuthority, KeyAlgorithm, PrivateKey, Validity};

pub const PASSPHRASE: &str = "a golden passphrase";

pub fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The "now" of every test.
pub fn now() -> Timestamp {
    "2030-06-01T12:00:00Z".parse().unwrap()
}

pub fn elliptic_key() -> PrivateKey {
    PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

/// A CA that lives ten years.
pub fn authority() -> CertificateAuthority {
    CertificateAuthority::create("k8s", elliptic_key(), Validity::starting(now(), 3650).unwrap()).unwrap()
}

/// A file for one use, removed when dropped.
pub struct TestFile(PathBuf);

impl std::ops::Deref for TestFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// Writes a file for one use.
pub fn file(content: &str) -> TestFile {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("x509-{}-{number}.pem", std::process::id()));
    std::fs::write(&path, content).unwrap();
    TestFile(path)
}

/// Runs openssl; its output when it succeeds, its complaint when it does not.
pub fn openssl(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .expect("these tests need the openssl command on the path");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// What openssl prints of a certificate.
pub fn printed(certificate: &str) -> String {
    let path = file(certificate);
    openssl(&["x509", "-in", path.to_str().unwrap(), "-noout", "-text", "-nameopt", "RFC2253"]).unwrap()
}

/// Whether openssl accepts the chain for a purpose (`sslclient`, `sslserver`, `any`) at the tests' time.
pub fn verify(ca: &CertificateAuthority, certificate: &str, purpose: &str) -> Result<String, String> {
    let (ca, certificate) = (file(ca.certificate_pem()), file(certificate));
    let at = now().as_second().to_string();
    openssl(&[
        "verify",
        "-x509_strict",
        "-attime",
        &at,
        "-purpose",
        purpose,
        "-CAfile",
        ca.to_str().unwrap(),
        certificate.to_str().unwrap(),
    ])
}
