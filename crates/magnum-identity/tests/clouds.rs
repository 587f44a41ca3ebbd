//! `clouds.yaml` of others: our entry comes in, nothing else changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_identity::clouds::{CloudEntry, CloudsError, merge, remove, without, write};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn entry(password: &str) -> CloudEntry {
    CloudEntry {
        auth_url: "https://127.0.0.1:9511/identity/v3".into(),
        username: "demo".into(),
        password: password.into(),
        project_name: "demo".into(),
        user_domain_name: "Default".into(),
        project_domain_name: "Default".into(),
        region_name: "RegionOne".into(),
        cacert: Some("/data/a \"b\"/ca.pem".into()),
    }
}

fn data(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn a_new_file_holds_our_entry_and_a_second_start_changes_nothing() {
    for empty in ["", "\n", "# mine\n", "clouds:\n", "clouds: {}\n", "clouds: ~ # none\n", "---\n"] {
        let merged = merge(empty, "magnum", "one/demo", &entry("a'b\\\"c: #")).unwrap();
        assert_eq!(merged.name, "magnum");
        let cloud = &data(&merged.text)["clouds"]["magnum"];
        assert_eq!(cloud["auth"]["password"], "a'b\\\"c: #", "{empty:?}");
        assert_eq!(cloud["cacert"], "/data/a \"b\"/ca.pem");
        assert_eq!(cloud["identity_api_version"], "3");
        assert_eq!(merge(&merged.text, "magnum", "one/demo", &entry("a'b\\\"c: #")).unwrap(), merged);
    }
}

const OTHERS: &str = "# my clouds\nclouds: # all\n    # the old one\n    mycloud:\n        auth: {auth_url: 'http://k', \
                      password: 0644}   # keep\n    \"magnum\":\n        profile: rackspace\ncache:\n    class: dogpile\n";

#[test]
fn what_is_there_stays_with_its_comments_and_its_name() {
    let merged = merge(OTHERS, "magnum", "one/demo", &entry("new")).unwrap();
    assert_eq!(merged.name, "magnum-standalone");
    for line in OTHERS.lines().filter(|line| !line.starts_with("clouds:")) {
        assert!(merged.text.contains(line), "{line}\n{}", merged.text);
    }
    assert!(merged.text.contains("clouds:  # all"));
    assert_eq!(data(&merged.text)["clouds"]["magnum"]["profile"], "rackspace");
    // Another password replaces ours alone, and it is taken out without a trace.
    let again = merge(&merged.text, "magnum", "one/demo", &entry("newer")).unwrap();
    assert_eq!(again.name, "magnum-standalone");
    assert_eq!(again.text, merged.text.replace("\"new\"", "\"newer\""));
    assert_eq!(data(&without(&again.text, "one/demo").unwrap()), data(OTHERS));
    assert_eq!(without(OTHERS, "one/demo").unwrap(), OTHERS);
}

#[test]
fn two_installations_and_two_users_do_not_meet() {
    let mut text = String::new();
    let mut names = Vec::new();
    for slot in ["one/demo", "one/admin", "two/demo", "three/demo"] {
        let mut entry = entry(slot);
        entry.auth_url.push_str(slot);
        let merged = merge(&text, "magnum", slot, &entry).unwrap();
        names.push(merged.name);
        text = merged.text;
    }
    assert_eq!(names, ["magnum", "magnum-standalone", "magnum-standalone-2", "magnum-standalone-3"]);
    let rest = without(&text, "two/demo").unwrap();
    assert_eq!(data(&rest)["clouds"].as_object().unwrap().len(), 3);
}

#[test]
fn an_entry_that_a_person_renamed_keeps_its_name() {
    let text = merge("", "magnum", "one/demo", &entry("a")).unwrap().text.replace("\"magnum\":", "laptop:");
    let merged = merge(&text, "magnum", "one/demo", &entry("b")).unwrap();
    assert_eq!(merged.name, "laptop");
    assert_eq!(data(&merged.text)["clouds"]["laptop"]["auth"]["password"], "b");
}

#[test]
fn our_entry_whose_comments_somebody_removed_is_recognised() {
    let text = merge("", "magnum", "one/demo", &entry("a")).unwrap().text;
    let bare: String =
        text.lines().filter(|line| !line.contains('#')).map(|line| format!("{line}\n")).collect();
    let merged = merge(&bare, "magnum", "one/demo", &entry("a")).unwrap();
    assert_eq!((merged.text, merged.name), (bare, "magnum".to_owned()));
}

#[test]
fn what_cannot_take_an_entry_is_refused_without_being_shown() {
    for text in [
        "clouds: {a: {auth: {password: hush}}}\n",
        "{clouds: {a: {auth: {password: hush}}}}\n",
        "clouds: [hush]\n",
        "clouds: hush\n",
        "- hush\n",
        "hush\n",
        "clouds:\n  a: {password: hush\n",
        "clouds:\n  a: 1\nclouds:\n  b: hush\n",
    ] {
        let error = merge(text, "magnum", "one/demo", &entry("a")).unwrap_err();
        assert!(matches!(error, CloudsError::Text { .. }), "{text}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    assert!(merge("", "a: b", "one", &entry("a")).is_err());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_file_is_its_owners_alone_and_a_link_to_it_stays_one() {
    let home = tempfile::tempdir().unwrap();
    let (real, link) = (home.path().join("dotfiles.yaml"), home.path().join("config/openstack/clouds.yaml"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    fs::write(&real, OTHERS).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert_eq!(write(&link, "magnum", "one/demo", &entry("a")).unwrap(), "magnum-standalone");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(&real), 0o600);
    remove(&link, "one/demo").unwrap();
    assert_eq!(data(&fs::read_to_string(&real).unwrap()), data(OTHERS));

    let fresh = home.path().join("new/clouds.yaml");
    assert_eq!(write(&fresh, "magnum", "one/demo", &entry("a")).unwrap(), "magnum");
    assert_eq!((mode(&fresh), mode(fresh.parent().unwrap())), (0o600, 0o700));
    remove(&fresh, "one/demo").unwrap();
    assert!(!fresh.exists());
    remove(&fresh, "one/demo").unwrap();
}
