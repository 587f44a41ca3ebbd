//! The programs as an operator meets them: help, the sample file, the schema, a wrong configuration, and a start that
//! answers over HTTP and ends on SIGTERM. Nothing but loopback and a temporary directory is touched.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_testing::certificates;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const API: &str = env!("CARGO_BIN_EXE_magnum-api");
const CONDUCTOR: &str = env!("CARGO_BIN_EXE_magnum-conductor");
const MANAGE: &str = env!("CARGO_BIN_EXE_magnum-db-manage");

const HEAD: &str = "b3e1cf4a2d5e";
const ZED: &str = "7da8489d6a68";
/// Must never be printed.
const PASSWORD: &str = "hunter2-geheim";

/// An operator's directory: configuration, database, key.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn database(&self) -> String {
        format!("[database]\nconnection = sqlite:///{}\n", self.path("magnum.db").display())
    }

    /// A configuration of every section that a start needs; `more` is appended.
    fn minimal(&self, more: &str) -> PathBuf {
        let text = format!(
            "[DEFAULT]\ntransport_url = fake://\n{}[keystone_authtoken]\nauth_url = http://127.0.0.1:{}/v3\n\
             auth_type = password\nusername = magnum\npassword = {PASSWORD}\nproject_name = service\n\
             user_domain_id = default\nproject_domain_id = default\n{more}",
            self.database(),
            free_port(),
        );
        self.write("magnum.conf", 0o600, &text)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program).args(arguments).output().unwrap()
    }

    /// A program that sees nothing of this machine's own configuration.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.0.path()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn manage(&self, config: &Path, action: &[&str]) -> Output {
        let config = config.to_str().unwrap();
        self.run(MANAGE, &[&["--config-file", config], action].concat())
    }

    /// A start that must fail with exit code 1; gives what was printed, which never holds the password.
    fn refused(&self, program: &str, config: &Path) -> String {
        let output = self.run(program, &["--config-file", config.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = stderr(&output);
        assert!(!text.contains(PASSWORD), "a secret was printed: {text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    stdout(output)
}

#[track_caller]
fn assert_names(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in: {text}");
    }
}

/// A port that was free a moment ago and that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running program; it is killed if the test ends without stopping it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(mut command: Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// SIGTERM; gives the exit code, or `None` when the program has not ended within ten seconds.
    fn terminate(&mut self) -> Option<i32> {
        let kill = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// Waits until `ready` or the program's end, at most half a minute.
    fn until(&mut self, log: &Path, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !ready() {
            let ended = self.0.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "not ready: {ended:?}\n{}",
                fs::read_to_string(log).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Status and body of a GET over a connection of its own.
fn get(port: u16, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn help_lists_every_option_of_the_configuration() {
    let place = Place::new();
    for program in [API, CONDUCTOR] {
        let help = succeeded(&place.run(program, &["--help"]));
        assert_names(
            &help,
            &["--config-file", "--config-dir", "[database] connection", "[secrets] key_file"],
        );
    }
    let help = succeeded(&place.run(MANAGE, &["--help"]));
    assert_names(&help, &["--config-file", "version", "upgrade", "stamp"]);
}

#[test]
fn the_sample_configuration_is_read_back_without_a_warning() {
    let place = Place::new();
    let samples = [API, CONDUCTOR].map(|program| succeeded(&place.run(program, &["--sample-config"])));
    assert_eq!(samples[0], samples[1], "the programs share one configuration");
    assert_names(&samples[0], &["\n[database]\n", "\n#connection ="]);
    let config = place.write("sample.conf", 0o600, &format!("{}\n{}", samples[0], place.database()));
    let output = place.manage(&config, &["upgrade"]);
    assert_names(&succeeded(&output), &[HEAD]);
    assert!(!stderr(&output).contains("WARNING"), "{}", stderr(&output));
}

#[test]
fn the_schema_is_made_upgraded_and_stamped() {
    let place = Place::new();
    let config = place.write("magnum.conf", 0o600, &place.database());
    let version = || succeeded(&place.manage(&config, &["version"])).trim().to_owned();
    assert_eq!(version(), "none: the database is empty");
    for action in [&["upgrade"] as &[&str], &["upgrade", "head"], &["upgrade", ZED]] {
        let said = succeeded(&place.manage(&config, action));
        assert_eq!(said.trim(), format!("the database is at {HEAD}"), "{action:?}");
    }
    assert_eq!(version(), HEAD);
    succeeded(&place.manage(&config, &["stamp", ZED]));
    assert_eq!(version(), ZED);

    let unknown = place.manage(&config, &["stamp", "0123456789ab"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_names(&stderr(&unknown), &["cannot be stamped", "0123456789ab"]);
    assert_eq!(version(), ZED, "a refused stamp changes nothing");
}

#[test]
fn a_wrong_value_is_named_by_file_line_group_and_option() {
    let place = Place::new();
    let config = place.write("magnum.conf", 0o600, "# ours\n[api]\nport = many\n");
    let where_it_is = format!("{}:3: option port in [api]", config.display());
    for program in [API, CONDUCTOR] {
        assert_names(&place.refused(program, &config), &[&where_it_is, "many"]);
    }
    let managed = place.manage(&config, &["version"]);
    assert_eq!(managed.status.code(), Some(1));
    assert_names(&stderr(&managed), &[&where_it_is]);
}

#[test]
fn a_configuration_file_that_is_not_there_is_named() {
    let place = Place::new();
    let missing = place.path("nowhere.conf");
    assert_names(&place.refused(API, &missing), &[missing.to_str().unwrap()]);
}

#[test]
fn no_refusal_repeats_a_secret() {
    let place = Place::new();
    let broken_line = place.write("line.conf", 0o600, &format!("[DEFAULT]\n  \npassword {PASSWORD}\n"));
    assert_names(&place.refused(API, &broken_line), &[&format!("{}:3", broken_line.display())]);

    let connection = format!("[database]\nconnection = postgresql://magnum:{PASSWORD}@127.0.0.1/magnum\n");
    let connection = place.write("connection.conf", 0o600, &connection);
    for program in [API, CONDUCTOR] {
        assert_names(&place.refused(program, &connection), &["database"]);
    }

    let bus = place.minimal(&format!("[DEFAULT]\ntransport_url = pigeon://magnum:{PASSWORD}@127.0.0.1/\n"));
    for program in [API, CONDUCTOR] {
        assert_names(&place.refused(program, &bus), &["transport_url"]);
    }
}

#[test]
fn a_missing_connection_is_named() {
    let place = Place::new();
    let config = place.write("magnum.conf", 0o600, "[DEFAULT]\ndebug = false\n");
    for program in [API, CONDUCTOR] {
        assert_names(&place.refused(program, &config), &["[database] connection is not set"]);
    }
    let managed = place.manage(&config, &["upgrade"]);
    assert_eq!(managed.status.code(), Some(1));
    assert_names(&stderr(&managed), &["[database] connection is not set"]);
}

#[test]
fn missing_credentials_of_the_service_are_named() {
    let place = Place::new();
    let config = place.write("magnum.conf", 0o600, &place.database());
    for program in [API, CONDUCTOR] {
        assert_names(&place.refused(program, &config), &["[keystone_authtoken]", "auth_url is not set"]);
    }
}

#[test]
fn a_key_file_that_others_may_read_is_refused_with_the_remedy() {
    let place = Place::new();
    let key = place.write("key", 0o644, "0123456789abcdef0123456789abcdef");
    let config = place.minimal(&format!("[secrets]\nkey_file = {}\n", key.display()));
    for program in [API, CONDUCTOR] {
        let said = place.refused(program, &config);
        assert_names(&said, &["[secrets] key_file", key.to_str().unwrap(), "644", "chmod 600"]);
    }
}

#[test]
fn a_key_file_that_is_missing_or_too_short_is_refused() {
    let place = Place::new();
    let key = place.path("key");
    let config = place.minimal(&format!("[secrets]\nkey_file = {}\n", key.display()));
    assert_names(&place.refused(API, &config), &[key.to_str().unwrap(), "No such file"]);
    place.write("key", 0o600, "short\n");
    assert_names(&place.refused(API, &config), &[key.to_str().unwrap(), "openssl rand"]);
}

#[test]
fn certificates_in_files_or_in_the_database_need_a_key_file() {
    let place = Place::new();
    for kind in ["local", "x509keypair"] {
        let config = place.minimal(&format!("[certificates]\ncert_manager_type = {kind}\n"));
        for program in [API, CONDUCTOR] {
            let said = place.refused(program, &config);
            assert_names(
                &said,
                &[&format!("cert_manager_type = {kind}"), "[secrets] key_file", "openssl rand"],
            );
        }
    }
}

#[test]
fn the_api_starts_without_its_cloud_answers_and_ends_on_sigterm() {
    let place = Place::new();
    let port = free_port();
    let config = place.minimal(&format!("[api]\nhost = 127.0.0.1\nport = {port}\n"));
    succeeded(&place.manage(&config, &["upgrade"]));
    let log = place.path("api.log");
    let mut command = place.command(API);
    command.arg("--config-file").arg(&config);
    let mut api = Running::start(command, &log);
    api.until(&log, || TcpStream::connect(("127.0.0.1", port)).is_ok());

    assert_eq!(get(port, "/healthcheck", "").0, 200);
    let (status, versions) = get(port, "/", "");
    assert_eq!(status, 200, "{versions}");
    let versions: serde_json::Value = serde_json::from_str(&versions).unwrap();
    assert_eq!(versions["versions"][0]["id"], "v1", "{versions}");
    let (status, refusal) = get(port, "/v1/clusters", "");
    assert_eq!(status, 401, "{refusal}");
    // Keystone cannot be asked: that is no verdict on the token.
    let (status, refusal) = get(port, "/v1/clusters", &format!("X-Auth-Token: {PASSWORD}\r\n"));
    assert_eq!(status, 503, "{refusal}");
    assert!(!refusal.contains(PASSWORD), "{refusal}");

    let code = api.terminate();
    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(code, Some(0), "{log}");
    assert_names(&log, &["serving HTTP", "SIGTERM: stopping", "stopped serving"]);
    assert!(!log.contains(PASSWORD), "a secret was logged: {log}");
}

/// The configuration of an old controller starts both programs as it is: a second file overrides only what names another
/// machine (addresses, database, logs), and the key that the two lesser certificate stores need here. Neither Keystone nor
/// RabbitMQ answers.
#[test]
fn files_of_pike_zed_and_22_start_both_programs() {
    for name in ["pike.conf", "zed.conf", "v22.conf"] {
        let (place, port) = (Place::new(), free_port());
        if !certificates::make(place.0.path()).unwrap() {
            return;
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../magnum-config/tests/data").join(name);
        let mut text = fs::read_to_string(file).unwrap();
        let ca = place.path("ca.pem");
        for path in ["/etc/ssl/certs/cloud.pem", "/etc/ssl/ca.pem", "/etc/ssl/rabbit.pem"] {
            text = text.replace(path, ca.to_str().unwrap());
        }
        let file = place.write(name, 0o600, &text);
        let key = place.write("key", 0o600, "0123456789abcdef0123456789abcdef");
        let here = place.write(
            "here.conf",
            0o600,
            &format!(
                "[DEFAULT]\nlog_dir =\nlog_file =\n[api]\nhost = 127.0.0.1\nport = {port}\n{}[secrets]\nkey_file = {}\n",
                place.database(),
                key.display()
            ),
        );
        let files = ["--config-file", file.to_str().unwrap(), "--config-file", here.to_str().unwrap()];
        succeeded(&place.run(MANAGE, &[&files[..], &["upgrade"]].concat()));
        let starts = |program: &str, ready: &dyn Fn(&str) -> bool| {
            let log = place.path("log");
            let mut command = place.command(program);
            command.args(files);
            let mut running = Running::start(command, &log);
            running.until(&log, || ready(&fs::read_to_string(&log).unwrap()));
            assert_eq!(running.terminate(), Some(0), "{name}: {}", fs::read_to_string(&log).unwrap());
            let said = fs::read_to_string(&log).unwrap();
            for unwanted in ["unknown option", "panicked", "legacy pass", "domain-secret", "s3cret"] {
                assert!(!said.contains(unwanted), "{name}: {unwanted:?} in {said}");
            }
            said
        };
        let api = starts(API, &|_| TcpStream::connect(("127.0.0.1", port)).is_ok());
        let conductor = starts(CONDUCTOR, &|said| said.contains("the conductor works"));
        // The files ask for so many `workers`; Pike's for two of the conductor.
        for (program, said, workers) in
            [("pike.conf", &api, 4), ("pike.conf", &conductor, 2), ("zed.conf", &api, 8)]
        {
            // The second is a line of `use_json`.
            let told = [format!("threads={workers}\n"), format!("\"threads\":{workers}")];
            let heeded = told.iter().any(|words| said.contains(words));
            assert!(program != name || heeded, "{name}: not {workers} threads: {said}");
        }
    }
}

#[test]
fn the_conductor_starts_without_its_cloud_and_ends_on_sigterm() {
    let place = Place::new();
    let key = place.write("key", 0o600, "0123456789abcdef0123456789abcdef");
    let storage = place.path("certificates");
    let config = place.minimal(&format!(
        "[secrets]\nkey_file = {}\n[certificates]\ncert_manager_type = local\nstorage_path = {}\n",
        key.display(),
        storage.display()
    ));
    succeeded(&place.manage(&config, &["upgrade"]));
    let log = place.path("conductor.log");
    let mut command = place.command(CONDUCTOR);
    command.arg("--debug").arg("--config-file").arg(&config);
    let mut conductor = Running::start(command, &log);
    conductor.until(&log, || fs::read_to_string(&log).unwrap().contains("the conductor works"));

    let code = conductor.terminate();
    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(code, Some(0), "{log}");
    assert_names(&log, &["SIGTERM: stopping", "the conductor has stopped"]);
    assert!(!log.contains(PASSWORD), "a secret was logged: {log}");
}
