//! The bus on a real RabbitMQ, started by each test for itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_messaging::{
    Bus, BusError, Health, Notification, NotificationDriver, NotificationSettings, Nudges, Priority,
    RabbitBus, RabbitSettings, TransportUrl,
};
use magnum_testing::rabbitmq::RabbitMq;
use magnum_types::SystemEntropy;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(30);

fn settings(url: &str) -> RabbitSettings {
    let TransportUrl::Rabbit(url) = TransportUrl::parse(url).unwrap() else { panic!("not a rabbit url") };
    let mut settings = RabbitSettings::new(url);
    settings.apply_url_parameters().unwrap();
    settings.reconnect_max = Duration::from_secs(1);
    settings.notifications = NotificationSettings {
        drivers: vec![NotificationDriver::MessagingV2],
        ..NotificationSettings::default()
    };
    settings
}

fn bus(settings: RabbitSettings) -> RabbitBus {
    RabbitBus::start(settings, Arc::new(SystemEntropy), &CancellationToken::new())
}

async fn connected(settings: RabbitSettings) -> RabbitBus {
    let bus = bus(settings);
    eventually("the bus connects", async || bus.health().await.is_up()).await;
    bus
}

async fn eventually<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let start = Instant::now();
    while !check().await {
        assert!(start.elapsed() < SOON, "not within {SOON:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn notification(n: u128, priority: Priority) -> Notification {
    Notification {
        message_id: Uuid::from_u128(n),
        event_type: "magnum.cluster.create".to_owned(),
        priority,
        publisher_id: "container-infra.host1".to_owned(),
        payload: json!({"n": n.to_string()}),
        timestamp: "2026-11-22T22:01:32.651216Z".parse().unwrap(),
        context: Map::new(),
    }
}

/// Sends a nudge as often as it takes: a nudge may fail while the connection is being replaced.
async fn nudge_gets_through(bus: &RabbitBus, nudges: &Nudges) {
    let start = Instant::now();
    let id = Uuid::from_u128(start.elapsed().as_nanos() + 7_000);
    loop {
        let _ = bus.nudge(id).await;
        match timeout(Duration::from_millis(500), nudges.recv()).await {
            Ok(received) => return assert_eq!(received, Some(id)),
            Err(_) => assert!(start.elapsed() < SOON, "no nudge got through: {:?}", bus.stats()),
        }
    }
}

/// The bodies in a queue, in order, taken out of it.
async fn take_all(url: &str, queue: &str) -> Vec<Value> {
    let url = url.replace("rabbit://", "amqp://").trim_end_matches('/').to_owned();
    let connection = lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut bodies = Vec::new();
    while let Some(message) =
        channel.basic_get(queue.into(), lapin::options::BasicGetOptions { no_ack: true }).await.unwrap()
    {
        assert_eq!(message.delivery.properties.content_type().as_ref().unwrap().as_str(), "application/json");
        bodies.push(serde_json::from_slice(&message.delivery.data).unwrap());
    }
    bodies
}

fn message(envelope: &Value) -> Value {
    assert_eq!(envelope["oslo.version"], "2.0");
    serde_json::from_str(envelope["oslo.message"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_reach_their_queues() {
    let Some(broker) = RabbitMq::start().await.unwrap() else { return };
    let url = broker.url();

    // A notification is confirmed and waits in the queue of its priority, though nobody has ever listened.
    let api = connected(settings(&url)).await;
    for n in 0..20 {
        api.notify(&notification(n, Priority::Info)).await.unwrap();
    }
    api.notify(&notification(99, Priority::Error)).await.unwrap();
    let infos = take_all(&url, "notifications.info").await;
    let ids: Vec<_> = infos.iter().map(|body| message(body)["message_id"].clone()).collect();
    assert_eq!(ids, (0..20).map(|n| json!(Uuid::from_u128(n).to_string())).collect::<Vec<_>>());
    assert_eq!(take_all(&url, "notifications.error").await.len(), 1);

    // The same event delivered again carries the same ids.
    api.notify(&notification(5, Priority::Info)).await.unwrap();
    assert_eq!(message(&take_all(&url, "notifications.info").await[0]), message(&infos[5]));

    // A queue somebody deleted is made again.
    broker.ctl(&["delete_queue", "notifications.info"]).await.unwrap();
    api.notify(&notification(6, Priority::Info)).await.unwrap();
    assert_eq!(take_all(&url, "notifications.info").await.len(), 1);
    assert_eq!(api.stats().notifications_sent, 23);

    // Two conductors share the work queue: each nudge goes to one, and both get some.
    let (one, two) = (connected(settings(&url)).await, connected(settings(&url)).await);
    let (first, second) = (one.nudges(), two.nudges());
    let sent: BTreeSet<_> = (0..200).map(Uuid::from_u128).collect();
    let send = async {
        for id in &sent {
            api.nudge(*id).await.unwrap();
        }
    };
    let read = async |nudges: &Nudges| {
        let mut seen = Vec::new();
        while let Ok(Some(id)) = timeout(Duration::from_secs(3), nudges.recv()).await {
            seen.push(id);
        }
        seen
    };
    let ((), by_first, by_second) = tokio::join!(send, read(&first), read(&second));
    assert!(!by_first.is_empty() && !by_second.is_empty(), "{} and {}", by_first.len(), by_second.len());
    assert_eq!(by_first.len() + by_second.len(), sent.len(), "no nudge comes twice without a fault");
    assert_eq!(by_first.into_iter().chain(by_second).collect::<BTreeSet<_>>(), sent);

    // The queue forgets nudges, and its exchange is apart from upstream's.
    let queues = broker.ctl(&["list_queues", "name", "durable", "arguments"]).await.unwrap();
    let line = queues.lines().find(|line| line.starts_with("magnum-operations\t")).unwrap();
    assert!(line.contains("true") && line.contains("x-message-ttl") && line.contains("60000"), "{line}");

    // A service that wants other properties uses what is there, and still gets through.
    let mut other = settings(&url);
    other.quorum_queues = true;
    let other = connected(other).await;
    other.notify(&notification(7, Priority::Info)).await.unwrap();
    other.nudge(Uuid::from_u128(1)).await.unwrap();
    let health = other.health().await;
    assert!(matches!(&health, Health::Up(broker) if broker.starts_with("127.0.0.1:")), "{health:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quorum_queues_work_on_a_fresh_broker() {
    let Some(broker) = RabbitMq::start().await.unwrap() else { return };
    let bus = connected(settings(&format!("{}?rabbit_quorum_queue=true", broker.url()))).await;
    let nudges = bus.nudges();
    nudge_gets_through(&bus, &nudges).await;
    bus.notify(&notification(1, Priority::Info)).await.unwrap();
    let queues = broker.ctl(&["list_queues", "name", "type"]).await.unwrap();
    for name in ["magnum-operations", "notifications.info"] {
        assert!(queues.lines().any(|line| line == format!("{name}\tquorum")), "{queues}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_broker_of_several_is_passed_over() {
    let Some(broker) = RabbitMq::start().await.unwrap() else { return };
    let living = broker.url().trim_start_matches("rabbit://").trim_end_matches('/').to_owned();
    let (account, _) = living.rsplit_once(':').unwrap();
    // Nobody listens on ports that were just given back.
    let dead = [(); 2].map(|()| {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        format!("{account}:{port}")
    });
    let bus = connected(settings(&format!("rabbit://{},{living},{}/", dead[0], dead[1]))).await;
    let health = bus.health().await;
    let (_, port) = living.rsplit_once(':').unwrap();
    assert_eq!(health, Health::Up(format!("127.0.0.1:{port}")));
    bus.notify(&notification(1, Priority::Info)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_resume_after_the_broker_was_away() {
    let Some(mut broker) = RabbitMq::start().await.unwrap() else { return };
    let mut settings = settings(&broker.url());
    settings.durable = true;
    let bus = connected(settings).await;
    let nudges = bus.nudges();
    nudge_gets_through(&bus, &nudges).await;
    bus.notify(&notification(1, Priority::Info)).await.unwrap();

    // Every connection is closed by the operator.
    broker.ctl(&["close_all_connections", "test"]).await.unwrap();
    nudge_gets_through(&bus, &nudges).await;
    let before = bus.stats().connections;
    assert!(before >= 2, "{before} connections");

    // The broker dies. A nudge fails at once and holds nobody up.
    broker.kill();
    eventually("the loss is noticed", async || !bus.health().await.is_up()).await;
    for _ in 0..5 {
        let start = Instant::now();
        assert!(bus.nudge(Uuid::from_u128(1)).await.is_err());
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    }
    assert!(bus.notify(&notification(2, Priority::Info)).await.is_err());

    // It comes back: both directions work, and what was confirmed before is still there.
    broker.start_again().await.unwrap();
    eventually("the bus connects again", async || bus.health().await.is_up()).await;
    nudge_gets_through(&bus, &nudges).await;
    bus.notify(&notification(3, Priority::Info)).await.unwrap();
    assert!(bus.stats().connections > before);
    let ids: Vec<_> = take_all(&broker.url(), "notifications.info")
        .await
        .iter()
        .map(|body| message(body)["message_id"].clone())
        .collect();
    assert_eq!(ids, [1, 3].map(|n| json!(Uuid::from_u128(n).to_string())));
}

#[tokio::test]
async fn a_nudge_without_a_broker_fails_fast() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bus = bus(settings(&format!("rabbit://127.0.0.1:{port}/")));
    let start = Instant::now();
    assert!(matches!(bus.nudge(Uuid::nil()).await, Err(BusError::Disconnected)));
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(bus.stats().nudges_failed, 1);
    eventually("the reason is known", async || match bus.health().await {
        Health::Down(reason) => reason.contains("refused"),
        Health::Up(_) => false,
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_never_answers_holds_nobody_up() {
    // Accepts connections and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(&format!("rabbit://127.0.0.1:{}/", listener.local_addr().unwrap().port()));
    settings.connect_timeout = Duration::from_millis(200);
    settings.confirm_timeout = Duration::from_millis(300);
    let bus = bus(settings);
    let start = Instant::now();
    assert!(bus.nudge(Uuid::nil()).await.is_err());
    assert!(bus.notify(&notification(1, Priority::Info)).await.is_err());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    eventually("the reason is known", async || match bus.health().await {
        Health::Down(reason) => reason.contains("did not answer"),
        Health::Up(_) => false,
    })
    .await;
}

#[tokio::test]
async fn shutting_down_ends_the_receivers() {
    let shutdown = CancellationToken::new();
    let bus = RabbitBus::start(settings("rabbit://127.0.0.1:1/"), Arc::new(SystemEntropy), &shutdown);
    let nudges = bus.nudges();
    shutdown.cancel();
    assert_eq!(timeout(Duration::from_secs(5), nudges.recv()).await.unwrap(), None);
}
