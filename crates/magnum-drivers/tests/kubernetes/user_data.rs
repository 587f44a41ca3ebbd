//! What a machine is told, once Heat has filled it in: both languages must write the same files.

use crate::{differs, world::World};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::collections::BTreeMap;

/// The stack's user data for images of a distribution, filled in as `str_replace_strict` does: every name that occurs.
fn filled(distro: &str) -> String {
    let mut world = World::new(1, 1);
    world.template.cluster_distro = Some(distro.into());
    let authority = "-----BEGIN CERTIFICATE-----\n".to_owned()
        + &"MIIB+/=A".repeat(512)
        + "\n-----END CERTIFICATE-----\n";
    let authority = STANDARD.encode(authority);
    let mut text = world.stack().files["../node/user-data"].clone();
    for (name, value) in [
        ("__MAGNUM_URL__", "https://magnum.example.org:9511/v1"),
        ("__CLUSTER__", "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"),
        ("__JOIN_SECRET__", "Zm9v-YmFy_4"),
        (
            "__SIGNAL_URL__",
            "https://[fd00::8]:8004/v1/b0d1a9a0/stacks/k8s-x7-kube_masters-q-0-z/9f0a3d2b/resources/master_wait_handle/signal?a=b&c=d+e~",
        ),
        ("__SIGNAL_TOKEN__", "gAAAAABo-_abc=="),
        ("__PROGRAM_SHA256__", "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"),
        ("__CA__", authority.as_str()),
        ("__VERIFY__", "true"),
        ("__VOLUME_ID__", ""),
        ("__ETCD_VOLUME_ID__", "3f0a6d0e-0b0c-4a55-8a87-0a1b2c3d4e5f"),
    ] {
        assert!(text.contains(name), "{name}");
        text = text.replace(name, value);
    }
    text
}

type Files = BTreeMap<String, (u64, String)>;

fn of_cloud_init(text: &str) -> Files {
    assert!(text.starts_with("#cloud-config\n"));
    let document: Value = serde_saphyr::from_str(text).unwrap();
    let file = |file: &Value| {
        let content = file["content"].as_str().unwrap();
        let content = match file["encoding"].as_str() {
            Some("b64") => String::from_utf8(STANDARD.decode(content).unwrap()).unwrap(),
            _ => content.to_owned(),
        };
        let mode = u64::from_str_radix(file["permissions"].as_str().unwrap(), 8).unwrap();
        (file["path"].as_str().unwrap().to_owned(), (mode, content))
    };
    document["write_files"].as_array().unwrap().iter().map(file).collect()
}

fn of_ignition(text: &str) -> Files {
    let document: Value = serde_json::from_str(text).unwrap();
    let file = |file: &Value| {
        let url = file["contents"]["source"].as_str().unwrap();
        let content = match url.strip_prefix("data:;base64,") {
            Some(coded) => STANDARD.decode(coded).unwrap(),
            None => percent_decoded(url.strip_prefix("data:,").unwrap()),
        };
        let content = String::from_utf8(content).unwrap();
        (file["path"].as_str().unwrap().to_owned(), (file["mode"].as_u64().unwrap(), content))
    };
    let mut files: Files = document["storage"]["files"].as_array().unwrap().iter().map(file).collect();
    for unit in document["systemd"]["units"].as_array().unwrap() {
        assert_eq!(unit["enabled"], true);
        let path = format!("/etc/systemd/system/{}", unit["name"].as_str().unwrap());
        files.insert(path, (0o644, unit["contents"].as_str().unwrap().to_owned()));
    }
    files
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
        decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
    }
    decoded
}

#[test]
fn both_languages_write_the_same_files_and_are_the_stored_ones() {
    let (cloud_init, ignition) = (filled("debian"), filled("flatcar"));
    let files = of_cloud_init(&cloud_init);
    assert_eq!(files, of_ignition(&ignition));
    let node: Value = serde_json::from_str(&files["/etc/magnum/node.json"].1).unwrap();
    assert_eq!(node["etcd_volume_id"], "3f0a6d0e-0b0c-4a55-8a87-0a1b2c3d4e5f");
    assert_eq!((&node["volume_id"], &node["verify"]), (&Value::from(""), &Value::from(true)));
    assert!(node["signal_url"].as_str().unwrap().ends_with("/signal?a=b&c=d+e~"));
    assert_eq!(files["/etc/magnum/node.env"].0, 0o600, "it holds secrets");
    assert!(files["/etc/magnum/ca.pem"].1.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(!files.values().any(|(_, content)| content.contains("__")), "everything is filled in");
    // Nova takes 64 KiB of base64.
    assert!(
        cloud_init.len() < 16 * 1024 && ignition.len() < 20 * 1024,
        "{} {}",
        cloud_init.len(),
        ignition.len()
    );

    let stored = [("user-data-cloud-init", &cloud_init), ("user-data-ignition", &ignition)];
    let others: Vec<_> =
        stored.into_iter().filter_map(|(name, text)| differs("golden", name, text)).collect();
    assert_eq!(others, [""; 0], "not what is in tests/golden; if it should be, copy these");
}
