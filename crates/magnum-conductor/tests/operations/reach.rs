//! Looks at clusters' addresses, against servers on this machine that speak real TLS: what one makes of what it meets
//! (`probes`), who makes it and when (`looks`), and what becomes of the health (here).

mod engine;
mod looks;
mod probes;
mod site;

use engine::{Ca, Engine, Manners};
use indexmap::IndexMap;
use magnum_conductor::duties::doubt_once;
use magnum_types::{HealthStatus, reach::KEY};
use rustls::version::{TLS12, TLS13};
use site::{MINUTE, Site, words};
use std::time::Duration;

#[tokio::test]
async fn an_address_that_dies_before_living_masters_makes_the_cluster_unhealthy_until_it_is_back() {
    let site = Site::kubernetes().await;
    let served = || Manners::tls(&site.ca, &site.ca.serving("127.0.0.1", site.now(), 30), &TLS13);
    let engine = Engine::start(served()).await;
    let address = engine.address;
    site.complete(&format!("https://{address}")).await;
    site.register_master().await;
    let told = [("api", "ok"), ("n.Ready", "True")];
    site.rig.store.cluster_health(site.rig.cluster, HealthStatus::Healthy, &words(&told)).await.unwrap();
    let well = (Some(HealthStatus::Healthy), words(&[told[0], told[1], (KEY, "ok")]));

    let asker = site.asker(&["127.0.0.0/8"]);
    assert_eq!(site.after_look(&asker).await, well);
    engine.end().await;
    let since = site.rig.store.now().await.unwrap() + MINUTE;
    assert_eq!(site.after_look(&asker).await, well, "one lost look is no fault");
    let dead = format!("not reached at {address} since {since:.0}: connection refused");
    for _ in 0..4 {
        let unwell = (Some(HealthStatus::Unhealthy), words(&[told[0], told[1], (KEY, &dead)]));
        assert_eq!(site.after_look(&asker).await, unwell);
    }
    let other = Ca::new(site.now());
    let foreign = Manners::tls(&other, &other.serving("127.0.0.1", site.now(), 30), &TLS13);
    let engine = Engine::at(address, foreign).await;
    let taken = format!(
        "not reached at {address} since {since:.0}: its certificate is not of the cluster's authority"
    );
    assert_eq!(site.after_look(&asker).await.1[KEY], taken, "somebody else has the address now");
    engine.end().await;
    let engine = Engine::at(address, served()).await;
    assert_eq!(site.after_look(&asker).await, well, "it is back");
    assert_eq!(engine.taken(), 1);
}

#[tokio::test]
async fn a_cluster_that_was_never_reached_keeps_the_health_that_its_masters_tell() {
    let site = Site::kubernetes().await;
    let address = engine::nobody().await;
    site.complete(&format!("https://{address}")).await;
    site.register_master().await;
    let asker = site.asker(&["127.0.0.0/8"]);
    for _ in 0..3 {
        assert_eq!(site.after_look(&asker).await, (None, IndexMap::new()), "nobody said anything yet");
    }
    let told = words(&[("api", "ok")]);
    site.rig.store.cluster_health(site.rig.cluster, HealthStatus::Healthy, &told).await.unwrap();
    for _ in 0..3 {
        assert_eq!(site.after_look(&asker).await, (Some(HealthStatus::Healthy), told.clone()));
    }
    let known = site.rig.store.reach_of(site.rig.cluster).await.unwrap().unwrap().0;
    assert_eq!((known.reached_at, known.missed >= 2), (None, true));
    assert!(known.said.unwrap().ends_with(": connection refused"), "an operator can see what was met");
}

#[tokio::test]
async fn when_masters_fall_silent_nobody_knows_the_health_but_whether_the_api_answers_is_said() {
    let site = Site::kubernetes().await;
    let served = site.ca.serving("127.0.0.1", site.now(), 30);
    let engine = Engine::start(Manners::tls(&site.ca, &served, &TLS13)).await;
    site.complete(&format!("https://{}", engine.address)).await;
    site.register_master().await;
    let told = words(&[("api", "ok")]);
    site.rig.store.cluster_health(site.rig.cluster, HealthStatus::Healthy, &told).await.unwrap();
    let asker = site.asker(&["127.0.0.0/8"]);
    for _ in 0..5 {
        site.after_look(&asker).await;
    }
    doubt_once(&site.rig.store, Duration::from_secs(180)).await.unwrap();
    let (status, reason) = site.health().await;
    assert_eq!((status, reason[KEY].as_str()), (Some(HealthStatus::Unknown), "ok"));
    assert!(reason["api"].starts_with("no master reports: m0 last did at "), "{reason:?}");
    engine.end().await;
    for dead in [false, true, true] {
        let (status, reason) = site.after_look(&asker).await;
        assert_eq!(status, Some(HealthStatus::Unknown), "{reason:?}");
        assert_eq!(reason[KEY].contains("connection refused"), dead, "{reason:?}");
        doubt_once(&site.rig.store, Duration::from_secs(180)).await.unwrap();
    }
}

#[tokio::test]
async fn a_cluster_whose_masters_tell_nothing_has_the_health_of_its_address() {
    let site = Site::kubernetes().await;
    let served = site.ca.serving("127.0.0.1", site.now(), 30);
    let engine = Engine::start(Manners::tls(&site.ca, &served, &TLS12)).await;
    let address = engine.address;
    site.complete(&format!("https://{address}")).await;
    // As upstream's poll left it in a database that was taken over.
    let old = words(&[("api", "ok"), ("gone.Ready", "False")]);
    site.rig.store.cluster_health(site.rig.cluster, HealthStatus::Unhealthy, &old).await.unwrap();
    let asker = site.asker(&["127.0.0.0/8"]);
    let well = (Some(HealthStatus::Healthy), words(&[(KEY, "ok")]));
    assert_eq!(site.after_look(&asker).await, well);
    engine.end().await;
    site.after_look(&asker).await;
    let (status, reason) = site.after_look(&asker).await;
    assert_eq!((status, reason.len()), (Some(HealthStatus::Unhealthy), 1));
    assert!(reason[KEY].starts_with(&format!("not reached at {address} since ")), "{reason:?}");

    // Somebody sets it from now on.
    let mine = words(&[("mine", "fine")]);
    site.rig.store.cluster_patch_health(site.rig.cluster, HealthStatus::Healthy, &mine).await.unwrap();
    for _ in 0..2 {
        assert_eq!(site.after_look(&asker).await, (Some(HealthStatus::Healthy), mine.clone()));
    }
}

#[tokio::test]
async fn a_swarm_without_tls_has_answered_when_it_takes_the_connection() {
    let site = Site::swarm_without_tls().await;
    let engine = Engine::start(Manners::Mute).await;
    site.complete(&format!("tcp://{}", engine.address)).await;
    let asker = site.asker(&["127.0.0.0/8"]);
    assert_eq!(site.after_look(&asker).await, (Some(HealthStatus::Healthy), words(&[(KEY, "ok")])));
    engine.end().await;
    site.after_look(&asker).await;
    assert_eq!(site.after_look(&asker).await.0, Some(HealthStatus::Unhealthy));
}
