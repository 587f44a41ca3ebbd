//! TLS to a real RabbitMQ that asks for client certificates. The certificates are made by the `openssl` program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_messaging::{Bus, Health, RabbitBus, RabbitSettings, TransportUrl};
use magnum_testing::{certificates, rabbitmq::RabbitMq};
use magnum_types::SystemEntropy;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Connects with the URL's parameters and says how it went.
async fn outcome(url: &str, insecure: bool) -> Result<(), String> {
    let TransportUrl::Rabbit(url) = TransportUrl::parse(url).unwrap() else { panic!("not a rabbit url") };
    let mut settings = RabbitSettings::new(url);
    settings.apply_url_parameters().unwrap();
    settings.tls.as_mut().unwrap().insecure = insecure;
    let bus = RabbitBus::start(settings, Arc::new(SystemEntropy), &CancellationToken::new());
    let start = Instant::now();
    loop {
        match bus.health().await {
            Health::Up(_) => return bus.nudge(Uuid::nil()).await.map_err(|error| error.to_string()),
            Health::Down(reason) if reason != "not connected yet" => return Err(reason),
            Health::Down(_) => assert!(start.elapsed() < Duration::from_secs(30), "no outcome"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_is_checked_and_the_client_shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    if !certificates::make(folder.path()).unwrap() {
        return;
    }
    // For one name only, so that the same broker has a wrong one too.
    certificates::sign(
        folder.path(),
        "server",
        "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n",
    )
    .unwrap();
    let Some(broker) = RabbitMq::start_with_tls(folder.path()).await.unwrap() else { return };
    let at = |name: &str| folder.path().join(name).display().to_string();
    let url = broker.tls_url();
    let client = format!("&ssl_cert_file={}&ssl_key_file={}", at("client.pem"), at("client.key"));
    let ca = format!("&ssl_ca_file={}", at("ca.pem"));
    let other_ca = format!("&ssl_ca_file={}", at("other-ca.pem"));

    assert_eq!(outcome(&format!("{url}{ca}{client}"), false).await, Ok(()));

    let stranger = outcome(&format!("{url}{other_ca}{client}"), false).await.unwrap_err();
    assert!(stranger.contains("certificate"), "{stranger}");

    let wrong_name = url.replace("localhost", "127.0.0.1");
    let wrong_name = outcome(&format!("{wrong_name}{ca}{client}"), false).await.unwrap_err();
    assert!(wrong_name.contains("certificate"), "{wrong_name}");

    assert!(outcome(&format!("{url}{ca}"), false).await.is_err(), "without a client certificate");

    assert_eq!(outcome(&format!("{url}{other_ca}{client}"), true).await, Ok(()), "checks are off");
}
