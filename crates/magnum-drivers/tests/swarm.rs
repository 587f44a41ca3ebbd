//! The Swarm driver seen from outside: the stack it asks for, what it reads back, and each node's plan.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rows;

use magnum_drivers::{
    Authorities, Driver, GroupStackInputs, PlanInputs, Registry, RegistrySettings, ScaleInputs, StackInputs,
    swarm::{ENGINE_VERSION, FOUNDER, MANAGER_TOKEN, SwarmDriver, WORKER_TOKEN},
};
use magnum_types::{
    Authority, Cluster, ClusterTemplate, Labels, NodeRegistration, Role,
    ids::{ClusterId, NodeGroupId},
    plan::{Action, PlanStep},
    registration::NodeState,
};
use rows::{cluster, group, settings, template};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

fn stack_of(cluster: &Cluster, template: &ClusterTemplate, masters: i32) -> magnum_drivers::Stack {
    SwarmDriver.stack(&StackInputs {
        cluster,
        template,
        masters: &group("master", masters, "m1.medium"),
        workers: &group("worker", 2, "m1.small"),
        join_secret: &"join-secret".to_owned().into(),
        settings: &settings(),
    })
}

fn node(name: &str, role: Role, primary: bool, state: NodeState, octet: u8) -> NodeRegistration {
    NodeRegistration {
        instance_id: format!("id-{name}"),
        cluster: ClusterId(Uuid::from_u128(0xc)),
        nodegroup: NodeGroupId(Uuid::from_u128(2)),
        role,
        primary,
        name: name.into(),
        address: format!("10.0.0.{octet}"),
        public_address: None,
        certificate: format!("certificate of {name}"),
        token_hash: String::new(),
        state,
        wanted_release: None,
        wanted_image: None,
        generation: 0,
        step: None,
        error: None,
        moved: None,
        last_seen: None,
        created_at: None,
    }
}

fn founder(state: NodeState) -> NodeRegistration {
    node("c-primary-master-0", Role::Master, true, state, 1)
}

fn worker(state: NodeState) -> NodeRegistration {
    node("c-node-0", Role::Worker, false, state, 9)
}

