//! What a call to the cloud may do: repeat, give up, refuse, and explain.

use crate::fake::{Fake, Next};
use indexmap::IndexMap;
use magnum_openstack::{
    CloudErrorKind, Deadline, EndpointSettings, Interface, Service,
    heat::{StackList, StackRef, StackRequest},
};
use serde_json::Map;
use std::time::{Duration, Instant};

fn request<'a>(
    files: &'a IndexMap<String, String>,
    parameters: &'a Map<String, serde_json::Value>,
) -> StackRequest<'a> {
    StackRequest {
        name: "s",
        template: "t",
        files,
        environment: None,
        parameters,
        timeout_mins: None,
        disable_rollback: true,
        tags: &[],
    }
}

#[tokio::test]
async fn a_read_is_repeated_until_a_gateway_has_recovered() {
    let fake = Fake::start().await;
    fake.will_say(503, "busy");
    fake.will_say(502, "<html><h1>502</h1></html>");
    let cloud = fake.cloud();
    let stacks = cloud.heat(cloud.service_session()).stack_list(&StackList::default()).await.unwrap();
    assert!(stacks.is_empty());
    assert_eq!(fake.calls().len(), 3);
}

#[tokio::test]
async fn retries_end_and_the_services_words_remain() {
    let fake = Fake::start().await;
    for _ in 0..10 {
        fake.will([Next::Say(503, &[("x-openstack-request-id", "req-7")], "no healthy upstream".into())]);
    }
    let cloud = fake.cloud();
    let error = cloud.heat(cloud.service_session()).stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (CloudErrorKind::Server(503), "no healthy upstream"));
    assert_eq!(error.request_id.as_deref(), Some("req-7"));
    assert!(error.is_retryable());
    assert_eq!(fake.calls().len(), 4, "four attempts and no more");
}

#[tokio::test]
async fn a_creation_is_never_sent_twice_once_the_service_has_seen_it() {
    let fake = Fake::start().await;
    fake.will_say(503, "busy");
    let (cloud, files, parameters) = (fake.cloud(), IndexMap::new(), Map::new());
    let heat = cloud.heat(cloud.service_session());
    let error = heat.stack_create(&request(&files, &parameters)).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Server(503));
    assert_eq!(fake.calls(), ["POST /heat/v1/p1/stacks"]);
}

#[tokio::test]
async fn retry_after_is_honoured_but_never_beyond_the_deadline() {
    let fake = Fake::start().await;
    fake.will([Next::Say(429, &[("retry-after", "1")], String::new())]);
    let cloud = fake.cloud();
    let start = Instant::now();
    cloud.heat(cloud.service_session()).stack_list(&StackList::default()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));

    fake.will([Next::Say(429, &[("retry-after", "60")], String::new())]);
    let session = cloud.service_session().with_deadline(Deadline::after(Duration::from_secs(2)));
    let start = Instant::now();
    let error = cloud.heat(&session).stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::RateLimited);
    assert!(start.elapsed() < Duration::from_secs(1), "it is known at once that waiting is no use");
}

#[tokio::test]
async fn a_silent_service_is_given_up_at_the_deadline() {
    let fake = Fake::start().await;
    fake.will((0..9).map(|_| Next::Hang(Duration::from_secs(30))));
    let cloud = fake.cloud();
    cloud.service_session().token().await.unwrap();
    let session = cloud.service_session().with_deadline(Deadline::after(Duration::from_millis(600)));
    let start = Instant::now();
    let error = cloud.heat(&session).stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_redirect_is_refused_so_that_the_token_stays_here() {
    let fake = Fake::start().await;
    fake.will([Next::Say(302, &[("location", "/elsewhere")], String::new())]);
    let cloud = fake.cloud();
    let error = cloud.heat(cloud.service_session()).stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Redirect);
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let fake = Fake::start().await;
    fake.will_say(200, &"x".repeat(65 * 1024));
    let cloud = fake.cloud();
    let error = cloud.heat(cloud.service_session()).stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::TooLarge);
}

