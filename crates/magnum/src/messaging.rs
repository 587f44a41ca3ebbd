//! The message bus as `magnum.conf` describes it.

use anyhow::{Context, Result};
use magnum_config::MagnumConfig;
use magnum_messaging::{
    Bus, LoginMethod, MemoryBus, NotificationDriver, NotificationSettings, RabbitBus, RabbitSettings,
    TlsSettings, TransportUrl,
};
use magnum_types::Entropy;
use secrecy::ExposeSecret;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Notifications: drivers, topics, publisher.
///
/// # Errors
/// An unknown driver.
pub fn notifications(config: &MagnumConfig) -> Result<NotificationSettings> {
    let section = &config.oslo_messaging_notifications;
    let drivers = section.driver.0.iter().filter(|name| !name.trim().is_empty());
    Ok(NotificationSettings {
        drivers: drivers
            .map(|name| name.parse::<NotificationDriver>())
            .collect::<Result<_, _>>()
            .context("[oslo_messaging_notifications] driver")?,
        topics: section.topics.clone(),
        publisher_id: format!("container-infra.{}", config.default.host),
        ..NotificationSettings::default()
    })
}

/// The bus; connects in the background, so that a service starts without its broker.
///
/// # Errors
/// An unusable `transport_url`.
pub fn connect(
    config: &MagnumConfig,
    program: &str,
    entropy: Arc<dyn Entropy>,
    shutdown: &CancellationToken,
) -> Result<Arc<dyn Bus>> {
    let url = TransportUrl::parse(config.messaging.transport_url.expose_secret())
        .context("[DEFAULT] transport_url")?;
    let url = match url {
        TransportUrl::InProcess => return Ok(Arc::new(MemoryBus::new())),
        TransportUrl::Rabbit(url) => url,
    };
    let rabbit = &config.oslo_messaging_rabbit;
    let file = |path: &String| (!path.is_empty()).then(|| PathBuf::from(path));
    let mut settings = RabbitSettings {
        control_exchange: config.messaging.control_exchange.clone(),
        topic: config.conductor.topic.clone(),
        tls: rabbit.ssl.then(|| TlsSettings {
            ca_file: file(&rabbit.ssl_ca_file),
            cert_file: file(&rabbit.ssl_cert_file),
            key_file: file(&rabbit.ssl_key_file),
            insecure: false,
        }),
        quorum_queues: rabbit.rabbit_quorum_queue,
        durable: rabbit.amqp_durable_queues,
        heartbeat_secs: u16::try_from(rabbit.heartbeat_timeout_threshold).unwrap_or(u16::MAX),
        reconnect_max: Duration::from_secs(rabbit.rabbit_interval_max),
        login: match rabbit.rabbit_login_method.as_str() {
            "EXTERNAL" => LoginMethod::External,
            "AMQPLAIN" => LoginMethod::AmqPlain,
            _ => LoginMethod::Plain,
        },
        connection_name: format!("{program}:{}", config.default.host),
        notifications: notifications(config)?,
        ..RabbitSettings::new(url)
    };
    settings.apply_url_parameters().context("[DEFAULT] transport_url")?;
    Ok(Arc::new(RabbitBus::start(settings, entropy, shutdown)))
}
