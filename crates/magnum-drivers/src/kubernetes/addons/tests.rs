//! Every set at every release, with everything on and everything off.

use super::*;
use crate::kubernetes::versions;
use serde_json::Value;

const MINORS: &[u32] = &[20, 33, 34, 35, 36, 37];
const CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const TRUST: CloudCredential<'static> =
    CloudCredential::Trust { user_id: "user", password: "pa\"ss", trust_id: "trust" };

/// Every switch on.
const ALL: &[(&str, &str)] = &[
    ("keystone_auth_enabled", "true"),
    ("kube_dashboard_enabled", "true"),
    ("auto_scaling_enabled", "true"),
    ("auto_healing_enabled", "true"),
    ("csi_cinder_availability_zone", "nova"),
    ("octavia_provider", "ovn"),
];

/// Every switch off.
const NONE: &[(&str, &str)] = &[
    ("coredns_enabled", "false"),
    ("metrics_server_enabled", "false"),
    ("cloud_provider_enabled", "false"),
    ("cinder_csi_enabled", "false"),
    ("keystone_auth_enabled", "false"),
];

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn inputs<'a>(labels: &'a Labels, minor: u32, network_driver: &'a str) -> AddonInputs<'a> {
    AddonInputs {
        labels,
        minor: versions::MINORS.iter().find(|row| row.minor == minor).unwrap(),
        network_driver,
        cinder: true,
        cluster_uuid: "5d12f6fd-a196-4bf0-ae4c-1f639a523a52",
        pod_cidr: "10.100.0.0/16",
        node_cidr_length: 24,
        dns_ip: "10.254.0.10",
        cluster_domain: "cluster.local",
        api_host: "10.0.0.5",
        api_port: 6443,
        keystone_url: "https://keystone.example.org:5000/v3",
        openstack_ca: CA,
        region: "RegionOne",
        project_id: "b0d1a9a0b4f64f4a8d4e6a3f3c2d1e0f",
        external_network_id: "0a6a37b9-6a3c-4f5e-9d4c-9f0a3d2b1c0d",
        subnet_id: "3f0a6d0e-0b0c-4a55-8a87-0a1b2c3d4e5f",
        node_count: 2,
        max_node_count: None,
        cloud: Some(TRUST),
    }
}

/// Each combination: a name for it, and its sets.
fn every(change: &[(&str, &str)]) -> Vec<(String, Vec<Addon>)> {
    let labels = labels(change);
    let mut all = Vec::new();
    for minor in MINORS {
        for driver in ["flannel", "calico", "cilium", "bridge"] {
            all.push((format!("1.{minor} {driver}"), addons(&inputs(&labels, *minor, driver))));
        }
    }
    all
}

fn documents(manifest: &str) -> Vec<Value> {
    manifest.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

fn find<'a>(sets: &'a [Addon], set: &str) -> &'a Addon {
    sets.iter().find(|addon| addon.set == set).unwrap()
}

/// Every `image` below a value.
fn pictures<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name == "image" => found.push(text),
                    other => pictures(other, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| pictures(value, found)),
        _ => {}
    }
}

#[test]
fn no_placeholder_remains() {
    for (name, sets) in every(ALL).into_iter().chain(every(&[])) {
        for addon in sets {
            let left = addon.manifest.split("__").skip(1).step_by(2).next();
            assert_eq!(left, None, "{name} {}", addon.set);
        }
    }
}

