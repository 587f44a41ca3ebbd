//! docs/labels.md is made from the drivers' own tables.

use magnum_drivers::{
    Driver as _, LabelSpec, kubernetes,
    local::{LocalDriver, LocalKubernetesDriver},
    swarm::SwarmDriver,
};

const HEAD: &str = "# Labels\n\n\
Made from the drivers' tables by `cargo nextest run -p magnum-drivers --test labels`, which fails when this file is\n\
another one and says where the right one is.\n\n\
A label that a driver honours is checked when a template or a cluster is made: a wrong value is refused with what is\n\
allowed, and so is a name within two letters of a known one. An idle label is accepted, whatever it says, for the sake of\n\
old templates, and warned about with the reason given here. A label of another engine, or one that nobody knows, is kept\n\
and warned about. An empty value means the default.\n\n\
Warnings go with the answer to whoever makes a template, a cluster or a node group or changes a template, in a `Warning`\n\
header that `openstack --debug` shows, and into the log of the API. The clients print none of them by themselves.\n\n\
Labels that need a credential for the cloud in the cluster have no effect where the operator keeps\n\
`[trust] cluster_user_trust` off, and are warned about; `cloud_provider_enabled` is refused there.\n";

const ADD_ONS: &str = "\n\
The manifests of the add-ons are Magnum's own. Every set of them is read as YAML and checked by a real API server of\n\
release 1.20 (`scripts/check-manifests`); that their images, which come from public registries unless\n\
`container_infra_prefix` names another, do their work with them on releases from 1.33 is not proven by the tests of this\n\
repository. Where `follows kube_tag` is said, the tag comes from the table in\n\
`crates/magnum-drivers/src/kubernetes/images.rs`. A tag may carry a digest: `v1.2.3@sha256:…`.\n\n\
The network driver `cilium` must be allowed by `[cluster_template] kubernetes_allowed_network_drivers`; `flannel`,\n\
`calico` and `bridge` are by default.\n";

fn engine(name: &str, labels: &[LabelSpec]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut text =
        format!("\n## {name}\n\n| label | it must be | default | meaning |\n| --- | --- | --- | --- |\n");
    for LabelSpec { name, kind, default, help, .. } in labels.iter().filter(|spec| !spec.idle) {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        text += &format!("| `{name}` | {} | {default} | {} |\n", cell(&kind.allowed()), cell(help));
    }
    text += "\nIdle:\n\n| label | reason |\n| --- | --- |\n";
    for LabelSpec { name, help, .. } in labels.iter().filter(|spec| spec.idle) {
        text += &format!("| `{name}` | {} |\n", cell(help));
    }
    text
}

const STANDALONE: &str = "\n\
## Standalone mode\n\n\
These labels, which have an effect in a cloud, have none where nodes are containers on one machine. The switches\n\
`cloud_provider_enabled` and `keystone_auth_enabled` of Kubernetes are refused there.\n\n\
| engine | label | reason |\n| --- | --- | --- |\n";

/// What has an effect in a cloud and none on one machine.
fn idle_here(engine: &str, cloud: &[LabelSpec], here: &[LabelSpec]) -> String {
    let has_effect = |spec: &&LabelSpec| cloud.iter().any(|other| other.name == spec.name && !other.idle);
    let idle = here.iter().filter(|spec| spec.idle).filter(has_effect);
    idle.map(|spec| format!("| {engine} | `{}` | {} |\n", spec.name, spec.help)).collect()
}

#[test]
fn the_tables_are_the_ones_in_docs() {
    let (kubernetes, swarm) =
        (engine("Kubernetes", kubernetes::labels()), engine("Swarm", SwarmDriver.labels()));
    let local = idle_here(
        "Kubernetes",
        magnum_drivers::kubernetes::labels(),
        LocalKubernetesDriver::default().labels(),
    ) + &idle_here("Swarm", SwarmDriver.labels(), LocalDriver.labels());
    let text = format!("{HEAD}{kubernetes}{ADD_ONS}{swarm}{STANDALONE}{local}");
    let left = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("labels.md");
    std::fs::write(&left, &text).unwrap();
    let stored = include_str!("../../../docs/labels.md");
    assert!(text == stored, "docs/labels.md is not what the drivers know: copy {}", left.display());
}
