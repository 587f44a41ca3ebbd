//! How to talk to RabbitMQ, as plain values: the wiring fills them from `magnum.conf`, then the transport URL's own
//! parameters win over it, as upstream lets them.

use crate::{BusError, NotificationSettings, RabbitUrl};
use std::{path::PathBuf, time::Duration};

/// Everything [`RabbitBus`](crate::RabbitBus) needs to know.
#[derive(Clone, Debug)]
pub struct RabbitSettings {
    /// Brokers, credentials, virtual host.
    pub url: RabbitUrl,
    /// The topic exchange notifications go to. Default `openstack`.
    pub control_exchange: String,
    /// The conductors' topic. It names the queue for nudges, so that two deployments can share a virtual host.
    pub topic: String,
    /// TLS, if wanted.
    pub tls: Option<TlsSettings>,
    /// Declare quorum queues (replicated; needs RabbitMQ 3.10). Otherwise classic ones.
    pub quorum_queues: bool,
    /// Declare the notification exchange and queues durable. Implied by `quorum_queues`. Default false, as upstream.
    pub durable: bool,
    /// Heartbeat in seconds; 0 leaves it to the broker. Default 60.
    pub heartbeat_secs: u16,
    /// How long a confirmation may take before the connection is given up. Default 5 s.
    pub confirm_timeout: Duration,
    /// How long a nudge may hold up its caller. Default 1 s.
    pub nudge_timeout: Duration,
    /// How long connecting to one broker may take. Default 5 s.
    pub connect_timeout: Duration,
    /// The longest pause between two attempts to connect. Default 10 s.
    pub reconnect_max: Duration,
    /// How to log in.
    pub login: LoginMethod,
    /// The name the broker's operators see for the connection.
    pub connection_name: String,
    /// Topics and wire formats of notifications.
    pub notifications: NotificationSettings,
}

/// TLS to the broker. The broker's certificate is checked unless `insecure` says otherwise.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// The only CAs trusted (PEM). Without it the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain (PEM); needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Our key (PEM).
    pub key_file: Option<PathBuf>,
    /// Check neither chain nor name of the broker's certificate.
    pub insecure: bool,
}

/// The login mechanism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginMethod {
    /// User and password, the standard way. AMQPLAIN, upstream's default, says the same in RabbitMQ's own form.
    #[default]
    Plain,
    /// RabbitMQ's older form of the same.
    AmqPlain,
    /// The client certificate says who we are.
    External,
}

impl RabbitSettings {
    /// Default settings for the brokers of `url`, without reading the URL's parameters.
    pub fn new(url: RabbitUrl) -> Self {
        Self {
            url,
            control_exchange: "openstack".to_owned(),
            topic: DEFAULT_TOPIC.to_owned(),
            tls: None,
            quorum_queues: false,
            durable: false,
            heartbeat_secs: 60,
            confirm_timeout: Duration::from_secs(5),
            nudge_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(5),
            reconnect_max: Duration::from_secs(10),
            login: LoginMethod::default(),
            connection_name: "magnum".to_owned(),
            notifications: NotificationSettings::default(),
        }
    }

    /// Lets the URL's parameters (`?ssl=1&ssl_ca_file=…`) win over what was set. Unknown ones, which belong to
    /// drivers we have not, are left alone. Call it last.
    ///
    /// # Errors
    /// [`BusError::UrlParameter`] for a value of the wrong kind.
    pub fn apply_url_parameters(&mut self) -> Result<(), BusError> {
        let mut parameters = self.url.parameters.clone();
        // Whether there is TLS at all is settled before its files are looked at, whatever their order in the URL.
        parameters.sort_by_key(|(name, _)| name != "ssl");
        for (name, value) in parameters {
            let bad = || BusError::UrlParameter { name: name.clone(), value: value.clone() };
            let file = || (!value.is_empty()).then(|| PathBuf::from(&value));
            match name.as_str() {
                "ssl" => match boolean(&value).ok_or_else(bad)? {
                    true => {
                        self.tls.get_or_insert_default();
                    }
                    false => self.tls = None,
                },
                "ssl_ca_file" => self.change_tls(|tls| tls.ca_file = file()),
                "ssl_cert_file" => self.change_tls(|tls| tls.cert_file = file()),
                "ssl_key_file" => self.change_tls(|tls| tls.key_file = file()),
                "amqp_durable_queues" => self.durable = boolean(&value).ok_or_else(bad)?,
                "rabbit_quorum_queue" => self.quorum_queues = boolean(&value).ok_or_else(bad)?,
                "heartbeat_timeout_threshold" => self.heartbeat_secs = value.parse().map_err(|_| bad())?,
                "rabbit_login_method" => {
                    self.login = match value.to_ascii_uppercase().as_str() {
                        "PLAIN" => LoginMethod::Plain,
                        "AMQPLAIN" => LoginMethod::AmqPlain,
                        "EXTERNAL" => LoginMethod::External,
                        _ => return Err(bad()),
                    }
                }
                other => tracing::debug!(parameter = other, "transport url parameter has no meaning here"),
            }
        }
        Ok(())
    }

    /// Files alone do not switch TLS on; as upstream, `ssl` does.
    fn change_tls(&mut self, change: impl FnOnce(&mut TlsSettings)) {
        if let Some(tls) = &mut self.tls {
            change(tls);
        }
    }

    /// The name of the exchange and the queue for nudges: ours alone, apart from upstream's RPC queues, whose
    /// messages neither side could read.
    pub(crate) fn operations_queue(&self) -> String {
        if self.topic == DEFAULT_TOPIC {
            "magnum-operations".to_owned()
        } else {
            format!("magnum-operations.{}", self.topic)
        }
    }

    /// Quorum queues can be nothing but durable.
    pub(crate) fn durable_notifications(&self) -> bool {
        self.durable || self.quorum_queues
    }
}

const DEFAULT_TOPIC: &str = "magnum-conductor";

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransportUrl;

    fn settings(text: &str) -> Result<RabbitSettings, BusError> {
        let TransportUrl::Rabbit(url) = TransportUrl::parse(text).unwrap() else { panic!("not rabbit") };
        let mut settings = RabbitSettings::new(url);
        settings.apply_url_parameters().map(|()| settings)
    }

    #[test]
    fn url_parameters_win() {
        let settings =
            settings("rabbit://h/?ssl_ca_file=/ca.pem&ssl=1&rabbit_quorum_queue=true&heartbeat_timeout_threshold=9&x=y")
                .unwrap();
        assert_eq!(settings.tls.as_ref().unwrap().ca_file.as_deref(), Some("/ca.pem".as_ref()));
        assert!(settings.quorum_queues && settings.durable_notifications() && !settings.durable);
        assert_eq!(settings.heartbeat_secs, 9);
    }

    #[test]
    fn a_bad_parameter_is_named() {
        let error = settings("rabbit://h/?ssl=maybe").unwrap_err();
        assert_eq!(error.to_string(), "transport url parameter 'ssl' has the bad value 'maybe'");
    }

    #[test]
    fn another_topic_gives_another_queue() {
        let mut settings = settings("rabbit://h/").unwrap();
        assert_eq!(settings.operations_queue(), "magnum-operations");
        settings.topic = "magnum-west".to_owned();
        assert_eq!(settings.operations_queue(), "magnum-operations.magnum-west");
    }
}
