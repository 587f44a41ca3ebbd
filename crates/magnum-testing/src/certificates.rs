//! Certificates for servers that tests start, made by the `openssl` program: independent of the cryptography that is
//! under test.

use anyhow::{Context, ensure};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Makes in `folder`: two authorities (`ca`, `other-ca`), and of the first one a `server` certificate for `localhost`
/// and 127.0.0.1 and a `client` certificate; each as `NAME.pem` and `NAME.key`. False, and a word on standard error,
/// where `openssl` is not installed.
///
/// # Errors
/// When `openssl` is there and fails.
pub fn make(folder: &Path) -> anyhow::Result<bool> {
    let probe = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
    if let Err(error) = probe {
        use std::io::Write as _;
        writeln!(std::io::stderr(), "SKIP: openssl cannot be run: {error}").context("saying the skip")?;
        return Ok(false);
    }
    for ca in ["ca", "other-ca"] {
        let request = format!("req -x509 {KEY} -keyout {ca}.key -out {ca}.pem -days 2 -subj /CN={ca}");
        openssl(folder, &request)?;
    }
    let server = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
    sign(folder, "server", server)?;
    sign(folder, "client", "subjectAltName=DNS:magnum\nextendedKeyUsage=clientAuth\n")?;
    Ok(true)
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// A key and a certificate of the authority `ca` with these extensions, as `NAME.key` and `NAME.pem`.
///
/// # Errors
/// When `openssl` fails.
pub fn sign(folder: &Path, name: &str, extensions: &str) -> anyhow::Result<()> {
    let file = format!("{name}.ext");
    fs::write(folder.join(&file), extensions).context("writing the extensions")?;
    openssl(folder, &format!("req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"))?;
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile {file}"
        ),
    )
}

fn openssl(folder: &Path, arguments: &str) -> anyhow::Result<()> {
    let done = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .context("running openssl")?;
    ensure!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
