//! The crate against a real OpenStack: the calls that a cluster's life is made of, each with its true answer.
//!
//! Runs when `MAGNUM_LAB_OPENRC_DIR` names a directory with `openrc-demo` and `openrc-magnum` (lines of `export OS_…=…`),
//! for a cloud with a trustee domain `magnum` whose admin `magnum_domain_admin` has the service user's password.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use indexmap::IndexMap;
use magnum_openstack::{
    AuthMethod, AuthSettings, Cloud, CloudErrorKind, CloudSettings, DomainRef, EndpointSettings, ProjectRef,
    Scope, Session, TokenError, TransportSettings, TrusteeAdmin, UserRef, ValidatorSettings,
    heat::{Heat, ResourceFilter, Stack, StackList, StackRef, StackRequest, StackUpdate},
    keystone::{ApplicationCredentialRequest, TrustRequest},
};
use magnum_types::{Entropy, SystemClock, SystemEntropy};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, json};
use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

struct Lab {
    cloud: Cloud,
    demo: Session,
    /// Makes names unique, so that runs do not meet.
    tag: String,
}

fn openrc(path: &Path) -> HashMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap();
    let exports = text.lines().filter_map(|line| line.trim().strip_prefix("export "));
    let pairs = exports.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect()
}

fn credentials(rc: &HashMap<String, String>) -> (AuthMethod, Scope) {
    let user = UserRef::Name(rc["OS_USERNAME"].clone(), DomainRef::Name(rc["OS_USER_DOMAIN_NAME"].clone()));
    let project = ProjectRef::Name(
        rc["OS_PROJECT_NAME"].clone(),
        DomainRef::Name(rc["OS_PROJECT_DOMAIN_NAME"].clone()),
    );
    (AuthMethod::Password { user, password: rc["OS_PASSWORD"].as_str().into() }, Scope::Project(project))
}

fn lab() -> Option<Lab> {
    #[allow(clippy::disallowed_methods, reason = "the switch of this test")]
    let Ok(directory) = std::env::var("MAGNUM_LAB_OPENRC_DIR") else {
        eprintln!("SKIPPED: MAGNUM_LAB_OPENRC_DIR is not set, so there is no OpenStack to call");
        return None;
    };
    let service = openrc(&Path::new(&directory).join("openrc-magnum"));
    let demo = openrc(&Path::new(&directory).join("openrc-demo"));
    let (method, scope) = credentials(&service);
    let domain = DomainRef::Name("magnum".into());
    let settings = CloudSettings {
        service: AuthSettings { auth_url: service["OS_AUTH_URL"].clone(), method, scope },
        trustee_admin: Some(TrusteeAdmin {
            user: UserRef::Name("magnum_domain_admin".into(), domain.clone()),
            password: service["OS_PASSWORD"].as_str().into(),
            domain,
        }),
        transport: TransportSettings::default(),
        endpoint: EndpointSettings {
            region: Some(service["OS_REGION_NAME"].clone()),
            ..EndpointSettings::default()
        },
        services: Vec::new(),
    };
    let cloud = Cloud::new(settings, Arc::new(SystemClock), Arc::new(SystemEntropy)).unwrap();
    let (method, scope) = credentials(&demo);
    let demo = cloud.session(method, scope);
    Some(Lab { cloud, demo, tag: format!("rust-{}", SystemEntropy.text(8, b"abcdefghij")) })
}

