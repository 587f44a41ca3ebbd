//! What one look makes of what it meets.

use super::engine::{Ca, Engine, Manners, nobody, now};
use magnum_conductor::reach::{
    address::{Target, Way},
    probe::{Unreached, look},
};
use magnum_types::{SystemClock, VirtualClock};
use rustls::{
    RootCertStore,
    version::{TLS12, TLS13},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(20);
const LOCAL: &str = "127.0.0.1";

async fn looked(socket: SocketAddr, way: Way, roots: RootCertStore) -> Result<(), String> {
    let looked = look(&SystemClock, LIMIT, Target { socket, way }, roots).await;
    looked.map_err(|reason| reason.to_string())
}

#[tokio::test]
async fn a_server_of_the_clusters_authority_has_answered_though_it_wants_a_clients_certificate() {
    let (ca, now) = (Ca::new(now()), now());
    for version in [&TLS13, &TLS12] {
        let served = ca.serving(LOCAL, now, 30);
        let engine = Engine::start(Manners::tls(&ca, &served, version)).await;
        for _ in 0..20 {
            assert_eq!(looked(engine.address, Way::Tls, ca.roots()).await, Ok(()), "{version:?}");
        }
        assert_eq!(engine.taken(), 20);
    }
}

#[tokio::test]
async fn while_authorities_change_a_server_of_either_has_answered() {
    let now = now();
    let (old, new) = (Ca::new(now), Ca::new(now));
    let mut both = old.roots();
    both.extend(new.roots().roots);
    for ca in [&old, &new] {
        let engine = Engine::start(Manners::tls(ca, &ca.serving(LOCAL, now, 30), &TLS13)).await;
        assert_eq!(looked(engine.address, Way::Tls, both.clone()).await, Ok(()));
    }
}

#[tokio::test]
async fn a_server_that_is_not_the_clusters_is_named_as_what_it_is() {
    let now = now();
    let (ca, other) = (Ca::new(now), Ca::new(now));
    let then = now - Duration::from_secs(20 * 86400);
    let old = Ca::new(then);
    for (version, served, roots, words) in [
        (
            &TLS13,
            other.serving(LOCAL, now, 30),
            ca.roots(),
            "its certificate is not of the cluster's authority",
        ),
        (
            &TLS12,
            other.serving(LOCAL, now, 30),
            ca.roots(),
            "its certificate is not of the cluster's authority",
        ),
        (&TLS13, ca.serving("172.24.4.7", now, 30), ca.roots(), "its certificate is not for this address"),
        (&TLS12, ca.serving("172.24.4.7", now, 30), ca.roots(), "its certificate is not for this address"),
        (&TLS13, old.serving(LOCAL, then, 3), old.roots(), "its certificate has expired"),
    ] {
        let engine = Engine::start(Manners::tls(&ca, &served, version)).await;
        assert_eq!(looked(engine.address, Way::Tls, roots).await, Err(words.to_owned()), "{version:?}");
    }
    let foreign = Engine::start(Manners::tls(&other, &other.serving(LOCAL, now, 30), &TLS13)).await;
    let target = Target { socket: foreign.address, way: Way::Tls };
    let reason = look(&SystemClock, LIMIT, target, ca.roots()).await.unwrap_err();
    assert!(reason.is_foreign(), "{reason:?}");
}

#[tokio::test]
async fn what_is_no_tls_server_is_told_apart() {
    let ca = Ca::new(now());
    let refused = nobody().await;
    for way in [Way::Tls, Way::Tcp] {
        assert_eq!(looked(refused, way, ca.roots()).await, Err("connection refused".to_owned()), "{way:?}");
    }
    for (manners, words) in [
        (Manners::Plain, "what answers does not speak TLS"),
        (Manners::Rude, "connection closed during the TLS handshake"),
    ] {
        let engine = Engine::start(manners).await;
        let found = looked(engine.address, Way::Tls, ca.roots()).await.unwrap_err();
        // Who closes a connection with something unread in it resets it.
        assert_eq!(found.replace("reset", "closed"), words);
        assert_eq!(looked(engine.address, Way::Tcp, ca.roots()).await, Ok(()), "{words}");
    }
}

#[tokio::test]
async fn a_mute_peer_is_left_when_the_time_is_over() {
    let engine = Engine::start(Manners::Mute).await;
    let clock = Arc::new(VirtualClock::default());
    let ca = Ca::new(magnum_types::Clock::now(clock.as_ref()));
    let target = Target { socket: engine.address, way: Way::Tls };
    let (looking, roots) = (clock.clone(), ca.roots());
    let look = tokio::spawn(async move { look(looking.as_ref(), LIMIT, target, roots).await });
    while engine.taken() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    clock.advance(LIMIT / 2);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!look.is_finished(), "the time is not over");
    // The look may have begun to wait for the handshake after the clock was moved.
    clock.advance(LIMIT);
    let reason = look.await.unwrap().unwrap_err();
    assert!(matches!(reason, Unreached::Silent(_)), "{reason:?}");
    assert_eq!(reason.to_string(), "no TLS handshake within 20 s");
}

#[tokio::test]
async fn a_peer_that_takes_no_connection_is_left_when_the_time_is_over() {
    // A queue of connections that nobody takes is full soon, and what comes then is not answered.
    let listener = TcpSocket::new_v4().unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let socket = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(socket)).await {
        waiting.push(connected.unwrap());
    }
    let limit = Duration::from_millis(300);
    for way in [Way::Tls, Way::Tcp] {
        let reason =
            look(&SystemClock, limit, Target { socket, way }, Ca::new(now()).roots()).await.unwrap_err();
        assert!(matches!(reason, Unreached::NoConnection), "{reason:?}");
        assert_eq!(reason.to_string(), "connection timed out");
    }
}
