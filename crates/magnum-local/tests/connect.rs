//! Engines that cannot be used, acted by a socket that answers as they do.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use magnum_local::{
    engine::{Engine, EngineSettings},
    machines::{Machines as _, MachinesError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
    task::JoinHandle,
};

/// An engine with this version of its API and this answer to `/info`.
fn act(socket: &std::path::Path, version: &'static str, info: &'static str) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let Ok(length) = stream.read(&mut request).await else { continue };
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            let body = if path.ends_with("/info") {
                info.to_owned()
            } else {
                format!("{{\"ApiVersion\":\"{version}\"}}")
            };
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
            let answer = format!("{head} {}\r\n\r\n{body}", body.len());
            // The first connection only looks whether somebody listens.
            if stream.write_all(answer.as_bytes()).await.is_ok() {
                stream.shutdown().await.ok();
            }
        }
    })
}

/// Connects to one.
async fn connect(version: &'static str, info: &'static str) -> Result<(), MachinesError> {
    let here = tempfile::tempdir().unwrap();
    let socket = here.path().join("engine.sock");
    let engine = act(&socket, version, info);
    let settings = EngineSettings {
        host: Some(format!("unix://{}", socket.display())),
        installation: "test".to_owned(),
    };
    let connected = Engine::connect(settings).await.map(drop);
    engine.abort();
    connected
}

#[tokio::test]
async fn an_engine_that_is_new_enough_is_taken() {
    connect("1.41", "{}").await.unwrap();
    connect("9.9", "{}").await.unwrap();
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_named_with_both_versions() {
    let error = connect("1.40", "{}").await.unwrap_err();
    assert!(matches!(error, MachinesError::TooOld { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("1.40") && text.contains("1.41"), "{text}");
}

#[tokio::test]
async fn a_rootless_engine_and_a_full_disk_are_refused_with_their_remedies() {
    let error = connect("1.41", r#"{"SecurityOptions":["name=seccomp","name=rootless"]}"#).await.unwrap_err();
    assert!(error.to_string().contains("unset DOCKER_HOST"), "{error}");
    // This file system never has room.
    let error = connect("1.41", r#"{"DockerRootDir":"/proc/docker"}"#).await.unwrap_err();
    assert!(error.to_string().contains("docker system prune"), "{error}");
}

/// The engine's socket stays behind when it is killed, and goes when it ends by itself.
#[tokio::test]
async fn an_engine_that_has_gone_since_is_told_as_absent_with_the_remedy_and_one_that_is_back_is_used() {
    let here = tempfile::tempdir().unwrap();
    let socket = here.path().join("engine.sock");
    let acted = act(&socket, "1.41", "{}");
    let host = Some(format!("unix://{}", socket.display()));
    let engine = Engine::connect(EngineSettings { host, installation: "test".to_owned() }).await.unwrap();
    acted.abort();
    acted.await.unwrap_err();
    for left in [true, false] {
        if !left {
            std::fs::remove_file(&socket).unwrap();
        }
        let said = [engine.nodes().await.unwrap_err(), engine.networks().await.unwrap_err()];
        for error in said.into_iter().chain([engine.images().await.unwrap_err()]) {
            assert!(matches!(error, MachinesError::Absent { .. }), "{error:?}");
            assert!(error.to_string().contains("scripts/engine start"), "{error}");
        }
    }
    // This one has no nodes but an error for everything: it is there, and what it says is told.
    let back = act(&socket, "1.41", "{}");
    let error = engine.nodes().await.unwrap_err();
    assert!(matches!(error, MachinesError::Refused { .. }), "{error:?}");
    back.abort();
}
