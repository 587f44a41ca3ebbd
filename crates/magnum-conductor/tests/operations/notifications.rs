//! Notifications and a broker that dies: none is lost, none comes before an older one, whoever sends.

use crate::rig::Rig;
use lapin::{Connection, ConnectionProperties, options::BasicGetOptions};
use magnum_conductor::duties;
use magnum_messaging::{
    Bus, NotificationDriver, NotificationSettings, Notifier, RabbitBus, RabbitSettings, TransportUrl,
};
use magnum_testing::rabbitmq::RabbitMq;
use magnum_types::{OperationState, SystemClock, SystemEntropy};
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(120);

/// A conductor's sender with a connection of its own, at work until `stop`.
async fn sender(rig: &Rig, url: &str, owner: &str, stop: &CancellationToken) -> Arc<RabbitBus> {
    let TransportUrl::Rabbit(url) = TransportUrl::parse(url).unwrap() else { panic!("not a rabbit url") };
    let mut settings = RabbitSettings::new(url);
    settings.apply_url_parameters().unwrap();
    settings.reconnect_max = Duration::from_millis(500);
    settings.confirm_timeout = Duration::from_secs(1);
    settings.durable = true;
    settings.notifications = NotificationSettings {
        drivers: vec![NotificationDriver::MessagingV2],
        ..NotificationSettings::default()
    };
    let notifications = settings.notifications.clone();
    let bus = Arc::new(RabbitBus::start(settings, Arc::new(SystemEntropy), stop));
    tokio::spawn(duties::notify(
        rig.store.clone(),
        Notifier::new(bus.clone(), notifications),
        Arc::new(SystemClock),
        owner.to_owned(),
        stop.clone(),
    ));
    bus
}

/// Takes what has come out of the queue: ids and phases in the order of their arrival.
async fn arrived(url: &str) -> Vec<(String, String)> {
    let url = url.replace("rabbit://", "amqp://").trim_end_matches('/').to_owned();
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut seen = Vec::new();
    let queue = "notifications.info";
    while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.unwrap()
    {
        let envelope: Value = serde_json::from_slice(&message.delivery.data).unwrap();
        let inner: Value = serde_json::from_str(envelope["oslo.message"].as_str().unwrap()).unwrap();
        let kind = inner["event_type"].as_str().unwrap().to_owned();
        // Upstream's own event types stand beside: `magnum.cluster.create` without a phase.
        if kind.matches('.').count() == 3 {
            let id = inner["message_id"].as_str().unwrap().to_owned();
            seen.push((id, kind.trim_start_matches("magnum.cluster.").to_owned()));
        }
    }
    seen
}

/// What was told, each message once: one whose confirmation was lost comes again under the same id.
#[derive(Default)]
struct Told {
    ids: HashSet<String>,
    phases: Vec<String>,
}

impl Told {
    async fn listen(&mut self, url: &str) {
        for (id, phase) in arrived(url).await {
            if self.ids.insert(id) {
                self.phases.push(phase);
            }
        }
    }

    async fn until(&mut self, url: &str, count: usize) {
        let start = Instant::now();
        while self.phases.len() < count {
            assert!(start.elapsed() < SOON, "only {:?} came", self.phases);
            sleep(Duration::from_millis(200)).await;
            self.listen(url).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_broker_loses_no_notification_and_changes_no_order() {
    let Some(mut broker) = RabbitMq::start().await.unwrap() else { return };
    let (rig, stop) = (Rig::new().await, CancellationToken::new());
    let url = broker.url();
    let buses = [sender(&rig, &url, "one", &stop).await, sender(&rig, &url, "two", &stop).await];

    // The first event reaches the broker before it dies.
    let create = rig.accept_create(1).await;
    let start = Instant::now();
    while buses.iter().all(|bus| bus.stats().notifications_sent < 2) {
        assert!(start.elapsed() < SOON, "the first notification is not sent");
        sleep(Duration::from_millis(50)).await;
    }
    let mut told = Told::default();
    told.until(&url, 1).await;
    broker.kill();

    // What happens meanwhile is tried in vain, more than once, by both.
    assert_eq!(rig.finish(create).await, OperationState::Done);
    let start = Instant::now();
    while buses.iter().any(|bus| bus.stats().notifications_failed < 1) {
        assert!(start.elapsed() < SOON, "nobody tried to tell of the create's end");
        sleep(Duration::from_millis(50)).await;
    }
    rig.pass(5);
    let resize = rig.accept_resize(2).await;
    assert_eq!(rig.finish(resize).await, OperationState::Done);
    sleep(Duration::from_secs(2)).await;

    // It lives again, and more happens before the rest is sent.
    broker.start_again().await.unwrap();
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    let wanted = ["create.start", "create.end", "update.start", "update.end", "delete.start", "delete.end"];
    told.until(&url, wanted.len()).await;
    sleep(Duration::from_secs(2)).await;
    told.listen(&url).await;
    assert_eq!(told.phases, wanted, "all, in their order, and no other");
    stop.cancel();
}