#[test]
fn every_document_is_an_object_with_a_name_and_an_account_that_exists() {
    for (name, sets) in every(ALL) {
        assert_eq!(sets.iter().filter(|addon| addon.manifest.is_empty()).count(), 0, "{name}");
        for addon in sets {
            let documents = documents(&addon.manifest);
            let named = |document: &Value| -> (String, String) {
                (
                    document["kind"].as_str().unwrap().to_owned(),
                    document["metadata"]["name"].as_str().unwrap().to_owned(),
                )
            };
            for document in &documents {
                let (kind, object) = named(document);
                assert!(document["apiVersion"].is_string(), "{name} {} {kind} {object}", addon.set);
                let account = &document["spec"]["template"]["spec"]["serviceAccountName"];
                if let Some(account) = account.as_str() {
                    let wanted = ("ServiceAccount".to_owned(), account.to_owned());
                    assert!(
                        documents.iter().any(|other| named(other) == wanted),
                        "{name} {object}: {account}"
                    );
                }
                let selector = &document["spec"]["selector"]["matchLabels"];
                if kind == "Deployment" || kind == "DaemonSet" {
                    assert_eq!(*selector, document["spec"]["template"]["metadata"]["labels"], "{object}");
                    assert_eq!(document["metadata"]["namespace"], "kube-system");
                }
                if kind == "ClusterRoleBinding" || kind == "RoleBinding" {
                    let role = document["roleRef"]["name"].as_str().unwrap();
                    let ours = role.starts_with("magnum:");
                    let role = (document["roleRef"]["kind"].as_str().unwrap().to_owned(), role.to_owned());
                    assert!(!ours || documents.iter().any(|other| named(other) == role), "{object}");
                    assert_ne!(role.1, "cluster-admin", "{object}");
                }
            }
        }
    }
}

#[test]
fn every_image_is_pinned_and_comes_from_the_prefix() {
    let mut change = ALL.to_vec();
    change.push(("container_infra_prefix", "registry.example/k8s/"));
    let mut seen = std::collections::BTreeSet::new();
    for (name, sets) in every(&change) {
        for addon in &sets {
            for document in documents(&addon.manifest) {
                let mut found = Vec::new();
                pictures(&document, &mut found);
                for image in found {
                    let (path, tag) = image.rsplit_once(':').unwrap();
                    let short = path.strip_prefix("registry.example/k8s/");
                    assert!(short.is_some_and(|path| !path.contains('/')), "{name}: {image}");
                    assert!(!tag.is_empty() && tag != "latest", "{name}: {image}");
                    seen.insert(path.to_owned());
                }
            }
        }
    }
    assert_eq!(seen.len(), images::references(&Labels::default(), 36).len());
}

#[test]
fn what_a_label_turns_off_is_absent_with_all_its_objects() {
    let on = labels(ALL);
    let on = addons(&inputs(&on, 36, "bridge"));
    let off = labels(NONE);
    let off = addons(&inputs(&off, 36, "bridge"));
    for set in [
        "cloud-controller-manager",
        "coredns",
        "metrics-server",
        "metrics-api",
        "cinder-csi",
        "keystone-auth",
        "cluster-autoscaler",
        "magnum-auto-healer",
        "node-problem-detector",
        "dashboard",
    ] {
        let (on, off) = (find(&on, set), find(&off, set));
        assert!(on.absent.is_empty() && off.manifest.is_empty(), "{set}");
        let mut objects: Vec<Vec<String>> = documents(&on.manifest)
            .iter()
            .map(|document| {
                let kind = document["kind"].as_str().unwrap().to_ascii_lowercase();
                let object = format!("{kind}/{}", document["metadata"]["name"].as_str().unwrap());
                match document["metadata"]["namespace"].as_str() {
                    Some(namespace) => vec!["-n".to_owned(), namespace.to_owned(), object],
                    None => vec![object],
                }
            })
            .collect();
        objects.reverse();
        assert_eq!(off.absent, objects, "{set}");
    }
    assert!(
        find(&off, "coredns")
            .absent
            .contains(&["-n", "kube-system", "deployment/coredns"].map(str::to_owned).to_vec())
    );
    for set in ["rbac", "cloud-config", "openstack-ca"] {
        assert!(find(&off, set).absent.is_empty(), "{set}");
    }
    // The network driver is for ever.
    assert!(off.iter().all(|addon| addon.set != "flannel"));
}

#[test]
fn without_a_credential_nothing_that_needs_one_is_there() {
    let labels = labels(ALL);
    let sets = addons(&AddonInputs { cloud: None, openstack_ca: "", ..inputs(&labels, 36, "flannel") });
    for addon in sets {
        assert_eq!(
            addon.manifest.is_empty(),
            addon.needs_cloud || addon.set == "openstack-ca",
            "{}",
            addon.set
        );
    }
}

