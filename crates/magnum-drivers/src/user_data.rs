//! What a new machine is told: four files and one unit that starts the node program. It is one model, written in the
//! language that the image's system reads: cloud-init's or Ignition's, or as plain files for nodes that are made from a
//! list of files. Values are filled in by Heat, where the text says `__NAME__`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Name under which templates find the user data.
pub(crate) const FILE: &str = "../node/user-data";

const UNIT: &str = "magnum-node.service";

struct NodeFile {
    path: &'static str,
    mode: u32,
    content: Content,
}

enum Content {
    /// Text in which Heat fills in values.
    Filled(&'static str),
    /// Text as it is.
    Plain(&'static str),
    /// A value that Heat fills in is the content in base64.
    Base64(&'static str),
}

const FILES: &[NodeFile] = &[
    NodeFile {
        path: "/etc/magnum/node.json",
        mode: 0o600,
        content: Content::Filled(include_str!("../assets/node/node.json")),
    },
    NodeFile { path: "/etc/magnum/ca.pem", mode: 0o644, content: Content::Base64("__CA__") },
    NodeFile {
        path: "/etc/magnum/node.env",
        mode: 0o600,
        content: Content::Filled(include_str!("../assets/node/node.env")),
    },
    NodeFile {
        path: "/etc/magnum/install-node",
        mode: 0o755,
        content: Content::Plain(include_str!("../assets/node/install-node")),
    },
];

const UNIT_TEXT: &str = include_str!("../assets/node/magnum-node.service");

const UNIT_FILE: NodeFile = NodeFile {
    path: "/etc/systemd/system/magnum-node.service",
    mode: 0o644,
    content: Content::Plain(UNIT_TEXT),
};

/// What `systemctl enable` makes of the unit's `WantedBy`, for images that nobody runs a command in.
const UNIT_LINK: &str = "/etc/systemd/system/multi-user.target.wants/magnum-node.service";

/// For images of this distribution.
pub(crate) fn for_distribution(os_distro: Option<&str>) -> String {
    match os_distro {
        Some("fedora-coreos" | "flatcar") => ignition(),
        _ => cloud_init(),
    }
}

/// The text for cloud-init.
pub(crate) fn cloud_init() -> String {
    let mut text = "#cloud-config\n# Installs one program and starts it; everything else is that program's work, told by \
                    Magnum.\nwrite_files:\n"
        .to_owned();
    for file in FILES.iter().chain([&UNIT_FILE]) {
        text.push_str(&format!("  - path: {}\n    permissions: '0{:o}'\n", file.path, file.mode));
        match file.content {
            Content::Base64(value) => {
                text.push_str(&format!("    encoding: b64\n    content: \"{value}\"\n"))
            }
            Content::Filled(content) | Content::Plain(content) => {
                text.push_str("    content: |\n");
                for line in content.lines() {
                    text.push_str(&format!("      {line}\n"));
                }
            }
        }
    }
    text.push_str("runcmd:\n  - [systemctl, daemon-reload]\n");
    text.push_str(&format!("  - [systemctl, enable, {UNIT}]\n  - [systemctl, start, --no-block, {UNIT}]\n"));
    text
}

/// The text for Ignition (specification 3).
pub(crate) fn ignition() -> String {
    let file = |file: &NodeFile| {
        let source = match file.content {
            Content::Base64(value) => format!("data:;base64,{value}"),
            Content::Plain(content) => format!("data:;base64,{}", STANDARD.encode(content)),
            // The values that Heat fills in are URLs, tokens and UUIDs, none of which holds a per cent sign: a signal URL
            // is made of ids and of names of stacks and resources.
            Content::Filled(content) => format!("data:,{}", percent_encoded(content)),
        };
        json!({"path": file.path, "mode": file.mode, "overwrite": true, "contents": {"source": source}})
    };
    let files: Vec<Value> = FILES.iter().map(file).collect();
    let document = json!({
        "ignition": {"version": "3.0.0"},
        "storage": {"files": files},
        "systemd": {"units": [{"name": UNIT, "enabled": true, "contents": UNIT_TEXT}]},
    });
    format!("{document}\n")
}

/// The files themselves, with the unit enabled by its link. Each has `path` and one of: `fill`, a text in which values are
/// filled in; `text`, a text as it is; `base64`, the name of a value that is the content in base64; `link`, where a
/// symbolic link points. All but a link have `mode`.
pub(crate) fn plain_files() -> Value {
    let file = |file: &NodeFile| {
        let (kind, content) = match file.content {
            Content::Filled(content) => ("fill", content),
            Content::Plain(content) => ("text", content),
            Content::Base64(value) => ("base64", value),
        };
        json!({ "path": file.path, "mode": file.mode, kind: content })
    };
    let link = json!({ "path": UNIT_LINK, "link": UNIT_FILE.path });
    FILES.iter().chain([&UNIT_FILE]).map(file).chain([link]).collect()
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between double underscores.
    fn placeholders(text: &str) -> std::collections::BTreeSet<String> {
        let parts: Vec<&str> = text.split("__").collect();
        let is_name = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
        };
        parts.into_iter().filter(is_name).map(str::to_owned).collect()
    }

    #[test]
    fn all_languages_ask_heat_for_the_same_values() {
        let names = placeholders(&cloud_init());
        assert_eq!(names, placeholders(&ignition()));
        assert_eq!(names, placeholders(&plain_files().to_string()));
        assert!(names.contains("SIGNAL_TOKEN") && names.contains("ETCD_VOLUME_ID"), "{names:?}");
    }

    #[test]
    fn user_data_is_far_below_what_nova_takes() {
        assert!(cloud_init().len() < 8 * 1024, "{}", cloud_init().len());
        assert!(ignition().len() < 12 * 1024, "{}", ignition().len());
    }

    #[test]
    fn plain_files_are_those_of_cloud_init_and_an_enabled_unit() {
        let files = plain_files();
        let files = files.as_array().unwrap();
        assert_eq!(files.len(), FILES.len() + 2);
        for file in files {
            let path = file["path"].as_str().unwrap();
            assert!(path == UNIT_LINK || cloud_init().contains(&format!("path: {path}\n")), "{path}");
        }
        assert_eq!(files.last().unwrap()["link"], UNIT_FILE.path);
    }

    #[test]
    fn ignition_is_json_whose_files_are_data_urls() {
        let document: Value = serde_json::from_str(&ignition()).unwrap();
        let files = document["storage"]["files"].as_array().unwrap();
        assert_eq!(files.len(), FILES.len());
        assert!(files.iter().all(|file| file["contents"]["source"].as_str().unwrap().starts_with("data:")));
        assert_eq!(for_distribution(Some("flatcar")), ignition());
        assert_eq!(for_distribution(Some("debian")), cloud_init());
    }
}
