//! RabbitMQ and notifications, as oslo.messaging names its options.
//!
//! Where no `transport_url` is set, Pike still put one together from `rabbit_host` and its like; so does
//! [`transport_url`], so that such a file needs no change.

use secrecy::{ExposeSecret, SecretString};

use crate::error::ConfigError;
use crate::option::section;
use crate::resolver::Resolver;
use crate::value::Repeated;

section! {
    /// `[DEFAULT]`: the message bus.
    Messaging {
        /// URL of the bus, `rabbit://user:password@host:port,user:password@host:port/vhost`, or `fake://` for none.
        transport_url: SecretString = "rabbit://";
        /// Exchange that work and notifications go through.
        control_exchange: String = "magnum";
        /// Seconds to wait for the answer to a message.
        rpc_response_timeout: u64 = "60", at_least(1), mutable();
        /// Most messages handled at the same time.
        executor_thread_pool_size: u32 = "64", at_least(1), was(&["rpc_thread_pool_size"]);
    }
    ignored "the conductor is not called by message, so it answers no ping" {
        rpc_ping_enabled: bool = "false";
        rpc_conn_pool_size: i64 = "30";
        rpc_poll_timeout: i64 = "1";
        rpc_cast_timeout: i64 = "-1";
        rpc_backend: String = "rabbit", releases("P");
    }
}

section! {
    /// `[oslo_messaging_notifications]`: messages about what happens to clusters.
    Notifications {
        /// How they are sent: messagingv2, messaging, log, noop; each is used when several are written.
        driver: Repeated, was(&["DEFAULT/notification_driver"]);
        /// URL of the bus for them; unset means that of `[DEFAULT]`.
        transport_url: Option<SecretString>, was(&["DEFAULT/notification_transport_url"]);
        /// Topics they are sent to.
        topics: Vec<String> = "notifications", was(&["DEFAULT/notification_topics", "rpc_notifier2/topics"]);
        /// Times that sending is repeated; -1 means without end, 0 not at all.
        retry: i64 = "-1", at_least(-1);
    }
}

