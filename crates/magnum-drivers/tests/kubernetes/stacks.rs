//! Which parameters the stacks get, beside stored ones, and the names in the templates that clients read.

use crate::{differs, world::World};
use magnum_drivers::{DriverSettings, Stack};
use magnum_types::{NodeGroup, ids::NodeGroupId};
use serde_json::Value;
use uuid::Uuid;

fn assert_golden(name: &str, stack: &Stack) {
    for parameter in stack.parameters.keys() {
        assert!(stack.template.contains(&format!("\n  {parameter}:")), "{parameter} is no parameter");
    }
    let now = format!("{:#}\n", serde_json::to_value(&stack.parameters).unwrap());
    let left = differs("data", name, &now);
    assert_eq!(left, None, "not what is in tests/data; if it should be, copy this");
}

/// Further workers with what is their own.
fn gpu(world: &World) -> NodeGroup {
    let mut group = world.workers.clone();
    group.uuid = NodeGroupId(Uuid::from_u128(3));
    group.name = "gpu".into();
    group.is_default = false;
    group.node_count = 2;
    group.image_id = Some("gpu-image".into());
    group.flavor_id = Some("g1.large".into());
    group.docker_volume_size = Some(50);
    let own = [("kube_tag", "v1.35.1"), ("availability_zone", "az2"), ("docker_volume_type", "fast")];
    group.labels.0.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    group
}

#[test]
fn the_parameters_of_a_small_cluster_are_the_stored_ones() {
    let mut world = World::new(1, 1);
    world.cluster.master_lb_enabled = false;
    assert_golden("kubernetes-small.json", &world.stack());
}

/// In a given network, on volumes in a zone, behind private load balancers of which one gets a public address.
#[test]
fn the_parameters_of_a_large_cluster_are_the_stored_ones() {
    let mut world = World::new(3, 2);
    world.settings = DriverSettings {
        openstack_ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
        node_program_sha256: "0f".repeat(32),
        default_etcd_volume_type: "configured".into(),
        default_boot_volume_size: 5,
        nodes_affinity_policy: "anti-affinity".into(),
        ..world.settings
    };
    for (name, value) in [
        ("availability_zone", "az1"),
        ("boot_volume_size", "30"),
        ("boot_volume_type", "boot"),
        ("etcd_volume_size", "10"),
        ("docker_volume_type", "docker"),
        ("master_lb_floating_ip_enabled", "yes"),
        ("master_lb_allowed_cidrs", "192.0.2.0/24"),
        ("etcd_lb_enabled", "true"),
        ("octavia_provider", "ovn"),
        ("octavia_lb_healthcheck", "false"),
        ("open_ports", "9000-9100"),
        ("calico_ipv4pool", "10.200.0.0/16"),
        ("kube_tag", "v1.35.0"),
    ] {
        world.set(name, value);
    }
    world.template.network_driver = Some("calico".into());
    world.template.apiserver_port = Some(8443);
    world.template.http_proxy = Some("http://proxy.example.org:3128".into());
    world.template.no_proxy = Some("example.org".into());
    world.template.master_flavor_id = Some("m1.medium".into());
    let cluster = &mut world.cluster;
    cluster.floating_ip_enabled = false;
    cluster.fixed_network = Some("net".into());
    cluster.fixed_subnet = Some("subnet".into());
    cluster.docker_volume_size = Some(20);
    cluster.keypair = Some("key".into());
    cluster.create_timeout = Some(90);
    world.workers.image_id = Some("workers-image".into());
    world.workers.flavor_id = Some("m1.large".into());
    assert_golden("kubernetes-large.json", &world.stack());
}

#[test]
fn the_parameters_of_a_further_group_are_the_stored_ones() {
    let mut world = World::new(1, 1);
    world.cluster.docker_volume_size = Some(20);
    assert_golden("kubernetes-nodegroup.json", &world.group_stack(&gpu(&world)));
}

