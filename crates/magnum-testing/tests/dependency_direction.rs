//! The house's arrows only go down (docs/architecture.md). This test reads `cargo metadata` and fails on any edge
//! between our crates that is not listed here, and on any crate that names a library which another one hides.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::Value;
use std::{collections::BTreeMap, process::Command};

/// crate → the crates of ours that it may name. Dev-dependencies are free: a test may stand anywhere.
const ARROWS: &[(&str, &[&str])] = &[
    ("magnum-types", &[]),
    ("magnum-config", &[]),
    ("magnum-x509", &[]),
    ("magnum-policy", &["types"]),
    ("magnum-db", &["types"]),
    ("magnum-messaging", &["types"]),
    ("magnum-openstack", &["types"]),
    ("magnum-identity", &["types", "x509"]),
    ("magnum-operations", &["types"]),
    ("magnum-secrets", &["types", "x509", "openstack", "db"]),
    ("magnum-drivers", &["types", "x509", "openstack", "secrets"]),
    ("magnum-node", &["types", "x509"]),
    (
        "magnum-conductor",
        &["types", "operations", "drivers", "db", "messaging", "openstack", "secrets", "x509"],
    ),
    ("magnum-api", &["types", "policy", "drivers", "db", "messaging", "openstack", "secrets", "x509"]),
    ("magnum-cli", &["types", "openstack", "x509"]),
    (
        "magnum",
        &[
            "types",
            "config",
            "policy",
            "x509",
            "db",
            "messaging",
            "openstack",
            "secrets",
            "operations",
            "drivers",
            "conductor",
            "api",
            "cli",
            "identity",
            "local",
        ],
    ),
    ("magnum-local", &["types"]),
    ("magnum-fakes", &["types", "openstack"]),
    ("magnum-fuzz", &["api"]),
    ("magnum-testing", &[]),
];

/// library → the only crates that may name it in production code.
const HIDDEN: &[(&str, &[&str])] = &[
    ("sqlx", &["magnum-db"]),
    ("lapin", &["magnum-messaging"]),
    ("reqwest", &["magnum-openstack"]),
    ("aws-lc-rs", &["magnum-x509"]),
    ("axum", &["magnum-api", "magnum-identity", "magnum-local", "magnum-fakes"]),
    ("argon2", &["magnum-identity"]),
    ("clap", &["magnum", "magnum-node", "magnum-cli"]),
    ("comfy-table", &["magnum-cli"]),
    ("bollard", &["magnum-local"]),
];

/// Crates that only tests may name.
const DEV_ONLY: &[&str] = &["magnum-fakes", "magnum-testing"];

fn production_dependencies() -> BTreeMap<String, Vec<String>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |package: &Value| package["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let production =
                package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
            (name(package), production.map(name).collect())
        })
        .collect()
}

#[test]
fn arrows_only_go_down() {
    for (package, dependencies) in production_dependencies() {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(name, _)| *name == package)
            .unwrap_or_else(|| panic!("{package} has no row in this test: decide where it stands"));
        for dependency in dependencies {
            if let Some(ours) = dependency.strip_prefix("magnum-") {
                assert!(allowed.contains(&ours), "{package} must not depend on {dependency}");
            }
        }
    }
}

#[test]
fn hidden_libraries_are_named_by_one_crate() {
    for (package, dependencies) in production_dependencies() {
        for (library, owners) in HIDDEN {
            let names_it = dependencies.iter().any(|dependency| dependency == library);
            assert!(!names_it || owners.contains(&package.as_str()), "{package} must not name {library}");
        }
        for dependency in dependencies {
            assert!(!DEV_ONLY.contains(&dependency.as_str()), "{package} ships test code: {dependency}");
        }
    }
}
