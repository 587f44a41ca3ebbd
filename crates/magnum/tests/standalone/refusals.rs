//! Starts that cannot be made: each says why in one line, with the remedy, and leaves nothing.

use crate::{
    engine::Acting,
    installation::{Installation, failed, files, is_well, refused},
};
use std::{net::TcpListener, os::unix::fs::PermissionsExt as _};

/// The folder and clouds.yaml are as if there had been no start.
#[track_caller]
fn nothing_is_left(installation: &Installation) {
    assert!(!installation.data.exists(), "left: {:?}", files(&installation.data));
    assert!(!installation.clouds().exists(), "an entry of clouds.yaml was left");
}

#[tokio::test]
async fn no_engine() {
    let mut installation = Installation::new(None);
    installation.engine.go_away().await;
    let said = refused(installation.start().await);
    assert!(said.contains("no Docker Engine answers") && said.contains("It has stopped: start it"), "{said}");
    nothing_is_left(&installation);
    std::fs::remove_file(&installation.engine.socket).unwrap();
    let said = refused(installation.start().await);
    assert!(said.contains(&installation.engine.url()) && said.contains("scripts/engine start"), "{said}");
    nothing_is_left(&installation);
    installation.engine.come_back();
    assert_eq!(is_well(installation.start().await).stop().await, Some(0));
}

#[tokio::test]
async fn an_engine_that_is_too_old() {
    let installation = Installation::on(None, Acting { version: "1.40", ..Acting::default() });
    let said = refused(installation.start().await);
    assert!(said.contains("1.40") && said.contains("Docker 20.10"), "{said}");
    nothing_is_left(&installation);
}

#[tokio::test]
async fn a_socket_that_this_user_may_not_use() {
    let installation = Installation::new(None);
    std::fs::set_permissions(&installation.engine.socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    let Some(output) = installation.start_without_rights().await else {
        return eprintln!("SKIP: a socket without permission was not tried: that needs root and setpriv");
    };
    let said = failed(&output, 1);
    assert!(said.contains("Permission denied") && said.contains("group docker"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    nothing_is_left(&installation);
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let installation = Installation::new(None);
    let taken = TcpListener::bind(("127.0.0.1", installation.port)).unwrap();
    let said = refused(installation.start().await);
    assert!(said.contains(&format!("port {}", installation.port)) && said.contains("--port"), "{said}");
    nothing_is_left(&installation);
    drop(taken);
    assert_eq!(is_well(installation.start().await).stop().await, Some(0));
}

/// The image was made before, the quickstart has its log there, and a user some settings.
#[tokio::test]
async fn what_was_in_the_folder_before_a_first_start_stays_as_it_was() {
    let installation = Installation::new(None);
    std::fs::create_dir_all(installation.data.join("magnum.conf.d")).unwrap();
    for (name, text) in
        [("node-images", "one\n"), ("standalone.log", ""), ("magnum.conf.d/mine.conf", "[x]\n")]
    {
        std::fs::write(installation.data.join(name), text).unwrap();
    }
    let sorted = || {
        let mut all = files(&installation.data);
        all.sort();
        all
    };
    let before = sorted();
    let wrong = installation.data.join("magnum.conf.d/wrong.conf");
    std::fs::write(&wrong, "[cluster_heat]\ncreate_timeout = soon\n").unwrap();
    let said = refused(installation.start().await);
    assert!(said.contains("create_timeout"), "{said}");
    std::fs::remove_file(wrong).unwrap();
    assert_eq!(sorted(), before);
    assert!(!installation.clouds().exists());

    // A later start that fails takes nothing away.
    assert_eq!(is_well(installation.start().await).stop().await, Some(0));
    let taken = TcpListener::bind(("127.0.0.1", installation.port)).unwrap();
    refused(installation.start().await);
    drop(taken);
    for name in ["ca.pem", "magnum.sqlite", "installation", "node-images"] {
        assert!(installation.data.join(name).exists(), "{name} is gone");
    }
    assert!(installation.clouds().exists());
}