/// `floating_ip_enabled` gives the load balancer an address, the label where that is off, and nothing takes it away.
#[test]
fn a_load_balancers_public_address_is_asked_for_by_either_word() {
    for (floating, label, expected) in [
        (true, None, true),
        (true, Some("false"), true),
        (false, None, false),
        (false, Some("false"), false),
        (false, Some("true"), true),
    ] {
        let mut world = World::new(3, 1);
        world.cluster.floating_ip_enabled = floating;
        if let Some(value) = label {
            world.set("master_lb_floating_ip_enabled", value);
        }
        let parameters = world.stack().parameters;
        assert_eq!(parameters["master_lb_floating_ip_enabled"], expected, "{floating} {label:?}");
    }
}

#[test]
fn a_stack_brings_its_files_and_shows_no_secret() {
    let world = World::new(3, 2);
    let stack = world.stack();
    for file in ["kubemaster.yaml", "kubeminion.yaml", "../node/user-data"] {
        assert!(stack.files.contains_key(file), "{file}");
    }
    assert!(!format!("{stack:?}").contains("join-secret"), "secrets are not shown");
    assert_eq!(world.group_stack(&gpu(&world)).files.len(), 2);
}

/// What the cluster autoscaler, magnum-auto-healer and people's own scripts look for in stacks.
#[test]
fn the_names_that_clients_read_are_in_the_templates() {
    let world = World::new(3, 1);
    let (cluster, group) = (world.stack(), world.group_stack(&gpu(&world)));
    let read = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
    let has = |template: &Value, section: &str, name: &str| {
        assert!(template[section].get(name).is_some(), "{section} {name}");
    };
    for template in [read(&cluster.template), read(&group.template)] {
        // A resource group, whose own output `refs_map` tells each member's `OS::stack_id`.
        has(&template, "resources", "kube_minions");
        assert_eq!(template["resources"]["kube_minions"]["type"], "OS::Heat::ResourceGroup");
        assert!(template["resources"]["kube_minions"]["properties"].get("removal_policies").is_some());
    }
    let template = read(&cluster.template);
    has(&template, "resources", "kube_masters");
    for output in
        ["api_address", "kube_masters", "kube_masters_private", "kube_minions", "kube_minions_private"]
    {
        has(&template, "outputs", output);
    }
    for parameter in
        ["number_of_masters", "number_of_minions", "masters_to_remove", "minions_to_remove", "kube_tag"]
    {
        has(&template, "parameters", parameter);
    }
    for (file, server) in [("kubemaster.yaml", "kube-master"), ("kubeminion.yaml", "kube-minion")] {
        let member = read(&cluster.files[file]);
        assert_eq!(member["resources"][server]["type"], "OS::Nova::Server");
        assert_eq!(member["outputs"]["OS::stack_id"]["value"]["get_resource"], server);
        // Nodes, and whatever volumes they have, are in the zone that was asked for.
        for (name, resource) in member["resources"].as_object().unwrap() {
            if resource["type"] == "OS::Cinder::Volume" {
                assert_eq!(
                    resource["properties"]["availability_zone"]["get_param"], "availability_zone",
                    "{name}"
                );
            }
        }
    }
    for output in ["kube_minion_ip", "kube_minion_external_ip"] {
        has(&read(&cluster.files["kubeminion.yaml"]), "outputs", output);
    }
}

/// Nodes of one role are kept apart as the operator says; masters only where there may be several.
#[test]
fn members_are_in_the_server_group_of_their_role() {
    let template: Value = serde_saphyr::from_str(&World::new(3, 1).stack().template).unwrap();
    let member =
        |group: &str| template["resources"][group]["properties"]["resource_def"]["properties"].clone();
    for (resource, group) in
        [("master_nodes_server_group", "kube_masters"), ("worker_nodes_server_group", "kube_minions")]
    {
        let properties = &template["resources"][resource]["properties"];
        assert_eq!(properties["policies"][0]["get_param"], "nodes_affinity_policy");
        assert!(member(group)["server_group"].to_string().contains(resource), "{group}");
    }
}

