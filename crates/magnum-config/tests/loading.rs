//! Files, directories and the environment as an operator uses them, through `MagnumConfig::load`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use magnum_config::{ConfigError, MagnumConfig, Sources, Warning, write_private};
use secrecy::ExposeSecret;
use tempfile::TempDir;

/// A directory to put configuration into, and sources that look nowhere else.
struct Lab {
    dir: TempDir,
    sources: Sources,
}

impl Lab {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut sources = Sources::new("magnum-api", "box");
        sources.etc = dir.path().join("etc");
        Self { dir, sources }
    }

    fn with(text: &str) -> Self {
        let mut lab = Self::new();
        let path = lab.write("magnum.conf", text);
        lab.sources.files.push(path);
        lab
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_private(&path, text).unwrap();
        path
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn load(&self) -> (MagnumConfig, Vec<String>) {
        let (config, warnings) = MagnumConfig::load(&self.sources).unwrap();
        (config, warnings.iter().map(|warning| self.without_dir(&warning.to_string())).collect())
    }

    fn error(&self) -> String {
        self.without_dir(&MagnumConfig::load(&self.sources).unwrap_err().to_string())
    }

    fn without_dir(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn connection(config: &MagnumConfig) -> &str {
    config.database.connection.as_ref().unwrap().expose_secret()
}

#[test]
fn without_any_file_the_defaults_hold() {
    let (config, warnings) = Lab::new().load();
    assert_eq!(config.api.port, 9511);
    assert_eq!(config.default.host, "box");
    assert_eq!(config.default.state_path, "/var/lib/magnum");
    assert_eq!(config.glance_client.api_version.as_deref(), Some("2"));
    assert_eq!(config.neutron_client.api_version, None);
    assert_eq!(config.messaging.transport_url.expose_secret(), "rabbit://");
    assert_eq!(config.conductor.max_concurrent_operations, 64);
    assert_eq!(config.node.plan_hold_seconds, 20);
    assert_eq!(config.oslo_policy.policy_dirs.0, ["policy.d"]);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn passwords_arrive_as_they_were_meant() {
    for (written, meant) in [
        ("100%(s)s%", "100%(s)s%"),
        (r"a\x41\n\\", r"a\x41\n\\"),
        ("a#b;c # d", "a#b;c # d"),
        ("a$$b", "a$b"),
        (r"a\$b", "a$b"),
        ("a$1$", "a$1$"),
        (r#"" spaced ""#, " spaced "),
        ("'single'", "single"),
        (r#"half""#, r#"half""#),
        ("a=b:c", "a=b:c"),
    ] {
        let (config, _) = Lab::with(&format!("[keystone_auth]\npassword = {written}\n")).load();
        assert_eq!(config.keystone_auth.password.unwrap().expose_secret(), meant, "written as {written}");
    }
}

#[test]
fn a_list_continues_over_lines() {
    let (config, _) = Lab::with("[trust]\nroles = member,\n    reader ,\n\tcreator\n[api]\nport: 1\n").load();
    assert_eq!(config.trust.roles, ["member", "reader", "creator"]);
    assert_eq!(config.api.port, 1);
}

#[test]
fn a_repeated_option_adds_up_where_it_may_and_else_the_last_one_wins() {
    let lab = Lab::with(
        "[oslo_messaging_notifications]\ndriver = log\n[api]\nport = 1\nport = 2\n[oslo_messaging_notifications]\ndriver = noop\n",
    );
    let (config, _) = lab.load();
    assert_eq!(config.oslo_messaging_notifications.driver.0, ["log", "noop"]);
    assert_eq!(config.api.port, 2);
}

#[test]
fn later_files_then_directories_then_the_environment_win() {
    let mut lab = Lab::with("[api]\nport = 1\nmax_limit = 1\nworkers = 1\nhost = a\n");
    let second = lab.write("second.conf", "[api]\nmax_limit = 2\nworkers = 2\nhost = b\n");
    lab.write("conf.d/20.conf", "[api]\nhost = d\n");
    lab.write("conf.d/10.conf", "[api]\nhost = c\nworkers = 3\n");
    lab.write("conf.d/99.txt", "not configuration");
    lab.sources.files.push(second);
    lab.sources.dirs.push(lab.dir.path().join("conf.d"));
    let (config, warnings) = lab.env("OS_API__HOST", "e$").env("OS_AUTH_URL", "x").load();
    assert_eq!((config.api.port, config.api.max_limit, config.api.workers), (1, 2, Some(3)));
    assert_eq!(config.api.host, "e$");
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_usual_places_are_searched_when_nothing_is_named() {
    let mut lab = Lab::new();
    lab.write("etc/magnum/magnum.conf", "[api]\nport = 1\nmax_limit = 1\nhost = etc\n");
    lab.write("home/.magnum/magnum-api.conf", "[api]\nmax_limit = 2\n");
    lab.write("etc/magnum-api.conf", "[api]\nport = 9\n");
    lab.write("etc/magnum/magnum.conf.d/a.conf", "[api]\nhost = dir\n");
    lab.sources.home = Some(lab.dir.path().join("home"));
    let (config, _) = lab.load();
    assert_eq!((config.api.port, config.api.max_limit, config.api.host.as_str()), (1, 2, "dir"));
}

#[test]
fn options_refer_to_others_in_every_form() {
    let lab = Lab::with(
        "[DEFAULT]\nhost = h\nstate_path = ${tempdir}/s\ntempdir = /t\n[cluster]\ntemp_cache_dir = $state_path/c\n\
         [certificates]\nstorage_path = ${cluster.temp_cache_dir}/$api.port-$host\n[drivers]\nopenstack_ca_file = $verify_ca$default_driver\n",
    );
    let (config, _) = lab.load();
    assert_eq!(config.certificates.storage_path, "/t/s/c/9511-h");
    assert_eq!(config.drivers.openstack_ca_file, "true", "an unset option stands for nothing");
}

#[test]
fn old_names_work_and_warn_once() {
    let lab = Lab::with(
        "[bay]\netcd_discovery_service_endpoint_format = x\n[DEFAULT]\nsql_connection = sqlite://\nsql_connection = sqlite:///f\n",
    );
    let (config, warnings) = lab.load();
    assert_eq!(config.cluster.etcd_discovery_service_endpoint_format, "x");
    assert_eq!(connection(&config), "sqlite:///f");
    assert_eq!(
        warnings,
        [
            "magnum.conf:2: [bay] etcd_discovery_service_endpoint_format is an old name, write [cluster] etcd_discovery_service_endpoint_format instead",
            "magnum.conf:4: [DEFAULT] sql_connection is an old name, write [database] connection instead",
        ]
    );
}

#[test]
fn the_own_name_wins_over_an_old_one_in_the_same_file_only() {
    let text = "[keystone_authtoken]\nwww_authenticate_uri = new\nauth_uri = old\n";
    let mut lab = Lab::with(text);
    assert_eq!(lab.load().0.keystone_authtoken.middleware.www_authenticate_uri.as_deref(), Some("new"));
    let later = lab.write("later.conf", "[keystone_authtoken]\nauth_uri = later\n");
    lab.sources.files.push(later);
    assert_eq!(lab.load().0.keystone_authtoken.middleware.www_authenticate_uri.as_deref(), Some("later"));
}

#[test]
fn unknown_names_warn_once_and_suggest_the_nearest() {
    let lab = Lab::with("[api]\nprot = 1\nprot = 2\n[keystone_authtokens]\na = 1\nb = 2\n[profiler]\nenabled = 1\n[zzz]\nq = 1\n[trust]\nfrobnicate = 1\n")
        .env("OS_API__HSOT", "x")
        .env("OS_OTHER__THING", "x");
    let (_, warnings) = lab.load();
    assert_eq!(
        warnings,
        [
            "magnum.conf:2: unknown option prot in [api] is skipped; did you mean port?",
            "magnum.conf:5: unknown group [keystone_authtokens] is skipped; did you mean [keystone_authtoken]?",
            "magnum.conf:10: unknown group [zzz] is skipped",
            "magnum.conf:12: unknown option frobnicate in [trust] is skipped",
            "environment variable OS_API__HSOT: unknown option hsot in [api] is skipped; did you mean host?",
        ]
    );
}

#[test]
fn dashes_in_names_count_as_underscores_and_groups_have_no_case() {
    let (config, warnings) = Lab::with("[API]\nmax-limit = 7\n").load();
    assert_eq!(config.api.max_limit, 7);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_wrong_value_is_told_with_place_name_and_remedy() {
    for (text, expected) in [
        (
            "[api]\n\nport = nine",
            "magnum.conf:3: option port in [api] = \"nine\": not a whole number; write one from 0 to 65535",
        ),
        (
            "[api]\nport =",
            "magnum.conf:2: option port in [api] = \"\": needs a value; write one or remove the line",
        ),
        (
            "[x509]\nrsa_key_size = 512",
            "magnum.conf:2: option rsa_key_size in [x509] = \"512\": number out of range; write one from 2048 to 16384",
        ),
        (
            "[drivers]\nverify_ca = maybe",
            "magnum.conf:2: option verify_ca in [drivers] = \"maybe\": not a boolean; write true or false",
        ),
        (
            "[certificates]\ncert_manager_type = vault",
            "magnum.conf:2: option cert_manager_type in [certificates] = \"vault\": not one of the possible values; write one of: barbican, x509keypair, local",
        ),
        (
            "[api]\nhost = $nowhere",
            "magnum.conf:2: option host in [api]: refers to `$nowhere`, which names no option; write `$$` for a dollar sign",
        ),
        (
            "[DEFAULT]\nstate_path = $tempdir\ntempdir = $state_path",
            "magnum.conf:3: option tempdir in [DEFAULT]: refers in a circle to `$state_path`, which names an option that refers back; give one of them a plain value",
        ),
        ("port = 1", "magnum.conf:1: an option stands before any group; put a line `[DEFAULT]` above it"),
    ] {
        assert_eq!(Lab::with(text).error(), expected, "{text}");
    }
    assert_eq!(
        Lab::new().env("OS_API__PORT", "70000").error(),
        "environment variable OS_API__PORT: option port in [api] = \"70000\": number out of range; write one from 0 to 65535"
    );
}

#[test]
fn no_error_and_no_debug_text_shows_a_secret() {
    let secret = Lab::with("[database]\nconnection = mysql://u:hush$hush@h\n");
    assert!(!secret.error().contains("hush"), "{}", secret.error());
    let quoted = Lab::with("[keystone_auth]\npassword = hush\ntimeout = $password\n");
    assert!(quoted.error().contains("timeout") && !quoted.error().contains("hush"), "{}", quoted.error());
    let (config, _) = Lab::with(
        "[trust]\ntrustee_domain_admin_password = hush\n[DEFAULT]\ntransport_url = rabbit://u:hush@h\n",
    )
    .load();
    assert!(!format!("{config:?}").contains("hush"));
    let lab = Lab::new().env("OS_KEYSTONE_AUTH__PASSWORD", "hush");
    assert!(!format!("{:?}", lab.sources).contains("hush"));
    assert_eq!(lab.load().0.keystone_auth.password.unwrap().expose_secret(), "hush");
}

#[test]
fn a_missing_named_file_or_directory_is_an_error() {
    let mut lab = Lab::new();
    lab.sources.files.push(lab.dir.path().join("none.conf"));
    assert_eq!(lab.error(), "cannot read configuration none.conf");
    let mut lab = Lab::new();
    lab.sources.dirs.push(lab.dir.path().join("none.d"));
    assert!(matches!(MagnumConfig::load(&lab.sources), Err(ConfigError::Read { .. })));
}

#[test]
fn a_file_that_others_can_read_warns_only_if_it_holds_a_secret() {
    for (text, mode, expected) in [
        ("[keystone_auth]\npassword = x", 0o640, true),
        ("[keystone_auth]\npassword = x", 0o600, false),
        ("[api]\nport = 1", 0o644, false),
    ] {
        let lab = Lab::with(text);
        let path = &lab.sources.files[0];
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let (_, warnings) = MagnumConfig::load(&lab.sources).unwrap();
        let found = warnings.contains(&Warning::ReadableSecret { path: path.clone(), mode });
        assert_eq!(found, expected, "{text:?} with mode {mode:o}");
    }
}

#[test]
fn private_files_replace_an_open_one_and_leave_nothing_beside() {
    let lab = Lab::new();
    let path = lab.dir.path().join("own.conf");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    write_private(&path, "new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(lab.dir.path()).unwrap().count(), 1);
    assert!(write_private(&lab.dir.path().join("none/own.conf"), "x").is_err());
}

#[test]
fn credentials_may_stand_in_a_group_of_their_own() {
    let lab = Lab::with(
        "[keystone_auth]\nauth_section = Shared\ncafile = /own.pem\n[shared]\nusername = me\npassword = x\ncafile = /other.pem\nuser-domain-name = D\n",
    );
    let (config, warnings) = lab.load();
    assert_eq!(config.keystone_auth.method(), Some("password"));
    assert_eq!(config.keystone_auth.username.as_deref(), Some("me"));
    assert_eq!(config.keystone_auth.user_domain_name.as_deref(), Some("D"));
    assert_eq!(
        config.keystone_auth.cafile.as_deref(),
        Some("/own.pem"),
        "the session stays that of the group"
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_service_falls_back_to_the_credentials_of_the_token_check() {
    let (config, _) = Lab::with("[keystone_authtoken]\nauth_type = password\nusername = magnum\n").load();
    assert_eq!(config.service_auth().username.as_deref(), Some("magnum"));
}
