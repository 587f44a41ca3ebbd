//! HTTPS as an operator meets it: `[api] enabled_ssl`, a client that checks, a certificate that is renewed under the
//! running server, and the log file that is rotated under it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_testing::certificates;
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The running server; killed if the test ends without stopping it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

fn until(what: &str, ready: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ready() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Status of a health check by curl, which checks the server's certificate against `ca`.
fn status(folder: &Path, ca: &str, address: &str) -> Result<String, String> {
    get(folder, ca, &format!("https://{address}/healthcheck"))
}

fn get(folder: &Path, ca: &str, url: &str) -> Result<String, String> {
    let done = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code} %{http_version}", "--cacert"])
        .arg(folder.join(ca))
        .args(["--header", "X-Auth-Token: none", url])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}

/// The name in the certificate that the server shows.
fn shown(port: u16) -> String {
    let shell = format!(
        "openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null | openssl x509 -noout -subject"
    );
    let done = Command::new("sh").args(["-c", &shell]).output().unwrap();
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

#[test]
fn https_is_served_and_a_hangup_takes_up_the_new_certificate_log_level_and_log_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    if !certificates::make(folder).unwrap() {
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = |name: &str| folder.join(name).display().to_string();
    let configure = |debug: bool| {
        let text = format!(
            "[DEFAULT]\ntransport_url = fake://\ndebug = {debug}\nlog_file = {}\nuse_stderr = false\n\
             [api]\nhost = 127.0.0.1\nport = {port}\nenabled_ssl = true\nssl_cert_file = {}\nssl_key_file = {}\n\
             [database]\nconnection = sqlite:///{}\n\
             [keystone_authtoken]\nauth_url = http://127.0.0.1:9/v3\nauth_type = password\nusername = magnum\n\
             password = geheim\nproject_name = service\nuser_domain_id = default\nproject_domain_id = default\n",
            at("api.log"),
            at("server.pem"),
            at("server.key"),
            at("magnum.db")
        );
        let config = folder.join("magnum.conf");
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    };
    configure(false);
    let run = |program: &str| {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", folder).current_dir(folder).stdin(Stdio::null());
        command.arg("--config-file").arg(folder.join("magnum.conf"));
        command
    };
    assert!(run(env!("CARGO_BIN_EXE_magnum-db-manage")).arg("upgrade").output().unwrap().status.success());
    let mut server = Server(run(env!("CARGO_BIN_EXE_magnum-api")).spawn().unwrap());
    let log = || fs::read_to_string(folder.join("api.log")).unwrap_or_default();
    until("serving", || log().contains("serving HTTPS"));

    assert_eq!(status(folder, "ca.pem", &format!("127.0.0.1:{port}")), Ok("200 2".into()));
    let refused = status(folder, "other-ca.pem", &format!("127.0.0.1:{port}")).unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    assert!(shown(port).contains("server"), "{}", shown(port));

    // Renewed, as certbot or an operator would: the files are replaced, then the server is told.
    certificates::sign(folder, "renewed", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        .unwrap();
    for kind in ["key", "pem"] {
        fs::rename(folder.join(format!("renewed.{kind}")), folder.join(format!("server.{kind}"))).unwrap();
    }
    fs::rename(folder.join("api.log"), folder.join("api.log.1")).unwrap();
    configure(true);
    server.signal("HUP");
    until("the new certificate", || shown(port).contains("renewed"));
    assert_eq!(status(folder, "ca.pem", &format!("127.0.0.1:{port}")), Ok("200 2".into()));
    until("a new log file", || log().contains("SIGHUP"));
    // The identity service is not there, and each try to reach it is worth a line at the new level.
    let asked = get(folder, "ca.pem", &format!("https://127.0.0.1:{port}/v1/clusters"));
    assert_eq!(asked, Ok("503 2".into()));
    until("the new level", || log().contains(" DEBUG "));

    // A configuration that cannot be used changes nothing, and the server goes on.
    fs::write(folder.join("magnum.conf"), "[api]\nport = many\n").unwrap();
    server.signal("HUP");
    until("the refusal", || log().contains("nothing is changed"));
    assert_eq!(status(folder, "ca.pem", &format!("127.0.0.1:{port}")), Ok("200 2".into()));

    server.signal("TERM");
    until("the end", || log().contains("stopped serving"));
    assert!(server.0.wait().unwrap().success());
}
