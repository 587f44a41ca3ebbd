//! The fake cloud as Magnum's own client sees it: a cluster's life, who may do what, and every sort of fault.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use indexmap::IndexMap;
use magnum_fakes::{Account, FakeCloud, Fault, Named, When, seed};
use magnum_openstack::{
    Cloud, CloudErrorKind, Session,
    heat::{Heat, ResourceFilter, StackList, StackRef, StackRequest, StackUpdate},
    keystone::{ApplicationCredentialRequest, TrustRequest},
};
use magnum_types::{Clock, SeededEntropy, VirtualClock};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};

const TEMPLATE: &str = "heat_template_version: 2018-08-31
parameters:
  cluster_uuid: {type: string}
  join_secret: {type: string, hidden: true}
  number_of_nodes: {type: number, default: 1}
  number_of_secondary_masters: {type: number, default: 0}
  nodes_to_remove: {type: comma_delimited_list, default: []}
  floating_ip_enabled: {type: boolean, default: true}
  master_lb_enabled: {type: boolean, default: false}
  docker_volume_size: {type: number, default: 0}
  fixed_network: {type: string, default: ''}
  fixed_subnet_cidr: {type: string, default: 10.0.0.0/24}
resources: {}
";

struct Lab {
    fake: FakeCloud,
    clock: Arc<VirtualClock>,
    cloud: Cloud,
    demo: Account,
}

impl Lab {
    async fn new() -> Self {
        let clock = Arc::new(VirtualClock::default());
        let fake = FakeCloud::start(clock.clone()).await.unwrap();
        let demo = fake.account("demo").unwrap();
        let entropy = Arc::new(SeededEntropy::new(7));
        let cloud = Cloud::new(fake.settings(), clock.clone(), entropy).unwrap();
        Self { fake, clock, cloud, demo }
    }

    fn caller(&self, name: &str) -> Session {
        self.cloud.user_session(SecretString::from(self.fake.login(name).unwrap()), None)
    }