section! {
    /// `[oslo_messaging_rabbit]`: RabbitMQ.
    Rabbit {
        /// Whether the connection is TLS.
        ssl: bool = "false", was(&["rabbit_use_ssl", "DEFAULT/rabbit_use_ssl"]);
        /// File of the authorities that the server's certificate is checked against, PEM; empty means the system's.
        ssl_ca_file: String = "", was(&["kombu_ssl_ca_certs", "DEFAULT/kombu_ssl_ca_certs"]);
        /// File of the certificate shown to the server, PEM.
        ssl_cert_file: String = "", was(&["kombu_ssl_certfile", "DEFAULT/kombu_ssl_certfile"]);
        /// File of that certificate's private key, PEM.
        ssl_key_file: String = "", was(&["kombu_ssl_keyfile", "DEFAULT/kombu_ssl_keyfile"]);
        /// Whether queues are replicated quorum queues.
        rabbit_quorum_queue: bool = "false";
        /// Whether queues that die with their reader are quorum queues too.
        rabbit_transient_quorum_queue: bool = "false";
        /// Times that a quorum queue hands out a message before it gives it up; 0 means without end.
        rabbit_quorum_delivery_limit: u32 = "0";
        /// Most messages of a quorum queue kept in memory; 0 means no limit.
        rabbit_quorum_max_memory_length: u64 = "0";
        /// Most bytes of a quorum queue kept in memory; 0 means no limit.
        rabbit_quorum_max_memory_bytes: u64 = "0";
        /// Whether queues are mirrored, for servers that still can.
        rabbit_ha_queues: bool = "false", was(&["DEFAULT/rabbit_ha_queues"]);
        /// Whether queues outlive the server's restart.
        amqp_durable_queues: bool = "false",
            was(&["rabbit_durable_queues", "DEFAULT/amqp_durable_queues", "DEFAULT/rabbit_durable_queues"]);
        /// Whether queues vanish with their last reader.
        amqp_auto_delete: bool = "false", was(&["DEFAULT/amqp_auto_delete"]);
        /// Seconds after which an unused queue that dies with its reader vanishes; 0 means never.
        rabbit_transient_queues_ttl: u64 = "1800";
        /// Messages handed out before the first is acknowledged; 0 means no limit.
        rabbit_qos_prefetch_count: u16 = "0";
        /// Seconds without a sign of life after which the connection counts as lost; 0 means never.
        heartbeat_timeout_threshold: u64 = "60";
        /// Looks for a sign of life in that time.
        heartbeat_rate: u32 = "3", at_least(1);
        /// How the user proves who he is.
        rabbit_login_method: String = "AMQPLAIN", one_of(&["PLAIN", "AMQPLAIN", "EXTERNAL", "RABBIT-CR-DEMO"]),
            was(&["DEFAULT/rabbit_login_method"]);
        /// Seconds before the first attempt to connect again.
        rabbit_retry_interval: u64 = "1", at_least(1);
        /// Seconds by which the pause between attempts grows.
        rabbit_retry_backoff: u64 = "2", was(&["DEFAULT/rabbit_retry_backoff"]);
        /// Longest pause between two attempts, in seconds.
        rabbit_interval_max: u64 = "30", at_least(1);
        /// Seconds to wait after a lost connection before connecting again.
        kombu_reconnect_delay: f64 = "1.0", at_least(0), was(&["DEFAULT/kombu_reconnect_delay"]);
        /// In which order the servers of the URL are tried.
        kombu_failover_strategy: String = "round-robin", one_of(&["round-robin", "shuffle"]);
        /// Server, where `transport_url` is not set.
        rabbit_host: Option<String>, was(&["DEFAULT/rabbit_host"]), releases("P");
        /// Its port, where `transport_url` is not set.
        rabbit_port: u16 = "5672", was(&["DEFAULT/rabbit_port"]), releases("P");
        /// Several servers, `host:port`, where `transport_url` is not set.
        rabbit_hosts: Vec<String>, was(&["DEFAULT/rabbit_hosts"]), releases("P");
        /// User, where `transport_url` is not set.
        rabbit_userid: String = "guest", was(&["DEFAULT/rabbit_userid"]), releases("P");
        /// Password, where `transport_url` is not set.
        rabbit_password: SecretString = "guest", was(&["DEFAULT/rabbit_password"]), releases("P");
        /// Virtual host, where `transport_url` is not set.
        rabbit_virtual_host: String = "/", was(&["DEFAULT/rabbit_virtual_host"]), releases("P");
    }
    ignored "TLS 1.2 and 1.3 are spoken; older versions are not" {
        ssl_version: String = "", was(&["kombu_ssl_version", "DEFAULT/kombu_ssl_version"]);
        ssl_enforce_fips_mode: bool = "false";
    }
    ignored "describes how the Python library works inside" {
        rpc_conn_pool_size: i64 = "30";
        conn_pool_min_size: i64 = "2";
        conn_pool_ttl: i64 = "1200";
        heartbeat_in_pthread: bool = "false";
        kombu_compression: Option<String>;
        kombu_missing_consumer_retry_timeout: i64 = "60", was(&["kombu_reconnect_timeout"]);
        kombu_reconnect_splay: f64 = "0.0";
        direct_mandatory_flag: bool = "true";
        enable_cancel_on_failover: bool = "false";
        use_queue_manager: bool = "false";
        hostname: Option<String>;
        processname: Option<String>;
        rabbit_stream_fanout: bool = "false";
        rabbit_max_retries: i64 = "0", was(&["DEFAULT/rabbit_max_retries"]), releases("P");
        fake_rabbit: bool = "false", was(&["DEFAULT/fake_rabbit"]), releases("P");
        default_notification_exchange: Option<String>, releases("P");
        default_notification_retry_attempts: i64 = "-1", releases("P");
        default_rpc_exchange: Option<String>, releases("P");
        default_rpc_retry_attempts: i64 = "-1", releases("P");
        default_sender_link_timeout: i64 = "600", releases("P");
        channel_max: Option<i64>, releases("P");
        frame_max: Option<i64>, releases("P");
        heartbeat_interval: i64 = "3", releases("P");
        host_connection_reconnect_delay: f64 = "0.25", releases("P");
        connection_factory: String = "single", releases("P");
        pool_max_size: i64 = "30", releases("P");
        pool_max_overflow: i64 = "0", releases("P");
        pool_timeout: i64 = "30", releases("P");
        pool_recycle: i64 = "600", releases("P");
        pool_stale: i64 = "60", releases("P");
        notification_listener_prefetch_count: i64 = "100", releases("P");
        notification_persistence: bool = "false", releases("P");
        notification_retry_delay: f64 = "0.25", releases("P");
        rpc_listener_prefetch_count: i64 = "100", releases("P");
        rpc_queue_expiration: i64 = "60", releases("P");
        rpc_reply_exchange: Option<String>, releases("P");
        rpc_reply_listener_prefetch_count: i64 = "100", releases("P");
        rpc_reply_retry_attempts: i64 = "-1", releases("P");
        rpc_reply_retry_delay: f64 = "0.25", releases("P");
        rpc_retry_delay: f64 = "0.25", releases("P");
        socket_timeout: f64 = "0.25", releases("P");
        tcp_user_timeout: f64 = "0.25", releases("P");
    }
}

/// Puts the options of Pike's time together where no `transport_url` is set but a server is named.
pub(crate) fn transport_url(
    resolver: &Resolver<'_>,
    messaging: &mut Messaging,
    rabbit: &Rabbit,
) -> Result<(), ConfigError> {
    let mut hosts = rabbit.rabbit_hosts.clone();
    if let (true, Some(host)) = (hosts.is_empty(), &rabbit.rabbit_host) {
        hosts.push(format!("{host}:{}", rabbit.rabbit_port));
    }
    if hosts.is_empty() || resolver.is_set("DEFAULT", "transport_url")? {
        return Ok(());
    }
    let user = percent_encoded(&rabbit.rabbit_userid);
    let password = percent_encoded(rabbit.rabbit_password.expose_secret());
    let servers: Vec<String> = hosts.iter().map(|host| format!("{user}:{password}@{host}")).collect();
    let virtual_host = percent_encoded(&rabbit.rabbit_virtual_host);
    let path = if rabbit.rabbit_virtual_host == "/" { "" } else { virtual_host.as_str() };
    messaging.transport_url = SecretString::from(format!("rabbit://{}/{path}", servers.join(",")));
    Ok(())
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
