//! Who looks, when, and where nobody does.

use super::{
    engine::{Ca, Engine, Manners},
    site::{Site, words},
};
use indexmap::IndexMap;
use magnum_conductor::reach::{Asker, ReachSettings, reach};
use magnum_types::{Authority, HealthStatus, Rotation, RotationPhase, Status, reach::KEY};
use rustls::version::TLS13;
use std::{collections::BTreeMap, time::Duration};
use tokio_util::sync::CancellationToken;

async fn engine_of(site: &Site, ca: &Ca) -> Engine {
    Engine::start(Manners::tls(ca, &ca.serving("127.0.0.1", site.now(), 30), &TLS13)).await
}

#[tokio::test]
async fn of_several_conductors_one_asks_and_each_reads_the_authority_once() {
    let site = Site::kubernetes().await;
    let engine = engine_of(&site, &site.ca).await;
    site.complete(&format!("https://{}", engine.address)).await;
    let askers = [(); 4].map(|()| site.asker(&["127.0.0.0/8"]));
    for round in 1..=12 {
        for _ in 0..2 {
            let [a, b, c, d] = &askers;
            let (a, b, c, d) = tokio::join!(a.look(), b.look(), c.look(), d.look());
            for looked in [a, b, c, d] {
                assert!(looked.unwrap() <= 1, "there is one cluster");
            }
            assert_eq!(engine.taken(), round, "it is not asked again before a minute is over");
        }
        site.rig.pass(60);
    }
    let read =
        site.rig.cloud.log().iter().filter(|call| format!("{call:?}").contains("/containers/")).count();
    assert!((1..=4).contains(&read), "12 looks of 4 conductors read the authority {read} times");
}

#[tokio::test]
async fn an_address_that_never_answered_is_asked_ever_less_often() {
    let site = Site::kubernetes().await;
    let engine = Engine::start(Manners::Rude).await;
    site.complete(&format!("https://{}", engine.address)).await;
    let asker = site.asker(&["127.0.0.0/8"]);
    let mut asked = Vec::new();
    for minute in 0..100 {
        let before = engine.taken();
        asker.look().await.unwrap();
        if engine.taken() > before {
            asked.push(minute);
        }
        site.rig.pass(60);
    }
    assert_eq!(asked, [0, 2, 6, 14, 30, 62, 94]);
}

#[tokio::test]
async fn nobody_asks_this_machine_or_the_metadata_service_or_a_name() {
    for (scheme, host) in [
        ("https", "127.0.0.1"),
        ("tcp", "[::ffff:127.0.0.1]"),
        ("https", "169.254.169.254"),
        ("https", "localhost"),
    ] {
        let site = Site::kubernetes().await;
        let engine = engine_of(&site, &site.ca).await;
        let address = format!("{scheme}://{host}:{}", engine.address.port());
        site.complete(&address).await;
        let asker = site.asker(&[]);
        for _ in 0..3 {
            assert_eq!(site.after_look(&asker).await, (None, IndexMap::new()), "{address}");
        }
        assert_eq!(engine.taken(), 0, "{address}");
        assert!(site.rig.cloud.log().is_empty(), "{address}: and nothing is read for it");
        let known = site.rig.store.reach_of(site.rig.cluster).await.unwrap().unwrap().0;
        let why = known.said.unwrap();
        assert_eq!(why.contains("no cluster is asked"), host != "localhost", "{address}: {why}");
    }
}

#[tokio::test]
async fn in_the_middle_of_a_rotation_both_authorities_are_known() {
    for is_new in [false, true] {
        let site = Site::kubernetes().await;
        let new = Ca::new(site.now());
        let references = [site.keep(&site.ca, 0).await, site.keep(&new, 1).await];
        let [old, next] = references.map(|reference| BTreeMap::from([(Authority::Cluster, reference)]));
        let rotation = Rotation { phase: RotationPhase::Servers, old, new: next, old_client: None };
        let engine = engine_of(&site, if is_new { &new } else { &site.ca }).await;
        let address = format!("https://{}", engine.address);
        site.come_to(Status::UpdateFailed, &address, Some(rotation)).await;
        let found = site.after_look(&site.asker(&["127.0.0.0/8"])).await;
        assert_eq!(found, (Some(HealthStatus::Healthy), words(&[(KEY, "ok")])), "new: {is_new}");
    }
}

#[tokio::test]
async fn where_a_healer_reports_nobody_asks() {
    let site = Site::healing().await;
    let engine = engine_of(&site, &site.ca).await;
    site.complete(&format!("https://{}", engine.address)).await;
    assert_eq!(site.after_look(&site.asker(&["127.0.0.0/8"])).await, (None, IndexMap::new()));
    assert_eq!(engine.taken(), 0);
    // Without a credential there is no healer, whatever the labels say.
    let asker = Asker::new(site.world_without_healers(), Site::settings(&["127.0.0.0/8"]));
    site.after_look(&asker).await;
    assert_eq!(engine.taken(), 1);
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_not_the_clusters_fault() {
    let site = Site::kubernetes().await;
    let engine = engine_of(&site, &site.ca).await;
    site.complete(&format!("https://{}", engine.address)).await;
    let asker = site.asker(&["127.0.0.0/8"]);
    let well = (Some(HealthStatus::Healthy), words(&[(KEY, "ok")]));
    assert_eq!(site.after_look(&asker).await, well);
    // Another process knows no authority yet, and the store has lost it.
    let name = magnum_secrets::BundleName {
        cluster: site.rig.cluster,
        purpose: magnum_secrets::Purpose::ClusterCa,
        generation: 0,
        project_id: String::new(),
        user_id: String::new(),
    };
    let reference = site.rig.view().await.unwrap().cluster.ca_cert_ref;
    site.world().certificates.delete(&name, reference.as_deref()).await.unwrap();
    let other = site.asker(&["127.0.0.0/8"]);
    for _ in 0..3 {
        assert_eq!(site.after_look(&other).await, well);
    }
    assert_eq!(engine.taken(), 1);
}

#[tokio::test]
async fn the_duty_looks_each_minute_until_it_is_stopped_and_takes_its_word_back_when_switched_off() {
    let site = Site::kubernetes().await;
    let engine = engine_of(&site, &site.ca).await;
    site.complete(&format!("https://{}", engine.address)).await;
    let stop = CancellationToken::new();
    // The clock runs faster than the handshakes here.
    let limit = Duration::from_secs(86400);
    let settings = ReachSettings { limit, ..Site::settings(&["127.0.0.0/8"]) };
    let duty = tokio::spawn(reach(site.world(), Some(settings), stop.clone()));
    for minute in 1..=3 {
        while engine.taken() < minute {
            tokio::time::sleep(Duration::from_millis(2)).await;
            // The duty's own pause, which may begin after the clock was moved.
            if engine.taken() < minute && minute > 1 {
                site.rig.pass(1);
            }
        }
    }
    while site.health().await.0 != Some(HealthStatus::Healthy) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stop.cancel();
    duty.await.unwrap();
    reach(site.world(), None, CancellationToken::new()).await;
    assert_eq!(site.health().await, (None, IndexMap::new()));
    assert!(
        site.now().duration_since(site.rig.view().await.unwrap().cluster.created_at.unwrap()).as_secs()
            >= 120
    );
}