fn facts() -> BTreeMap<String, String> {
    [(WORKER_TOKEN, "SWMTKN-w"), (MANAGER_TOKEN, "SWMTKN-m"), (FOUNDER, "id-c-primary-master-0")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

struct Asked {
    cluster: Cluster,
    template: ClusterTemplate,
    nodes: Vec<NodeRegistration>,
    facts: BTreeMap<String, String>,
}

fn asked(nodes: Vec<NodeRegistration>, facts: BTreeMap<String, String>) -> Asked {
    Asked { cluster: cluster(), template: template(), nodes, facts }
}

impl Asked {
    fn plan(&self, index: usize) -> Option<Vec<PlanStep>> {
        let trusted = BTreeMap::from([(Authority::Cluster, "the ca".to_owned())]);
        let authorities = Authorities { trusted, ..Authorities::default() };
        let inputs = PlanInputs {
            cluster: &self.cluster,
            template: &self.template,
            node: &self.nodes[index],
            nodes: &self.nodes,
            nodegroups: &[],
            facts: &self.facts,
            authorities: &authorities,
            cloud: None,
            cloud_is_new: false,
        };
        SwarmDriver.plan(&inputs).map(|plan| plan.steps)
    }
}

fn names(steps: &[PlanStep]) -> Vec<&str> {
    steps.iter().map(|step| step.name.as_str()).collect()
}

fn file<'a>(steps: &'a [PlanStep], wanted: &str) -> &'a str {
    let found = steps.iter().find_map(|step| match &step.action {
        Action::File { path, content, .. } if path == wanted => Some(content.0.as_str()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no file {wanted} in the plan"))
}

/// Compares with a stored document; the document as it is now is left beside the build for a look.
fn assert_golden(name: &str, stored: &str, now: &Value) {
    let now = format!("{now:#}\n");
    let left = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&left, &now).unwrap();
    assert!(now == stored, "{name} differs from tests/data; as it is now: {}", left.display());
}

#[test]
fn the_parameters_of_a_small_swarm_are_the_stored_ones() {
    let stack = stack_of(&cluster(), &template(), 1);
    assert_golden("small.json", include_str!("data/small.json"), &json!(stack.parameters));
    assert_eq!(stack.timeout_minutes, 30);
}

#[test]
fn the_parameters_of_a_large_swarm_in_a_given_network_are_the_stored_ones() {
    let (mut cluster, mut template) = (cluster(), template());
    cluster.fixed_network = Some("net".into());
    cluster.fixed_subnet = Some("subnet".into());
    cluster.docker_volume_size = Some(20);
    cluster.master_lb_enabled = true;
    cluster.floating_ip_enabled = false;
    cluster.create_timeout = Some(0);
    cluster.labels = Labels::from_iter(
        [
            ("availability_zone", "az1"),
            ("docker_volume_type", "fast"),
            ("open_ports", "9000-9100, 22, 80"),
            ("master_lb_floating_ip_enabled", "yes"),
            ("octavia_provider", "ovn"),
            ("octavia_lb_algorithm", "SOURCE_IP_PORT"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    template.tls_disabled = true;
    template.http_proxy = Some("http://proxy:3128".into());
    let stack = stack_of(&cluster, &template, 3);
    assert_golden("large.json", include_str!("data/large.json"), &json!(stack.parameters));
    assert_eq!(stack.timeout_minutes, 60, "0 means the configured time-out");
}

#[test]
fn every_parameter_and_file_is_one_that_the_templates_know() {
    let mut cluster = cluster();
    cluster.docker_volume_size = Some(1);
    let stack = stack_of(&cluster, &template(), 3);
    for name in stack.parameters.keys() {
        assert!(stack.template.contains(&format!("\n  {name}:")), "{name} is no parameter of the template");
    }
    for file in stack.files.keys() {
        let used = stack.template.contains(file) || stack.files.values().any(|text| text.contains(file));
        assert!(used, "{file} is not used");
    }
    for group in SwarmDriver.member_groups() {
        assert!(
            stack.template.contains(&format!("\n  {}:\n    type: OS::Heat::ResourceGroup", group.resource))
        );
        let server = format!("\n  {}:\n    type: OS::Nova::Server", group.server);
        assert!(stack.files.values().any(|text| text.contains(&server)), "{server}");
    }
}

/// The stack of a further group beside a cluster whose own stack has these outputs.
fn group_stack_of(cluster: &Cluster, outputs: Value) -> Result<magnum_drivers::Stack, String> {
    let mut further = group("worker", 3, "m1.large");
    further.is_default = false;
    further.docker_volume_size = Some(10);
    further.labels = Labels::from_iter([("availability_zone".to_owned(), "az2".to_owned())]);
    let stack = SwarmDriver.nodegroup_stack(&GroupStackInputs {
        cluster,
        template: &template(),
        group: &further,
        join_secret: &"group-secret".to_owned().into(),
        settings: &settings(),
        cluster_outputs: outputs.as_object().unwrap(),
    });
    stack.map_err(|error| error.to_string())
}

fn cluster_outputs() -> Value {
    json!({"node_network": "net", "node_subnet": "subnet", "node_security_groups": ["inside", "node"]})
}

#[test]
fn the_parameters_of_a_further_group_are_the_stored_ones() {
    let stack = group_stack_of(&cluster(), cluster_outputs()).unwrap();
    assert_golden("nodegroup.json", include_str!("data/nodegroup.json"), &json!(stack.parameters));
    for name in stack.parameters.keys() {
        assert!(stack.template.contains(&format!("\n  {name}:")), "{name} is no parameter of the template");
    }
    for file in stack.files.keys() {
        let used = stack.template.contains(file) || stack.files.values().any(|text| text.contains(file));
        assert!(used, "{file} is not used");
    }
}

#[test]
fn a_further_group_stands_on_what_the_clusters_stack_offers() {
    let cluster_template = stack_of(&cluster(), &template(), 1).template;
    let outputs = cluster_template.split_once("\noutputs:\n").unwrap().1;
    for name in cluster_outputs().as_object().unwrap().keys() {
        assert!(outputs.contains(&format!("\n  {name}:")), "{name} is no output of the cluster's stack");
        let mut without = cluster_outputs();
        without.as_object_mut().unwrap().remove(name);
        let refused = group_stack_of(&cluster(), without).unwrap_err();
        assert!(refused.contains(name.as_str()), "{refused}");
    }
}

#[test]
fn a_stack_says_no_secret_in_debug() {
    let text = format!("{:?}", stack_of(&cluster(), &template(), 1));
    assert!(text.contains("join_secret") && !text.contains("join-secret"), "{text}");
}

#[test]
fn a_smaller_group_names_the_members_that_go() {
    let update = SwarmDriver.scale(&ScaleInputs { role: Role::Worker, node_count: 3, remove: &[1, 4] });
    assert_eq!(json!(update.parameters), json!({"number_of_nodes": 3, "nodes_to_remove": ["1", "4"]}));
    // An empty list is sent too, or Heat would keep the last one.
    let update = SwarmDriver.scale(&ScaleInputs { role: Role::Worker, node_count: 5, remove: &[] });
    assert_eq!(json!(update.parameters), json!({"number_of_nodes": 5, "nodes_to_remove": []}));
}

#[test]
fn outputs_become_addresses_public_ones_where_there_are_any() {
    let outputs = json!({
        "api_address": "172.24.4.9",
        "swarm_primary_master": ["172.24.4.10"], "swarm_primary_master_private": ["10.0.0.1"],
        "swarm_secondary_masters": ["172.24.4.11"], "swarm_secondary_masters_private": ["10.0.0.2"],
        "swarm_nodes": ["172.24.4.12", null, ""], "swarm_nodes_private": ["10.0.0.9"],
    });
    let facts = BTreeMap::from([(ENGINE_VERSION.to_owned(), "29.7.2".to_owned())]);
    let outputs = outputs.as_object().unwrap();
    let (mut cluster, mut template) = (cluster(), template());
    let read = SwarmDriver.outputs(&cluster, &template, outputs, &facts);
    assert_eq!(read.api_address.as_deref(), Some("tcp://172.24.4.9:2376"));
    assert_eq!(read.master_addresses, ["172.24.4.10", "172.24.4.11"]);
    assert_eq!(read.node_addresses, ["172.24.4.12"]);
    assert_eq!(read.coe_version.as_deref(), Some("29.7.2"));
    cluster.floating_ip_enabled = false;
    template.tls_disabled = true;
    let read = SwarmDriver.outputs(&cluster, &template, outputs, &facts);
    assert_eq!(read.api_address.as_deref(), Some("tcp://172.24.4.9:2375"));
    assert_eq!(read.master_addresses, ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(read.node_addresses, ["10.0.0.9"]);
}

#[test]
fn a_stack_without_outputs_has_no_addresses_yet() {
    let outputs = json!({"api_address": null, "swarm_nodes": null});
    let read = SwarmDriver.outputs(&cluster(), &template(), outputs.as_object().unwrap(), &BTreeMap::new());
    assert_eq!(read, Default::default());
}

#[test]
fn the_founder_makes_an_engine_founds_tells_the_tokens_and_signals() {
    let asked = asked(vec![founder(NodeState::Registered)], BTreeMap::new());
    let plan = asked.plan(0).unwrap();
    assert_eq!(
        names(&plan),
        [
            "engine ca",
            "engine certificate",
            "engine key",
            "engine options",
            "engine unit",
            "engine packages",
            "engine service",
            "swarm init",
            "swarm ready",
            "swarm tokens",
            "engine version",
            "signal",
        ]
    );
    assert_eq!(file(&plan, "/etc/docker/tls/cert.pem"), "certificate of c-primary-master-0");
    let options: Value = serde_json::from_str(file(&plan, "/etc/docker/daemon.json")).unwrap();
    assert_eq!(options["hosts"], json!(["fd://", "tcp://0.0.0.0:2376"]));
    assert_eq!(options["tlsverify"], true);
    assert_eq!(options["storage-driver"], "overlay2");
}

#[test]
fn others_are_held_until_the_tokens_are_known() {
    let secondary = node("c-secondary-master-0", Role::Master, false, NodeState::Registered, 2);
    let nodes = vec![founder(NodeState::Ready), secondary, worker(NodeState::Registered)];
    let mut asked = asked(nodes, BTreeMap::new());
    assert_eq!(asked.plan(1), None);
    assert_eq!(asked.plan(2), None);
    asked.facts = facts();
    let token = |plan: Vec<PlanStep>| {
        plan.into_iter().find_map(|step| match step.action {
            Action::SwarmJoin { token, managers, advertise_address } => {
                Some((token.0, managers, advertise_address))
            }
            _ => None,
        })
    };
    let founder = vec!["10.0.0.1:2377".to_owned()];
    assert_eq!(token(asked.plan(1).unwrap()), Some(("SWMTKN-m".into(), founder.clone(), "10.0.0.2".into())));
    assert_eq!(token(asked.plan(2).unwrap()), Some(("SWMTKN-w".into(), founder, "10.0.0.9".into())));
}

#[test]
fn a_primary_whose_server_was_replaced_joins_instead_of_founding_a_second_swarm() {
    let mut replaced = founder(NodeState::Registered);
    replaced.instance_id = "id-new".into();
    let secondary = node("c-secondary-master-0", Role::Master, false, NodeState::Ready, 2);
    let asked = asked(vec![replaced, secondary], facts());
    let plan = asked.plan(0).unwrap();
    assert!(names(&plan).contains(&"swarm join") && !names(&plan).contains(&"swarm init"));
    assert_eq!(
        plan.iter().find_map(|s| match &s.action {
            Action::SwarmJoin { managers, .. } => Some(managers.clone()),
            _ => None,
        }),
        Some(vec!["10.0.0.2:2377".to_owned()])
    );
}

#[test]
fn the_founder_keeps_its_place_in_later_plans() {
    let asked = asked(vec![founder(NodeState::Ready)], facts());
    assert!(names(&asked.plan(0).unwrap()).contains(&"swarm init"));
}

#[test]
fn one_ready_manager_empties_leaving_nodes_and_forgets_gone_ones() {
    let nodes = vec![
        founder(NodeState::Ready),
        node("c-secondary-master-0", Role::Master, false, NodeState::Ready, 2),
        worker(NodeState::Leaving),
        node("c-node-1", Role::Worker, false, NodeState::Gone, 10),
    ];
    let mut asked = asked(nodes, facts());
    let farewells = |plan: Vec<PlanStep>| {
        plan.into_iter()
            .filter_map(|step| match step.action {
                Action::SwarmDrain { nodes } => Some(("drain", nodes)),
                Action::SwarmForget { nodes } => Some(("forget", nodes)),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let both = vec![("drain", vec!["c-node-0".to_owned()]), ("forget", vec!["c-node-1".to_owned()])];
    assert_eq!(SwarmDriver.drains(&asked.nodes).unwrap().name, "c-primary-master-0");
    assert_eq!(farewells(asked.plan(0).unwrap()), both);
    assert_eq!(farewells(asked.plan(1).unwrap()), vec![]);
    assert_eq!(asked.plan(2), None, "a leaving node must not join again");
    assert_eq!(asked.plan(3), None);
    asked.nodes[0].state = NodeState::Failed;
    assert_eq!(SwarmDriver.drains(&asked.nodes).unwrap().name, "c-secondary-master-0");
    assert_eq!(farewells(asked.plan(1).unwrap()), both);
    asked.nodes.truncate(2);
    let nobody = vec![("drain", Vec::new())];
    assert_eq!(farewells(asked.plan(1).unwrap()), nobody, "who was to leave and stays gets work again");
}

#[test]
fn without_tls_there_is_no_key_and_the_plain_port() {
    let mut asked = asked(vec![founder(NodeState::Registered)], BTreeMap::new());
    asked.template.tls_disabled = true;
    let plan = asked.plan(0).unwrap();
    assert!(!names(&plan).contains(&"engine key"));
    let options: Value = serde_json::from_str(file(&plan, "/etc/docker/daemon.json")).unwrap();
    assert_eq!(options["hosts"], json!(["fd://", "tcp://0.0.0.0:2375"]));
    assert_eq!(options.get("tlsverify"), None);
}

#[test]
fn a_volume_is_mounted_before_the_engine_is_installed() {
    let mut asked = asked(vec![founder(NodeState::Registered)], BTreeMap::new());
    asked.cluster.docker_volume_size = Some(5);
    let plan = asked.plan(0).unwrap();
    let at = |name: &str| names(&plan).iter().position(|step| *step == name).unwrap();
    assert!(at("engine volume") < at("engine packages"));
}

#[test]
fn proxies_and_registries_reach_the_engine() {
    let mut asked = asked(vec![founder(NodeState::Registered)], BTreeMap::new());
    asked.template.http_proxy = Some("http://u:p%40@proxy:3128\nExecStart=/bin/evil".into());
    asked.template.no_proxy = Some("10.0.0.0/8".into());
    asked.template.insecure_registry = Some("registry:5000".into());
    asked.cluster.labels = Labels::from_iter([("registry_mirror".to_owned(), "https://mirror".to_owned())]);
    let plan = asked.plan(0).unwrap();
    let unit = file(&plan, "/etc/systemd/system/docker.service.d/magnum.conf");
    assert!(
        unit.contains("Environment=\"HTTP_PROXY=http://u:p%%40@proxy:3128ExecStart=/bin/evil\"\n"),
        "{unit}"
    );
    assert!(unit.contains("Environment=\"NO_PROXY=localhost,127.0.0.1,10.0.0.0/8\"\n"), "{unit}");
    let options: Value = serde_json::from_str(file(&plan, "/etc/docker/daemon.json")).unwrap();
    assert_eq!(options["insecure-registries"], json!(["registry:5000"]));
    assert_eq!(options["registry-mirrors"], json!(["https://mirror"]));
}

#[test]
fn a_plan_says_no_token_in_debug() {
    let asked = asked(vec![founder(NodeState::Ready), worker(NodeState::Registered)], facts());
    let text = format!("{:?}", asked.plan(1).unwrap());
    assert!(text.contains("SwarmJoin") && !text.contains("SWMTKN"), "{text}");
}

#[test]
fn a_template_with_a_drivers_name_gets_that_driver() {
    let registry = Registry::new(&RegistrySettings::default());
    let mut template = template();
    assert_eq!(registry.of_template(&template).unwrap().name(), "swarm_debian_v1");
    template.cluster_distro = Some("haiku".into());
    assert!(registry.of_template(&template).is_err());
    template.driver = Some("swarm_fedora_atomic_v2".into());
    assert_eq!(registry.of_template(&template).unwrap().name(), "swarm_debian_v1");
    template.driver = Some("k8s_imaginary_v9".into());
    let Err(error) = registry.of_template(&template) else { panic!("found one") };
    assert!(error.to_string().contains("k8s_imaginary_v9"));
}
