//! TLS to a real RabbitMQ that asks for client certificates. The certificates are made by the `openssl` program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_messaging::{Bus, Health, RabbitBus, RabbitSettings, TransportUrl};
use magnum_testing::rabbitmq::RabbitMq;
use magnum_types::SystemEntropy;
use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Makes a CA, a server certificate for `localhost` and a client certificate in `folder`.
fn make_certificates(folder: &Path) -> std::io::Result<()> {
    let openssl = |arguments: &str| {
        let status = Command::new("openssl")
            .current_dir(folder)
            .args(arguments.split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        assert!(status.success(), "openssl {arguments}");
        Ok::<_, std::io::Error>(())
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for ca in ["ca", "other-ca"] {
        openssl(&format!("req -x509 {key} -keyout {ca}.key -out {ca}.pem -days 2 -subj /CN={ca}"))?;
    }
    std::fs::write(folder.join("server.ext"), "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")?;
    std::fs::write(folder.join("client.ext"), "subjectAltName=DNS:magnum\nextendedKeyUsage=clientAuth\n")?;
    for name in ["server", "client"] {
        openssl(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile {name}.ext"
        ))?;
    }
    Ok(())
}

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
    if let Err(error) = make_certificates(folder.path()) {
        eprintln!("SKIP: openssl cannot be run: {error}");
        return;
    }
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
