//! Nova, Neutron, Glance and Cinder, as Magnum asks them.

use crate::rig::{Rig, living};
use magnum_openstack::{CloudErrorKind, heat::StackList, neutron::SecurityGroupFilter};
use serde_json::{Value, json};

#[tokio::test]
async fn nova_tells_flavors_servers_and_limits() {
    let rig = Rig::new().await;
    living(&rig, 1, 2).await;
    let nova = rig.cloud().nova(&rig.session("demo"));
    let small = nova.flavor_find("local.small").await.unwrap();
    assert_eq!((small.id.as_str(), small.vcpus, small.ram), ("local.small", 1, 1024));
    assert!(nova.flavor_find("m1.medium").await.is_ok(), "what clients name unless they are told otherwise");
    assert!(nova.flavor_find("m1.tiny").await.unwrap_err().is_not_found());

    let servers = nova.server_list("^c1-node").await.unwrap();
    assert_eq!(servers.len(), 2);
    let server = nova.server_get(&servers[0].id).await.unwrap().unwrap();
    assert_eq!((server.status.as_str(), &server.tenant_id), ("ACTIVE", &rig.project("demo")));
    assert_eq!(server.addresses["magnum-c1"][0].kind.as_deref(), Some("fixed"));
    assert!(nova.server_get(&uuid::Uuid::from_u128(3).to_string()).await.unwrap().is_none());
    let limits = nova.limits().await.unwrap();
    assert_eq!((limits.total_instances_used, limits.total_cores_used, limits.max_total_cores), (3, 4, -1));

    let others = rig.cloud().nova(&rig.session("other"));
    assert!(others.server_list("").await.unwrap().is_empty());
    assert!(others.server_get(&servers[0].id).await.unwrap().is_none());
    assert_eq!(others.limits().await.unwrap().total_instances_used, 0);
    let (status, _, _) =
        rig.raw("DELETE", &format!("/compute/v2.1/servers/{}", server.id), Some("demo"), Value::Null).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn key_pairs_are_each_users_own_and_outlive_the_process() {
    let rig = Rig::new().await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmAHuVB1eOHmsiBGWNvcSgWRNm7RpYoeVLFRnVcyOqT me";
    let body = |name: &str, key: Value| json!({"keypair": {"name": name, "public_key": key}});
    let path = "/compute/v2.1/os-keypairs";
    let post = async |body| rig.raw("POST", path, Some("demo"), body).await;
    let (status, _, made) = post(body("my key", key.into())).await;
    assert_eq!((status, &made["keypair"]["type"]), (200, &json!("ssh")));
    assert_eq!(post(body("my key", key.into())).await.0, 409);
    assert_eq!(post(body("x", "no key".into())).await.0, 400);
    assert_eq!(post(body("x/y", key.into())).await.0, 400);
    let (status, _, refused) = post(json!({"keypair": {"name": "x"}})).await;
    assert!(status == 400 && refused.to_string().contains("makes no private keys"), "{refused}");

    rig.restart().await;
    let nova = rig.cloud().nova(&rig.session("demo"));
    assert_eq!(nova.keypair_get("my key").await.unwrap().unwrap().public_key, key);
    assert!(rig.cloud().nova(&rig.session("other")).keypair_get("my key").await.unwrap().is_none());
    assert_eq!(
        rig.raw("GET", path, Some("demo"), Value::Null).await.2["keypairs"].as_array().unwrap().len(),
        1
    );
    assert_eq!(rig.raw("DELETE", &format!("{path}/my%20key"), Some("demo"), Value::Null).await.0, 202);
    assert!(nova.keypair_get("my key").await.unwrap().is_none());
}

#[tokio::test]
async fn neutron_tells_networks_and_the_ports_of_nodes() {
    let rig = Rig::new().await;
    let stack = living(&rig, 1, 1).await;
    let neutron = rig.cloud().neutron(&rig.session("demo"));
    let public = neutron.network_find("public", Some(true)).await.unwrap();
    assert!(public.external && public.subnets.is_empty());
    assert_eq!(neutron.network_find(&public.id, None).await.unwrap(), public);
    let own = neutron.network_find("magnum-c1", Some(false)).await.unwrap();
    let shown = rig.heat().stack_get(&stack, true).await.unwrap().unwrap();
    assert_eq!(
        (&json!(own.id), own.project_id),
        (shown.output("node_network").unwrap(), Some(rig.project("demo")))
    );
    let subnet = neutron.subnet_find(&own.subnets[0]).await.unwrap();
    assert_eq!((subnet.cidr.as_str(), &subnet.network_id, subnet.ip_version), ("172.20.0.0/16", &own.id, 4));

    let server = rig.machine.server_of("node-0").to_string();
    let ports = neutron.ports_of_device(&server).await.unwrap();
    assert_eq!((ports.len(), &ports[0].network_id, &ports[0].device_id), (1, &own.id, &server));
    assert_eq!(shown.output("swarm_nodes").unwrap()[0], ports[0].fixed_ips[0].ip_address);
    assert_eq!(neutron.ports_of_network(&own.id).await.unwrap().len(), 2);
    assert!(neutron.floating_ips_of_ports(&[ports[0].id.clone()]).await.unwrap().is_empty());
    assert!(neutron.floating_ip_list(&rig.project("demo")).await.unwrap().is_empty());
    let groups = neutron.security_groups(SecurityGroupFilter::Project("x")).await.unwrap();
    assert!(groups.is_empty() && neutron.extension_list().await.unwrap().is_empty());
    neutron.floating_ip_delete("none").await.unwrap();

    let others = rig.cloud().neutron(&rig.session("other"));
    assert!(others.network_find("magnum-c1", None).await.unwrap_err().is_not_found());
    assert!(others.ports_of_device(&server).await.unwrap().is_empty());
}

#[tokio::test]
async fn glance_tells_node_images_with_the_distribution_that_chooses_the_driver() {
    let rig = Rig::new().await;
    let glance = rig.cloud().glance(&rig.session("reader"));
    let image = glance.image_find("magnum-node").await.unwrap();
    assert_eq!((image.os_distro.as_deref(), image.status.as_str()), (Some("magnum-local"), "active"));
    assert_eq!(image.properties["magnum_coes"], "swarm");
    assert_eq!(glance.image_find(&image.id).await.unwrap().name, image.name);
    assert_eq!(glance.image_list("magnum-local").await.unwrap().len(), 1);
    assert!(glance.image_list("debian").await.unwrap().is_empty());
    assert!(glance.image_find("none").await.unwrap_err().is_not_found());
    let settings = magnum_drivers::RegistrySettings::default();
    let registry = magnum_drivers::Registry::local(&settings);
    let driver = registry.find(magnum_types::ServerType::Vm, "magnum-local", magnum_types::Coe::SwarmMode);
    assert_eq!(driver.ok().unwrap().name(), "local");
    rig.machine.inner().absent = true;
    assert_eq!(glance.image_find("magnum-node").await.unwrap_err().kind, CloudErrorKind::Server(503));
}

#[tokio::test]
async fn cinder_has_nothing_and_says_so() {
    let rig = Rig::new().await;
    let cinder = rig.cloud().cinder(&rig.session("demo"));
    assert!(cinder.volume_type_list().await.unwrap().is_empty());
    assert!(cinder.volumes_named("x").await.unwrap().is_empty());
    assert!(cinder.volumes_with(&rig.project("demo"), "k", "v").await.unwrap().is_empty());
    cinder.volume_delete("none").await.unwrap();
    assert_eq!(cinder.limits().await.unwrap().total_volumes_used, 0);
}

#[tokio::test]
async fn every_service_tells_its_versions_to_everybody_and_the_rest_to_nobody_without_a_token() {
    let rig = Rig::new().await;
    for (path, status, pointer) in [
        ("/orchestration", 300, "/versions/0/links/0/href"),
        ("/compute/", 200, "/versions/0/links/0/href"),
        ("/compute/v2.1/", 200, "/version/links/0/href"),
        ("/network/", 200, "/versions/0/links/0/href"),
        ("/image/", 300, "/versions/0/links/0/href"),
        ("/volume/", 300, "/versions/0/links/0/href"),
        ("/volume/v3/", 200, "/versions/0/links/0/href"),
    ] {
        let (told, _, document) = rig.raw("GET", path, None, Value::Null).await;
        let href = document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(told == status && href.starts_with(&rig.base_url), "{path}: {told} {document}");
    }
    for path in ["/compute/v2.1/servers", "/network/v2.0/networks", "/image/v2/images", "/volume/v3/p/types"]
    {
        assert_eq!(rig.raw("GET", path, None, Value::Null).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn a_trustee_acts_in_the_trustors_project() {
    let rig = Rig::new().await;
    let stack = living(&rig, 1, 0).await;
    let cloud = rig.cloud();
    let demo = rig.keystone.account("demo").unwrap();
    let trustee = rig.keystone.account("other").unwrap();
    let trust = magnum_openstack::keystone::TrustRequest {
        trustor_user_id: &demo.user_id,
        trustee_user_id: &trustee.user_id,
        project_id: &demo.project_id,
        roles: &demo.roles,
        impersonation: true,
        redelegation_count: None,
    };
    let trust = cloud.keystone(&rig.session("demo")).trust_create(&trust).await.unwrap();
    let session = cloud.trust_session(&trustee.user_id, trustee.password.into(), trust.id.into());
    let heat = cloud.heat(&session);
    assert_eq!(heat.stack_list(&StackList::default()).await.unwrap().len(), 1);
    heat.stack_delete(&stack).await.unwrap();
    rig.ends_as(&stack, "DELETE_COMPLETE").await;
}