async fn settled(heat: &Heat, stack: &StackRef) -> Stack {
    for _ in 0..240 {
        let now = heat.stack_get(stack, true).await.unwrap().expect("the stack is there");
        if !now.is_in_progress() {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("stack {} does not settle", stack.name);
}

#[tokio::test]
async fn a_password_makes_a_token_that_the_validator_knows() {
    let Some(lab) = lab() else { return };
    let token = lab.demo.token().await.unwrap();
    let validator = lab.cloud.token_validator(ValidatorSettings::default());
    let facts = validator.validate(&token.secret).await.unwrap();
    assert_eq!((facts.user_name.as_str(), facts.project_name.as_deref()), ("demo", Some("demo")));
    assert!(facts.roles.iter().any(|role| role == "member") && !facts.catalog.0.is_empty());
    assert_eq!(facts.user_domain_name.as_deref(), Some("Default"));
    assert!(matches!(validator.validate(&"gAAAAABnonsense".into()).await, Err(TokenError::Invalid)));

    // The caller's token, as the API will use it: with its facts, and asking about itself.
    let session = lab.cloud.user_session(token.secret.clone(), None);
    assert_eq!(session.facts().await.unwrap().user_id, facts.user_id);
    let project = ProjectRef::Id(facts.project_id.clone().unwrap());
    let rescoped =
        lab.cloud.session(AuthMethod::Token { token: token.secret.clone() }, Scope::Project(project));
    assert_eq!(rescoped.facts().await.unwrap().project_id, facts.project_id);
}

#[tokio::test]
async fn images_flavors_and_networks_are_found_by_name_and_by_id() {
    let Some(lab) = lab() else { return };
    let image = lab.cloud.glance(&lab.demo).image_find("fedora-coreos").await.unwrap();
    assert_eq!((image.os_distro.as_deref(), image.status.as_str()), (Some("fedora-coreos"), "active"));
    assert_eq!(lab.cloud.glance(&lab.demo).image_find(&image.id).await.unwrap().name, image.name);
    let error = lab.cloud.glance(&lab.demo).image_find("no, such: image").await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::NotFound);

    let nova = lab.cloud.nova(&lab.demo);
    let flavor = nova.flavor_find("m1.small").await.unwrap();
    assert_eq!((flavor.vcpus, flavor.ram), (1, 2048));
    assert_eq!(nova.flavor_find(&flavor.id).await.unwrap(), flavor);
    assert!(nova.flavor_find("nope").await.unwrap_err().is_not_found());
    assert!(nova.keypair_get("nope").await.unwrap().is_none());
    assert!(nova.server_get("00000000-0000-0000-0000-000000000000").await.unwrap().is_none());
    assert!(nova.limits().await.unwrap().total_instances_used >= 0);
    nova.server_list("^nothing$").await.unwrap();

    let neutron = lab.cloud.neutron(&lab.demo);
    let public = neutron.network_find("public", Some(true)).await.unwrap();
    assert_eq!(neutron.network_find(&public.id, None).await.unwrap(), public);
    assert!(neutron.network_find(&public.id, Some(false)).await.unwrap_err().is_not_found());
    assert!(neutron.extension_list().await.unwrap().iter().any(|alias| alias == "router"));
    let ports = vec![public.id.clone(); 60];
    assert!(neutron.floating_ips_of_ports(&ports).await.unwrap().is_empty());

    let cinder = lab.cloud.cinder(&lab.demo);
    assert!(!cinder.volume_type_list().await.unwrap().is_empty());
    assert!(cinder.volumes_with("no-such-project", "cluster", "no-such-cluster").await.unwrap().is_empty());
    cinder.limits().await.unwrap();
    let octavia = lab.cloud.octavia(&lab.demo);
    octavia.load_balancer_list("no-such-project").await.unwrap();
    assert!(octavia.load_balancer_get("00000000-0000-0000-0000-000000000000").await.unwrap().is_none());

    let keystone = lab.cloud.keystone(lab.cloud.service_session());
    assert!(!keystone.region_list().await.unwrap().is_empty());
    assert_eq!(keystone.service_list(Some("load-balancer")).await.unwrap().len(), 1);
    let project = lab.demo.facts().await.unwrap().project_id.clone().unwrap();
    assert_eq!(keystone.project_get(&project).await.unwrap().unwrap().name, "demo");
    assert!(keystone.project_get("nope").await.unwrap().is_none());
}

#[tokio::test]
async fn a_trustee_builds_and_changes_a_stack_and_the_service_user_clears_up() {
    let Some(lab) = lab() else { return };
    let facts = lab.demo.facts().await.unwrap();
    let project = facts.project_id.clone().unwrap();
    let admin = lab.cloud.keystone(lab.cloud.trustee_admin_session().unwrap());
    let domain =
        lab.cloud.keystone(lab.cloud.service_session()).domain_find("magnum").await.unwrap().unwrap().id;
    let password: SecretString = "first-password".into();
    let user = admin.user_create(&domain, &lab.tag, &password).await.unwrap();
    assert_eq!(admin.user_find(&domain, &lab.tag).await.unwrap(), Some(user.clone()));
    assert!(admin.user_create(&domain, &lab.tag, &password).await.unwrap_err().is_conflict());
    let password: SecretString = "second-password".into();
    admin.user_set_password(&user.id, &password).await.unwrap();

    let keystone = lab.cloud.keystone(&lab.demo);
    let request = TrustRequest {
        trustor_user_id: &facts.user_id,
        trustee_user_id: &user.id,
        project_id: &project,
        roles: &facts.roles,
        impersonation: true,
        redelegation_count: Some(1),
    };
    let trust = keystone.trust_create(&request).await.unwrap();
    assert!(
        keystone.trusts_of_trustor(&facts.user_id).await.unwrap().iter().any(|other| other.id == trust.id)
    );

    let session = lab.cloud.trust_session(&user.id, password, trust.id.as_str().into());
    let acting = session.facts().await.unwrap();
    assert_eq!((&acting.user_id, &acting.project_id), (&facts.user_id, &facts.project_id));
    assert!(acting.is_delegated());
    let trustee = acting.trust.as_ref().unwrap();
    assert_eq!(trustee.trustee_user_id.as_deref(), Some(user.id.as_str()));

    let heat = lab.cloud.heat(&session);
    let files = IndexMap::from([("net.yaml".to_owned(), NESTED.to_owned())]);
    let parameters = json!({ "length": 12 }).as_object().unwrap().clone();
    let request = StackRequest {
        name: &lab.tag,
        template: TEMPLATE,
        files: &files,
        environment: None,
        parameters: &parameters,
        timeout_mins: Some(5),
        disable_rollback: true,
        tags: &["magnum", &lab.tag],
    };
    heat.template_validate(&request).await.unwrap();
    let stack = heat.stack_create(&request).await.unwrap();
    assert!(heat.stack_create(&request).await.unwrap_err().is_conflict());
    let made = settled(&heat, &stack).await;
    assert_eq!(made.stack_status, "CREATE_COMPLETE", "{:?}", made.stack_status_reason);
    assert_eq!(made.output("text").and_then(|text| text.as_str()).map(str::len), Some(12));
    assert_eq!(made.tags.as_deref(), Some(&["magnum".to_owned(), lab.tag.clone()][..]));
    assert_eq!(heat.stack_find(&lab.tag).await.unwrap().unwrap().id, stack.id);

    let everything = ResourceFilter { nested_depth: 5, ..ResourceFilter::default() };
    let resources = heat.resource_list(&stack, &everything).await.unwrap();
    let net = resources.iter().find(|resource| resource.resource_type == "OS::Neutron::Net").unwrap();
    assert_eq!(net.parent_resource.as_deref(), Some("net"));
    assert_ne!(net.stack().unwrap().id, stack.id);
    let only_nets = ResourceFilter { resource_type: Some("OS::Neutron::Net"), ..everything };
    assert_eq!(heat.resource_list(&stack, &only_nets).await.unwrap().len(), 1);
    assert!(heat.resource_get(&stack, "net").await.unwrap().is_some());
    assert!(!heat.event_list(&stack, 2, 10).await.unwrap().is_empty());

    let update = |parameters| StackUpdate {
        parameters: Some(parameters),
        tags: request.tags,
        ..StackUpdate::default()
    };
    let longer = json!({ "length": 20 }).as_object().unwrap().clone();
    heat.stack_patch(&stack, &update(&longer)).await.unwrap();
    let changed = settled(&heat, &stack).await;
    assert_eq!(changed.stack_status, "UPDATE_COMPLETE", "{:?}", changed.stack_status_reason);
    assert_eq!(changed.output("text").and_then(|text| text.as_str()).map(str::len), Some(20));

    let broken = json!({ "cidr": "10.78.0.0/32" }).as_object().unwrap().clone();
    heat.stack_patch(&stack, &update(&broken)).await.unwrap();
    let failed = settled(&heat, &stack).await;
    assert_eq!(failed.stack_status, "UPDATE_FAILED");
    let first = heat.failures(&stack).await.unwrap().remove(0);
    assert_eq!((first.path.as_str(), first.depth), ("net.subnet", 2));
    assert!(first.reason.contains("DHCP"), "{}", first.reason);

    // The creator's trust may be gone when a cluster is deleted: the service user's own rights must do.
    keystone.trust_delete(&trust.id).await.unwrap();
    admin.user_delete(&user.id).await.unwrap();
    admin.user_delete(&user.id).await.unwrap();
    assert!(keystone.trust_get(&trust.id).await.unwrap().is_none());
    let service = lab.cloud.heat(lab.cloud.service_session()).in_project(&project);
    let ids = [stack.id.clone(), "00000000-0000-0000-0000-000000000000".to_owned()];
    let listed = service.stack_list(&StackList { ids: &ids, ..StackList::default() }).await.unwrap();
    assert_eq!(listed.iter().map(|listed| &listed.id).collect::<Vec<_>>(), [&stack.id]);
    service.stack_delete(&stack).await.unwrap();
    assert_eq!(settled(&service, &stack).await.stack_status, "DELETE_COMPLETE");
    service.stack_delete(&stack).await.unwrap();
    assert!(service.stack_find(&lab.tag).await.unwrap().is_none());
}

#[tokio::test]
async fn application_credentials_are_made_used_and_refused_a_trust() {
    let Some(lab) = lab() else { return };
    let facts = lab.demo.facts().await.unwrap();
    let keystone = lab.cloud.keystone(&lab.demo);
    let roles = ["member".to_owned()];
    let request = ApplicationCredentialRequest {
        name: &lab.tag,
        description: "a test's",
        roles: &roles,
        unrestricted: false,
        expires_at: None,
    };
    let made = keystone.application_credential_create(&facts.user_id, &request).await.unwrap();
    let found = keystone.application_credential_find(&facts.user_id, &lab.tag).await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.secret.is_none()), (made.id.as_str(), true));
    let session = lab.cloud.application_credential_session(&made.id, made.secret.unwrap());
    let acting = session.facts().await.unwrap();
    assert_eq!(acting.application_credential_id.as_deref(), Some(made.id.as_str()));
    let request = TrustRequest {
        trustor_user_id: &facts.user_id,
        trustee_user_id: &facts.user_id,
        project_id: facts.project_id.as_deref().unwrap(),
        roles: &roles,
        impersonation: true,
        redelegation_count: None,
    };
    let refused = lab.cloud.keystone(&session).trust_create(&request).await.unwrap_err();
    keystone.application_credential_delete(&facts.user_id, &made.id).await.unwrap();
    assert_eq!(refused.kind, CloudErrorKind::Forbidden, "{refused}");
    assert!(keystone.application_credential_find(&facts.user_id, &lab.tag).await.unwrap().is_none());
}

