//! Connecting: the brokers are tried in a shuffled order, each within a time-out, until one answers.

use super::tls;
use crate::{BrokerHost, BusError, LoginMethod, RabbitSettings};
use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties,
    tcp::RustlsConnector,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism},
};
use magnum_types::Entropy;
use secrecy::ExposeSecret;
use std::net::SocketAddr;

/// Connects to the first broker that answers; also says which (`host:port`).
pub(super) async fn connect(
    settings: &RabbitSettings,
    entropy: &dyn Entropy,
) -> Result<(Connection, String), BusError> {
    // Read at each attempt, so that renewed certificates are found.
    let tls = match &settings.tls {
        Some(tls) => Some(tls::connector(tls).await?),
        None => None,
    };
    let mut last = BusError::Disconnected;
    for host in shuffled(&settings.url.hosts, entropy) {
        let limit = settings.connect_timeout;
        let attempt = tokio::time::timeout(limit, connect_to(host, settings, tls.clone())).await;
        match attempt {
            Ok(Ok(connection)) => return Ok((connection, host.to_string())),
            Ok(Err(source)) => last = BusError::Broker { what: "the connection", source },
            Err(_) => last = BusError::TimedOut { what: "the connection", after: limit },
        }
        tracing::debug!(broker = %host, reason = last.in_full(), "broker could not be connected");
    }
    Err(last)
}

async fn connect_to(
    host: &BrokerHost,
    settings: &RabbitSettings,
    tls: Option<RustlsConnector>,
) -> lapin::Result<Connection> {
    let properties =
        ConnectionProperties::default().with_connection_name(settings.connection_name.as_str().into());
    Connection::connector(
        uri(host, settings),
        lapin::runtime::default_runtime()?,
        async move |uri: AMQPUri, runtime| {
            let AMQPAuthority { host, port, .. } = &uri.authority;
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), *port)).await?.collect();
            let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
            match &tls {
                Some(connector) => Ok(stream.into_rustls(connector, host).await?),
                None => Ok(stream),
            }
        },
        properties,
    )
    .await
}

fn uri(host: &BrokerHost, settings: &RabbitSettings) -> AMQPUri {
    AMQPUri {
        scheme: if settings.tls.is_some() { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: host.username.clone(),
                password: host.password.expose_secret().to_owned(),
            },
            host: host.host.clone(),
            port: host.port,
        },
        vhost: settings.url.virtual_host.clone(),
        query: AMQPQueryString {
            heartbeat: Some(settings.heartbeat_secs),
            auth_mechanism: Some(match settings.login {
                LoginMethod::Plain => SASLMechanism::Plain,
                LoginMethod::AmqPlain => SASLMechanism::AMQPlain,
                LoginMethod::External => SASLMechanism::External,
            }),
            ..AMQPQueryString::default()
        },
    }
}

/// The hosts in a random order, so that processes spread over a cluster of brokers.
fn shuffled<'a>(hosts: &'a [BrokerHost], entropy: &dyn Entropy) -> Vec<&'a BrokerHost> {
    let mut keyed: Vec<_> = hosts
        .iter()
        .map(|host| {
            let mut key = [0; 8];
            entropy.fill(&mut key);
            (key, host)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, host)| host).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransportUrl;
    use magnum_types::SeededEntropy;
    use std::collections::BTreeSet;

    #[test]
    fn every_host_is_tried_once_and_each_comes_first_some_time() {
        let TransportUrl::Rabbit(url) = TransportUrl::parse("rabbit://a,b,c").unwrap() else { panic!() };
        let mut first = BTreeSet::new();
        for seed in 0..50 {
            let order = shuffled(&url.hosts, &SeededEntropy::new(seed));
            assert_eq!(order.iter().map(|h| &h.host).collect::<BTreeSet<_>>().len(), 3);
            first.insert(order[0].host.clone());
        }
        assert_eq!(first.len(), 3);
    }
}