/// The rules of the masters' security group, each as `port from range`.
fn master_rules(world: &World) -> Vec<String> {
    let rules = world.stack().parameters["master_rules"].clone();
    let text = |rule: &Value| {
        let range = rule.get("remote_ip_prefix").and_then(Value::as_str).unwrap_or("everywhere");
        let port = rule.get("port_range_min").map_or_else(|| rule["protocol"].to_string(), Value::to_string);
        assert_eq!(rule.get("port_range_min"), rule.get("port_range_max"));
        format!("{port} from {range}")
    };
    rules.as_array().unwrap().iter().map(text).collect()
}

#[test]
fn who_may_call_the_api_may_do_so_at_masters_too_and_nobody_else() {
    let open = ["\"icmp\" from everywhere", "22 from everywhere"];
    let mut world = World::new(3, 1);
    assert_eq!(master_rules(&world), [&open[..], &["6443 from everywhere"]].concat());
    world.set("master_lb_allowed_cidrs", "192.0.2.0/24,2001:db8::/64");
    let ranges = ["6443 from 10.0.0.0/24", "6443 from 192.0.2.0/24", "6443 from 2001:db8::/64"];
    assert_eq!(master_rules(&world), [&open[..], &ranges].concat(), "and the cluster's own subnet");
    let stack = world.stack();
    let six = stack.parameters["master_rules"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(six["ethertype"], "IPv6");
    world.set("etcd_lb_enabled", "true");
    assert_eq!(master_rules(&world).last().unwrap(), "2379 from 10.0.0.0/24", "what the balancer asks");
    world.cluster.fixed_network = Some("net".into());
    assert_eq!(
        master_rules(&world),
        [&open[..], &ranges[1..]].concat(),
        "a given subnet is in the list, or not"
    );
    world.cluster.master_lb_enabled = false;
    assert_eq!(master_rules(&world).last().unwrap(), "6443 from everywhere", "the label is about a balancer");
}

#[test]
fn what_nodes_speak_among_themselves_is_open_to_nobody_else() {
    let template = World::new(1, 1).stack().template;
    let group = |name: &str| {
        let begin = template.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("no {name}"));
        let rest = &template[begin + 1..];
        rest[..rest.find("\n\n").unwrap()].to_owned()
    };
    let inside = group("secgroup_kube_inside");
    let rules: Vec<&str> =
        inside.lines().filter(|line| line.trim_start().starts_with("- {")).map(str::trim).collect();
    assert_eq!(
        rules,
        ["- {remote_mode: remote_group_id}", "- {remote_ip_prefix: {get_param: pods_network_cidr}}"]
    );
    assert!(group("secgroup_kube_master").ends_with("rules: {get_param: master_rules}"));
    assert!(group("secgroup_kube_minion").ends_with("rules: {get_param: node_rules}"));
    // etcd and the kubelets' own port are nowhere named to be open.
    for world in [World::new(1, 1), World::new(3, 1)] {
        for name in ["master_rules", "node_rules"] {
            let rules = world.stack().parameters[name].to_string();
            for port in ["2379", "2380", "10250", "10257", "10259"] {
                assert!(!rules.contains(port), "{name}: {rules}");
            }
        }
    }
}

/// Heat takes a null for an empty name, and a server with one has two things to boot from. An `if` without its second value
/// leaves the property out, from Wallaby's template version on.
#[test]
fn a_server_that_boots_from_a_volume_names_no_image() {
    let stack = World::new(1, 1).stack();
    for file in ["kubemaster.yaml", "kubeminion.yaml"] {
        let text = &stack.files[file];
        assert!(text.starts_with("heat_template_version: 2021-04-16\n"), "{file}");
        let server = &text[text.find("type: OS::Nova::Server\n").unwrap()..];
        let image = server.lines().map(str::trim).find(|line| line.starts_with("image:")).unwrap();
        assert!(
            image.starts_with("image: {if: [boot_image, {") && !image.contains("null"),
            "{file}: {image}"
        );
        assert!(server.contains("boot_index: 0"), "{file}");
    }
}