#[tokio::test]
async fn a_refused_connection_is_told_from_a_refused_call() {
    let fake = Fake::start().await;
    let mut settings = fake.settings();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1/p1", dead.local_addr().unwrap());
    drop(dead);
    let endpoint = EndpointSettings { address: Some(address), ..EndpointSettings::default() };
    settings.services.push((Service::Orchestration, endpoint, settings.transport.clone()));
    let entropy = std::sync::Arc::new(magnum_types::SeededEntropy::new(1));
    let cloud = magnum_openstack::Cloud::new(settings, fake.clock.clone(), entropy).unwrap();
    let error = cloud.heat(cloud.service_session()).stack_list(&StackList::default()).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Connect);
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn each_service_goes_to_the_endpoint_its_settings_choose() {
    let fake = Fake::start().await;
    let mut settings = fake.settings();
    let internal = EndpointSettings {
        interface: Interface::Internal,
        region: Some("RegionOne".into()),
        ..EndpointSettings::default()
    };
    settings.services.push((Service::Network, internal, settings.transport.clone()));
    let entropy = std::sync::Arc::new(magnum_types::SeededEntropy::new(1));
    let cloud = magnum_openstack::Cloud::new(settings, fake.clock.clone(), entropy).unwrap();
    fake.will_say(200, r#"{"networks": [{"id": "n", "name": "a/b", "router:external": true}]}"#);
    let network = cloud.neutron(cloud.service_session()).network_find("a/b", Some(true)).await.unwrap();
    assert!(network.external);
    assert_eq!(fake.calls(), ["GET /internal/neutron/v2.0/networks?name=a%2Fb"]);
    let error = cloud.octavia(cloud.service_session()).load_balancer_list("p").await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::NoEndpoint);
    assert!(error.to_string().contains("load-balancer"), "{error}");
}

#[tokio::test]
async fn many_stacks_are_asked_for_in_few_calls_and_in_their_project() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    let ids: Vec<String> = (0..150).map(|n| format!("id{n}")).collect();
    let list = StackList { ids: &ids, ..StackList::default() };
    cloud.heat(cloud.service_session()).in_project("p2").stack_list(&list).await.unwrap();
    let calls = fake.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[0].starts_with("GET /heat/v1/p2/stacks?id=id0&id=id1&"), "{}", calls[0]);
}

#[tokio::test]
async fn deleting_what_is_gone_is_done_and_odd_names_never_leave_the_path() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    let heat = cloud.heat(cloud.service_session());
    fake.will_say(404, r#"{"code": 404, "error": {"message": "gone"}}"#);
    heat.stack_delete(&StackRef { name: "a b".into(), id: "i".into() }).await.unwrap();
    assert_eq!(fake.calls(), ["DELETE /heat/v1/p1/stacks/a%20b/i"]);
    let error = heat.stack_delete(&StackRef { name: "..".into(), id: String::new() }).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::BadRequest);
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test]
async fn calls_carry_the_request_id_and_our_name() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    let session = cloud.service_session().with_request_id("req-4c56cb57-a72f-4de9-8eed-e65c2f9fa5ac");
    cloud.heat(&session).stack_list(&StackList::default()).await.unwrap();
    let headers = fake.headers.lock().unwrap();
    assert_eq!(headers[0]["x-openstack-request-id"], "req-4c56cb57-a72f-4de9-8eed-e65c2f9fa5ac");
    assert!(headers[0]["user-agent"].to_str().unwrap().starts_with("magnum/0.1"));
}

#[tokio::test]
async fn an_error_shows_neither_token_nor_trust() {
    let fake = Fake::start().await;
    let cloud = fake.cloud();
    fake.will_say(403, r#"{"error": {"message": "no"}}"#);
    let error = cloud.keystone(cloud.service_session()).trust_delete("secret-trust").await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("secret-trust") && !shown.contains("token-1"), "{shown}");
    assert_eq!(error.kind, CloudErrorKind::Forbidden);
}