    fn heat(&self) -> Heat {
        self.cloud.heat(&self.caller("demo"))
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A trustee user with the caller's trust, and their session.
    async fn trustee(&self, redelegations: Option<u32>) -> (String, String, Session) {
        let admin = self.cloud.trustee_admin_session().unwrap();
        let password = SecretString::from("pw");
        let keystone = self.cloud.keystone(admin);
        let user = keystone.user_create(seed::TRUSTEE_DOMAIN, "trustee", &password).await.unwrap();
        let request = TrustRequest {
            trustor_user_id: &self.demo.user_id,
            trustee_user_id: &user.id,
            project_id: &self.demo.project_id,
            roles: &self.demo.roles,
            impersonation: true,
            redelegation_count: redelegations,
        };
        let trust = self.cloud.keystone(&self.caller("demo")).trust_create(&request).await.unwrap();
        let session = self.cloud.trust_session(&user.id, password, trust.id.clone().into());
        (user.id, trust.id, session)
    }
}

fn parameters(nodes: u32) -> Map<String, Value> {
    let values = json!({
        "cluster_uuid": "c1", "join_secret": "hush", "number_of_nodes": nodes, "docker_volume_size": 5,
        "master_lb_enabled": true, "floating_ip_enabled": true,
    });
    values.as_object().unwrap().clone()
}

async fn create(heat: &Heat, nodes: u32) -> Result<StackRef, magnum_openstack::CloudError> {
    let (files, parameters) = (IndexMap::new(), parameters(nodes));
    let request = StackRequest {
        name: "c1-abc",
        template: TEMPLATE,
        files: &files,
        environment: None,
        parameters: &parameters,
        timeout_mins: Some(60),
        disable_rollback: true,
        tags: &["magnum"],
    };
    heat.stack_create(&request).await
}

async fn resize(heat: &Heat, stack: &StackRef, nodes: u32, remove: &[&str]) {
    let change = json!({ "number_of_nodes": nodes, "nodes_to_remove": remove }).as_object().unwrap().clone();
    let update = StackUpdate { parameters: Some(&change), ..StackUpdate::default() };
    heat.stack_patch(stack, &update).await.unwrap();
}

async fn status(heat: &Heat, stack: &StackRef) -> String {
    heat.stack_get(stack, false).await.unwrap().unwrap().stack_status
}

fn names(fake: &FakeCloud) -> Vec<String> {
    fake.servers().into_iter().map(|(_, name, _)| name).collect()
}

#[tokio::test]
async fn a_cluster_lives_from_trust_to_nothing_left() {
    let lab = Lab::new().await;
    lab.fake.build_seconds(60);
    let (user, trust, session) = lab.trustee(Some(1)).await;
    let heat = lab.cloud.heat(&session);
    let stack = create(&heat, 2).await.unwrap();
    assert_eq!(status(&heat, &stack).await, "CREATE_IN_PROGRESS");
    assert_eq!(names(&lab.fake), ["c1-abc-primary-master-0", "c1-abc-node-0", "c1-abc-node-1"]);
    lab.pass(60);

    let made = heat.stack_get(&stack, true).await.unwrap().unwrap();
    assert_eq!(made.stack_status, "CREATE_COMPLETE");
    assert_eq!(made.parameters["join_secret"], "******");
    assert_eq!(made.parameters["number_of_nodes"], "2");
    assert_eq!(made.output("swarm_nodes").unwrap().as_array().unwrap().len(), 2);
    assert!(made.output("api_address").unwrap().as_str().unwrap().starts_with("10.0."));
    let nova = lab.cloud.nova(&lab.caller("demo"));
    assert_eq!(nova.server_list("^c1-abc-").await.unwrap().len(), 3);

    heat.stack_delete(&stack).await.unwrap();
    assert_eq!(status(&heat, &stack).await, "DELETE_IN_PROGRESS");
    lab.pass(60);
    assert_eq!(status(&heat, &stack).await, "DELETE_COMPLETE");
    assert!(heat.stack_find(&stack.name).await.unwrap().is_none());
    assert_eq!(lab.fake.leftovers().len(), 2, "trust and user: {:?}", lab.fake.leftovers());

    lab.cloud.keystone(lab.cloud.service_session()).trust_delete(&trust).await.unwrap();
    lab.cloud.keystone(lab.cloud.trustee_admin_session().unwrap()).user_delete(&user).await.unwrap();
    assert_eq!(lab.fake.leftovers(), Vec::<String>::new());
    assert_eq!(session.token().await.map(drop).map_err(|e| e.kind), Ok(()), "a session keeps its token");
    let refused = heat.stack_find("any").await.unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_trust_that_may_not_be_handed_on_makes_no_stack() {
    let lab = Lab::new().await;
    let (_, _, session) = lab.trustee(None).await;
    let refused = create(&lab.cloud.heat(&session), 1).await.unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::Server(500));
    assert!(lab.fake.stacks().is_empty());
}

#[tokio::test]
async fn an_application_credentials_token_gets_no_trust_but_may_make_credentials_if_unrestricted() {
    let lab = Lab::new().await;
    let account = &lab.demo;
    for unrestricted in [true, false] {
        let token = lab.fake.login_by_application_credential("demo", unrestricted).unwrap();
        let session = lab.cloud.user_session(SecretString::from(token), None);
        assert!(session.facts().await.unwrap().is_delegated());
        let keystone = lab.cloud.keystone(&session);
        let trust = TrustRequest {
            trustor_user_id: &account.user_id,
            trustee_user_id: &account.user_id,
            project_id: &account.project_id,
            roles: &account.roles,
            impersonation: true,
            redelegation_count: None,
        };
        assert_eq!(keystone.trust_create(&trust).await.unwrap_err().kind, CloudErrorKind::Forbidden);
        let request = ApplicationCredentialRequest {
            name: "c1",
            description: "",
            roles: &[],
            unrestricted: false,
            expires_at: None,
        };
        let made = keystone.application_credential_create(&account.user_id, &request).await;
        assert_eq!(made.is_ok(), unrestricted, "{made:?}");
        let Ok(made) = made else { continue };
        let session = lab.cloud.application_credential_session(&made.id, made.secret.unwrap());
        assert_eq!(session.facts().await.unwrap().project_id.as_deref(), Some(account.project_id.as_str()));
    }
    assert_eq!(lab.fake.leftovers().len(), 1, "{:?}", lab.fake.leftovers());
}

#[tokio::test]
async fn a_group_shrinks_by_name_and_never_uses_an_index_again() {
    let lab = Lab::new().await;
    let heat = lab.heat();
    let stack = create(&heat, 3).await.unwrap();
    let going = lab.fake.servers().into_iter().find(|(_, name, _)| name.ends_with("node-1")).unwrap().0;
    resize(&heat, &stack, 2, &[&going]).await;
    assert_eq!(names(&lab.fake)[1..], ["c1-abc-node-0", "c1-abc-node-2"]);
    resize(&heat, &stack, 4, &[]).await;
    assert_eq!(names(&lab.fake)[1..], ["c1-abc-node-0", "c1-abc-node-2", "c1-abc-node-3", "c1-abc-node-4"]);
    let group = heat.resource_get(&stack, "swarm_nodes").await.unwrap().unwrap();
    assert_eq!(group.attributes["refs_map"].as_object().unwrap().len(), 4);
    assert_eq!(status(&heat, &stack).await, "UPDATE_COMPLETE");
}

#[tokio::test]
async fn a_used_up_quota_fails_the_stack_with_the_reason_at_the_deepest_resource() {
    let lab = Lab::new().await;
    lab.fake.quota_exceeded(true);
    let heat = lab.heat();
    let stack = create(&heat, 1).await.unwrap();
    let failed = heat.stack_get(&stack, false).await.unwrap().unwrap();
    assert_eq!(failed.stack_status, "CREATE_FAILED");
    assert!(failed.stack_status_reason.unwrap().contains("Quota exceeded for instances"));
    let first = heat.failures(&stack).await.unwrap().remove(0);
    assert_eq!(first.path, "swarm_primary_master.0.swarm-master");
    assert!(first.reason.contains("Quota exceeded"), "{}", first.reason);
    let filter =
        ResourceFilter { nested_depth: 3, resource_type: Some("OS::Nova::Server"), status: Some("FAILED") };
    assert_eq!(heat.resource_list(&stack, &filter).await.unwrap().len(), 2);

    lab.fake.quota_exceeded(false);
    resize(&heat, &stack, 2, &[]).await;
    assert_eq!(status(&heat, &stack).await, "UPDATE_COMPLETE");
    heat.stack_delete(&stack).await.unwrap();
    assert_eq!(lab.fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_failed_update_rolls_back_when_asked_to() {
    let lab = Lab::new().await;
    let heat = lab.heat();
    let stack = create(&heat, 1).await.unwrap();
    assert_eq!(status(&heat, &stack).await, "CREATE_COMPLETE");
    lab.fake.next_stack_fails("No valid host was found.");
    let change = json!({ "number_of_nodes": 3 }).as_object().unwrap().clone();
    let update =
        StackUpdate { parameters: Some(&change), disable_rollback: Some(false), ..StackUpdate::default() };
    heat.stack_patch(&stack, &update).await.unwrap();
    assert_eq!(status(&heat, &stack).await, "ROLLBACK_COMPLETE");
    assert_eq!(names(&lab.fake), ["c1-abc-primary-master-0", "c1-abc-node-0"]);
}

#[tokio::test]
async fn a_failed_delete_keeps_everything_and_can_be_sent_again() {
    let lab = Lab::new().await;
    let heat = lab.heat();
    let stack = create(&heat, 1).await.unwrap();
    lab.fake.next_delete_fails("Conflict: resources.private_subnet: ports are still in use");
    heat.stack_delete(&stack).await.unwrap();
    assert_eq!(status(&heat, &stack).await, "DELETE_FAILED");
    assert_eq!(lab.fake.servers().len(), 2);
    heat.stack_delete(&stack).await.unwrap();
    assert!(lab.fake.stacks().is_empty());
}

#[tokio::test]
async fn a_name_is_taken_until_its_stack_is_gone_and_an_unknown_parameter_is_refused() {
    let lab = Lab::new().await;
    let heat = lab.heat();
    let stack = create(&heat, 1).await.unwrap();
    assert!(create(&heat, 1).await.unwrap_err().is_conflict());
    let change = json!({ "number_of_minions": 3 }).as_object().unwrap().clone();
    let update = StackUpdate { parameters: Some(&change), ..StackUpdate::default() };
    let refused = heat.stack_patch(&stack, &update).await.unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::BadRequest);
    assert!(refused.message.contains("number_of_minions"), "{refused}");
    heat.stack_delete(&stack).await.unwrap();
    assert!(create(&heat, 1).await.is_ok());
}

#[tokio::test]
async fn other_projects_see_nothing_and_the_service_user_sees_and_deletes_everything() {
    let lab = Lab::new().await;
    let stack = create(&lab.heat(), 1).await.unwrap();
    let list = StackList { ids: std::slice::from_ref(&stack.id), ..StackList::default() };
    let other = lab.cloud.heat(&lab.caller("other"));
    assert!(other.stack_list(&list).await.unwrap().is_empty());
    let abroad = other.in_project(lab.fake.project_id(Named::Demo));
    assert_eq!(abroad.stack_get(&stack, false).await.unwrap_err().kind, CloudErrorKind::Forbidden);

    let service = lab.cloud.heat(lab.cloud.service_session());
    assert_eq!(service.stack_list(&list).await.unwrap().len(), 1);
    let everywhere = StackList { all_projects: true, ..StackList::default() };
    assert_eq!(service.stack_list(&everywhere).await.unwrap_err().kind, CloudErrorKind::Forbidden);
    service.in_project(lab.fake.project_id(Named::Demo)).stack_delete(&stack).await.unwrap();
    assert!(lab.fake.stacks().is_empty());
    assert_eq!(lab.fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn what_users_name_is_found_and_what_is_not_theirs_is_not() {
    let lab = Lab::new().await;
    let demo = lab.caller("demo");
    let glance = lab.cloud.glance(&demo);
    let image = glance.image_find("debian-12-docker").await.unwrap();
    assert_eq!((image.id.as_str(), image.os_distro.as_deref()), (seed::IMAGE, Some("debian")));
    assert_eq!(glance.image_find("no-distro").await.unwrap().os_distro, None);
    assert!(glance.image_find(seed::PRIVATE_IMAGE).await.unwrap_err().is_not_found());
    let nova = lab.cloud.nova(&demo);
    assert_eq!(nova.flavor_find("m1.small").await.unwrap().ram, 2048);
    assert!(nova.keypair_get(seed::KEY_PAIR).await.unwrap().is_some());
    assert!(lab.cloud.nova(&lab.caller("reader")).keypair_get(seed::KEY_PAIR).await.unwrap().is_none());
    let neutron = lab.cloud.neutron(&demo);
    assert!(neutron.network_find("public", Some(true)).await.unwrap().external);
    assert_eq!(neutron.subnet_find("private-subnet").await.unwrap().id, seed::PRIVATE_SUBNET);
    assert!(lab.cloud.neutron(&lab.caller("other")).network_find("private", None).await.is_err());
    assert_eq!(lab.cloud.cinder(&demo).volume_type_list().await.unwrap().len(), 2);
    assert_eq!(lab.cloud.cinder(&demo).limits().await.unwrap().total_volumes_used, 0);
    assert_eq!(nova.limits().await.unwrap().total_instances_used, 0);
}

#[tokio::test]
async fn keystones_lists_serve_the_service_user_only() {
    let lab = Lab::new().await;
    let keystone = lab.cloud.keystone(lab.cloud.service_session());
    assert_eq!(keystone.domain_find("magnum").await.unwrap().unwrap().id, seed::TRUSTEE_DOMAIN);
    assert_eq!(keystone.region_list().await.unwrap(), [seed::REGION]);
    assert_eq!(keystone.service_list(Some("load-balancer")).await.unwrap().len(), 1);
    assert_eq!(keystone.project_get(&lab.demo.project_id).await.unwrap().unwrap().name, "demo");
    let roles = keystone.user_roles(&lab.demo.project_id, &lab.demo.user_id).await.unwrap();
    assert_eq!(roles, ["member", "reader"]);
    let refused = lab.cloud.keystone(&lab.caller("demo")).domain_find("magnum").await.unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::Forbidden);
}

#[tokio::test]
async fn certificates_are_kept_for_their_project_and_found_again() {
    let lab = Lab::new().await;
    let barbican = lab.cloud.barbican(&lab.caller("demo"));
    let secret = barbican.secret_create("c1-certificate", &"PEM".into()).await.unwrap();
    let container = barbican.container_create("c1", &[("certificate", &secret)]).await.unwrap();
    barbican.consumer_register(&container, "magnum", "http://magnum/clusters/c1").await.unwrap();
    let found = barbican.containers_named("c1").await.unwrap();
    assert_eq!(found[0].secret_ref("certificate"), Some(secret.as_str()));
    assert_eq!(barbican.secrets_named("c1-certificate").await.unwrap(), vec![secret.clone()]);
    let stranger = lab.cloud.barbican(&lab.caller("other"));
    assert_eq!(stranger.secret_payload(&secret).await.unwrap_err().kind, CloudErrorKind::Forbidden);
    assert_eq!(lab.fake.leftovers().len(), 2);
    barbican.container_delete(&container).await.unwrap();
    barbican.secret_delete(&secret).await.unwrap();
    assert_eq!(lab.fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_services_load_balancer_is_left_over_until_it_and_its_address_are_deleted() {
    let lab = Lab::new().await;
    let id = lab.fake.service_load_balancer(Named::Demo, "c1");
    let demo = lab.caller("demo");
    let octavia = lab.cloud.octavia(&demo);
    let balancer = octavia.load_balancer_list(lab.fake.project_id(Named::Demo)).await.unwrap().remove(0);
    assert!(balancer.description.ends_with("from cluster c1"));
    let neutron = lab.cloud.neutron(&demo);
    let addresses = neutron.floating_ips_of_ports(&[balancer.vip_port_id.unwrap()]).await.unwrap();
    octavia.load_balancer_delete(&id).await.unwrap();
    let again = octavia.load_balancer_delete(&id).await.unwrap_err();
    assert_eq!(again.kind, CloudErrorKind::Conflict, "it takes its time");
    lab.pass(2);
    assert_eq!(lab.fake.leftovers().len(), 1);
    neutron.floating_ip_delete(&addresses[0].id).await.unwrap();
    assert_eq!(lab.fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn tokens_end_with_the_clock() {
    let lab = Lab::new().await;
    let session = lab.caller("demo");
    let heat = lab.cloud.heat(&session);
    assert!(heat.stack_find("none").await.unwrap().is_none());
    lab.pass(3600);
    assert_eq!(heat.stack_find("none").await.unwrap_err().kind, CloudErrorKind::Unauthorized);
    assert!(lab.cloud.service_session().facts().await.unwrap().expires_at > lab.clock.now());
}

#[tokio::test]
async fn a_stack_whose_answer_was_lost_is_there() {
    let lab = Lab::new().await;
    let heat = lab.heat();
    lab.fake.fail_next("POST /orchestration", Fault::ApplyThenDrop, 1);
    let lost = create(&heat, 1).await.unwrap_err();
    assert_eq!(lost.kind, CloudErrorKind::Connect);
    assert!(heat.stack_find("c1-abc").await.unwrap().is_some());
}

#[tokio::test]
async fn other_faults_have_no_effect() {
    let lab = Lab::new().await;
    let heat = lab.heat();
    let body = json!({ "error": { "message": "the engine is busy" } }).to_string();
    lab.fake.fail_next("/stacks", Fault::Status(503, body), 1);
    let busy = create(&heat, 1).await.unwrap_err();
    assert_eq!((busy.kind, busy.message.as_str()), (CloudErrorKind::Server(503), "the engine is busy"));
    lab.fake.fail_call(1, Fault::DropConnection);
    assert_eq!(create(&heat, 1).await.unwrap_err().kind, CloudErrorKind::Connect);
    lab.fake.fail_next("POST", Fault::Timeout, 1);
    let hanging = tokio::time::timeout(Duration::from_millis(200), create(&heat, 1)).await;
    assert!(hanging.is_err(), "the call must hang");
    assert!(lab.fake.stacks().is_empty());
    assert!(create(&heat, 1).await.is_ok());
}

#[tokio::test]
async fn the_crash_point_stops_the_world_at_one_write_and_resume_starts_it_again() {
    for (when, survives) in [(When::Before, false), (When::After, true)] {
        let lab = Lab::new().await;
        let heat = lab.heat();
        lab.fake.stop_at_write(1, when);
        let work = async {
            let made = create(&heat, 1).await;
            panic!("a dead program got an answer: {made:?}");
        };
        tokio::select! {
            () = work => {}
            () = lab.fake.stopped() => {}
        }
        assert!(lab.fake.is_stopped());
        lab.fake.resume();
        assert_eq!(heat.stack_find("c1-abc").await.unwrap().is_some(), survives);
        assert_eq!(lab.fake.writes(), 1);
        let call = lab.fake.log().into_iter().find(|call| call.method == "POST").unwrap();
        assert_eq!(call.status, None);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let lab = Lab::new().await;
        ids.push(create(&lab.heat(), 1).await.unwrap().id);
    }
    assert_eq!(ids[0], ids[1]);
}