#[test]
fn the_defaults_are_modest() {
    let none = Labels::default();
    let sets = addons(&inputs(&none, 36, "flannel"));
    let off: Vec<_> = sets.iter().filter(|addon| addon.manifest.is_empty()).map(|addon| addon.set).collect();
    assert_eq!(
        off,
        ["keystone-auth", "cluster-autoscaler", "magnum-auto-healer", "node-problem-detector", "dashboard"]
    );
}

#[test]
fn old_releases_get_what_they_know() {
    let all = labels(ALL);
    let old = addons(&inputs(&all, 20, "cilium"));
    let new = addons(&inputs(&all, 36, "cilium"));
    assert!(find(&old, "coredns").manifest.contains("apiVersion: policy/v1beta1\n"));
    assert!(find(&new, "coredns").manifest.contains("apiVersion: policy/v1\n"));
    assert!(find(&old, "coredns").manifest.contains("node-role.kubernetes.io/master"));
    assert!(!find(&new, "coredns").manifest.contains("node-role.kubernetes.io/master"));
    assert!(find(&old, "cilium").manifest.contains("\n  tunnel: vxlan\n"));
    assert!(find(&new, "cilium").manifest.contains("\n  routing-mode: tunnel\n  tunnel-protocol: vxlan\n"));
    // From 1.33 on, no node but masters has the credential.
    assert_eq!(find(&old, "cinder-csi").manifest.matches("secretName: cloud-config").count(), 2);
    assert_eq!(find(&new, "cinder-csi").manifest.matches("secretName: cloud-config").count(), 1);
}

#[test]
fn the_credential_is_in_the_secrets_only_and_base64() {
    let labels = labels(ALL);
    let sets = addons(&inputs(&labels, 36, "flannel"));
    assert!(
        sets.iter().all(|addon| !addon.manifest.contains("pa\"ss") && !format!("{addon:?}").contains("data"))
    );
    let text = |set: &str, key: &str| {
        let secret =
            documents(&find(&sets, set).manifest).into_iter().find(|d| d["kind"] == "Secret").unwrap();
        let bytes = ::base64::Engine::decode(
            &::base64::engine::general_purpose::STANDARD,
            secret["data"][key].as_str().unwrap(),
        );
        String::from_utf8(bytes.unwrap()).unwrap()
    };
    assert_eq!(
        text("cloud-config", "cloud.conf"),
        "[Global]\n\
         auth-url=\"https://keystone.example.org:5000/v3\"\n\
         region=\"RegionOne\"\n\
         ca-file=\"/etc/openstack-ca/ca.crt\"\n\
         user-id=\"user\"\n\
         password=\"pa\\\"ss\"\n\
         trust-id=\"trust\"\n\
         \n\
         [LoadBalancer]\n\
         floating-network-id=\"0a6a37b9-6a3c-4f5e-9d4c-9f0a3d2b1c0d\"\n\
         subnet-id=\"3f0a6d0e-0b0c-4a55-8a87-0a1b2c3d4e5f\"\n\
         lb-provider=\"ovn\"\n\
         lb-method=\"SOURCE_IP_PORT\"\n\
         create-monitor=\"true\"\n\
         \n\
         [BlockStorage]\n\
         ignore-volume-az=\"true\"\n"
    );
    let healer: Value = serde_saphyr::from_str(&text("magnum-auto-healer", "config.yaml")).unwrap();
    assert_eq!(healer["cluster-name"], "5d12f6fd-a196-4bf0-ae4c-1f639a523a52");
    assert_eq!(healer["openstack"]["password"], "pa\"ss");
    assert_eq!(healer["healthcheck"]["worker"][0]["params"]["unhealthy-duration"], "3m");
    assert_eq!(healer["healthcheck"]["master"].as_array().unwrap().len(), 2);
}