#[tokio::test]
async fn a_certificate_goes_into_barbican_and_leaves_nothing_behind() {
    let Some(lab) = lab() else { return };
    let barbican = lab.cloud.barbican(&lab.demo);
    let certificate = barbican.secret_create(&lab.tag, &"-----BEGIN CERTIFICATE-----".into()).await.unwrap();
    let key = barbican.secret_create(&lab.tag, &"ключ".into()).await.unwrap();
    let refs = [("certificate", certificate.as_str()), ("private_key", key.as_str())];
    let reference = barbican.container_create(&lab.tag, &refs).await.unwrap();
    barbican.consumer_register(&reference, "magnum", "https://magnum/v1/clusters/x").await.unwrap();
    let container = barbican.container_get(&reference).await.unwrap();
    let payload = barbican.secret_payload(container.secret_ref("private_key").unwrap()).await.unwrap();
    assert_eq!(payload.expose_secret(), "ключ");
    assert_eq!(barbican.containers_named(&lab.tag).await.unwrap().len(), 1);
    assert_eq!(barbican.secrets_named(&lab.tag).await.unwrap().len(), 2);
    barbican.container_delete(&reference).await.unwrap();
    for secret in [&certificate, &key, &key] {
        barbican.secret_delete(secret).await.unwrap();
    }
    assert!(barbican.container_get(&reference).await.unwrap_err().is_not_found());
    assert!(barbican.secrets_named(&lab.tag).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_password_and_a_bad_template_are_explained() {
    let Some(lab) = lab() else { return };
    let user = UserRef::Name("demo".into(), DomainRef::Name("Default".into()));
    let method = AuthMethod::Password { user, password: "wrong".into() };
    let error = lab.cloud.session(method, Scope::Unscoped).token().await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::Unauthorized);
    let (files, parameters) = (IndexMap::new(), Map::new());
    let request = StackRequest {
        name: &lab.tag,
        template: "heat_template_version: 2018-08-31\nresources: {r: {type: 'OS::Nope'}}\n",
        files: &files,
        environment: None,
        parameters: &parameters,
        timeout_mins: None,
        disable_rollback: true,
        tags: &[],
    };
    let error = lab.cloud.heat(&lab.demo).stack_create(&request).await.unwrap_err();
    assert_eq!(error.kind, CloudErrorKind::BadRequest);
    assert!(error.message.contains("OS::Nope"), "{error}");
}

const TEMPLATE: &str = "
heat_template_version: 2018-08-31
parameters:
  length: {type: number, default: 8}
  cidr: {type: string, default: 10.77.0.0/24}
resources:
  text: {type: OS::Heat::RandomString, properties: {length: {get_param: length}}}
  net: {type: net.yaml, properties: {cidr: {get_param: cidr}}}
outputs:
  text: {value: {get_attr: [text, value]}}
";

const NESTED: &str = "
heat_template_version: 2018-08-31
parameters:
  cidr: {type: string}
resources:
  network: {type: OS::Neutron::Net}
  subnet:
    type: OS::Neutron::Subnet
    properties: {network: {get_resource: network}, cidr: {get_param: cidr}}
";