#[test]
fn an_application_credential_does_as_well() {
    let labels = Labels::default();
    let cloud = Some(CloudCredential::Application { id: "id", secret: "secret" });
    let text = cloud_conf::for_controllers(&AddonInputs {
        cloud,
        openstack_ca: "",
        ..inputs(&labels, 36, "flannel")
    });
    let bytes = ::base64::Engine::decode(&::base64::engine::general_purpose::STANDARD, text).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.contains("\napplication-credential-id=\"id\"\napplication-credential-secret=\"secret\"\n"),
        "{text}"
    );
    assert!(!text.contains("ca-file") && !text.contains("trust-id"), "{text}");
}

#[test]
fn the_autoscaler_takes_magnums_bounds_or_those_of_the_labels() {
    let groups = |pairs: &[(&str, &str)], max_node_count: Option<i32>| {
        let labels = labels(pairs);
        autoscaler_groups(&AddonInputs { max_node_count, ..inputs(&labels, 36, "flannel") })
    };
    assert_eq!(groups(&[], None), "- --nodes=0:3:default-worker");
    assert_eq!(
        groups(&[("min_node_count", "2"), ("max_node_count", "9")], None),
        "- --nodes=2:9:default-worker"
    );
    assert_eq!(groups(&[], Some(5)), "- --node-group-auto-discovery=magnum:role=worker");
}

#[test]
fn the_webhooks_policy_is_json_of_the_clusters_project() {
    let all = labels(ALL);
    let sets = addons(&inputs(&all, 36, "flannel"));
    let manifest = documents(&find(&sets, "keystone-auth").manifest);
    let policy = manifest.iter().find(|document| document["kind"] == "ConfigMap").unwrap();
    let rules: Value = serde_json::from_str(policy["data"]["policies"].as_str().unwrap()).unwrap();
    for rule in rules.as_array().unwrap() {
        assert_eq!(rule["users"]["projects"][0], "b0d1a9a0b4f64f4a8d4e6a3f3c2d1e0f");
    }
}

#[test]
fn embedded_json_is_json() {
    for (driver, map, key) in [
        ("flannel", "flannel", "cni-conf.json"),
        ("flannel", "flannel", "net-conf.json"),
        ("calico", "calico", "cni-config"),
    ] {
        let none = Labels::default();
        let sets = addons(&inputs(&none, 36, driver));
        let found = documents(&find(&sets, driver).manifest)
            .into_iter()
            .find(|d| d["kind"] == "ConfigMap" && d["metadata"]["name"] == map);
        let text = found.unwrap()["data"][key].as_str().unwrap().to_owned();
        assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{text}");
    }
}

/// Leaves what `scripts/check-manifests` gives to a real API server: `MANIFESTS_DIR/DRIVER/NN-SET.yaml`, and beside it
/// `NN-SET.absent` with the arguments that delete its objects, a line each.
#[test]
#[ignore = "writes files for scripts/check-manifests"]
#[allow(clippy::disallowed_methods, reason = "the script says where")]
fn write_manifests() {
    let (Ok(directory), Ok(minor)) = (std::env::var("MANIFESTS_DIR"), std::env::var("MANIFESTS_MINOR"))
    else {
        panic!("MANIFESTS_DIR and MANIFESTS_MINOR are not set");
    };
    let all = labels(ALL);
    for driver in ["flannel", "calico", "cilium"] {
        let directory = std::path::Path::new(&directory).join(driver);
        std::fs::create_dir_all(&directory).unwrap();
        for (i, addon) in addons(&inputs(&all, minor.parse().unwrap(), driver)).iter().enumerate() {
            let name = format!("{i:02}-{}{}", addon.set, if addon.client_side { ".client" } else { "" });
            std::fs::write(directory.join(format!("{name}.yaml")), &addon.manifest).unwrap();
            let source = SOURCES.iter().find(|source| source.set == addon.set).unwrap();
            let absent: String = objects(source.text).iter().map(|object| object.join(" ") + "\n").collect();
            std::fs::write(directory.join(format!("{name}.absent")), absent).unwrap();
        }
    }
}
