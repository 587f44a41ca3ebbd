//! The container images of the add-ons: where each comes from, which tag fits a release of Kubernetes, and which label
//! names another. Tags are pinned; a row holds from its release on, until the next row.

use super::labels::value;
use magnum_types::Labels;

struct Image {
    /// `__IMAGE_NAME__` in the manifests.
    name: &'static str,
    label: &'static str,
    /// The label whose tag is meant where this image's own label is not given.
    or_label: &'static str,
    /// From this minor release on: repository and tag. An empty tag is the label's own default.
    rows: &'static [(u32, &'static str, &'static str)],
}

/// The releases that the rows were chosen for: 1.20, and 1.33 to 1.37.
const OLD: u32 = 20;

const fn image(
    name: &'static str,
    label: &'static str,
    rows: &'static [(u32, &'static str, &'static str)],
) -> Image {
    Image { name, label, or_label: "", rows }
}

macro_rules! cloud {
    ($program:literal) => {
        &[
            (OLD, concat!("docker.io/k8scloudprovider/", $program), "v1.20.2"),
            (33, concat!("registry.k8s.io/provider-os/", $program), "v1.33.1"),
            (34, concat!("registry.k8s.io/provider-os/", $program), "v1.34.1"),
            (35, concat!("registry.k8s.io/provider-os/", $program), "v1.35.0"),
            (36, concat!("registry.k8s.io/provider-os/", $program), "v1.36.0"),
        ]
    };
}

macro_rules! sidecar {
    ($program:literal, $old:literal, $new:literal) => {
        &[
            (OLD, concat!("registry.k8s.io/sig-storage/", $program), $old),
            (33, concat!("registry.k8s.io/sig-storage/", $program), $new),
        ]
    };
}

macro_rules! calico {
    ($program:literal) => {
        &[
            (OLD, concat!("quay.io/calico/", $program), "v3.21.2"),
            (33, concat!("quay.io/calico/", $program), "v3.31.3"),
            (34, concat!("quay.io/calico/", $program), "v3.32.2"),
        ]
    };
}

const COREDNS: &str = "registry.k8s.io/coredns/coredns";
const METRICS_SERVER: &str = "registry.k8s.io/metrics-server/metrics-server";
const AUTOSCALER: &str = "registry.k8s.io/autoscaling/cluster-autoscaler";
const PROBLEMS: &str = "registry.k8s.io/node-problem-detector/node-problem-detector";

#[rustfmt::skip]
const IMAGES: &[Image] = &[
    image("COREDNS", "coredns_tag", &[
        (OLD, COREDNS, "v1.8.0"), (33, COREDNS, "v1.12.0"), (34, COREDNS, "v1.12.1"), (35, COREDNS, "v1.13.1"), (36, COREDNS, "v1.14.2"),
    ]),
    image("METRICS_SERVER", "metrics_server_tag", &[(OLD, METRICS_SERVER, "v0.5.2"), (33, METRICS_SERVER, "v0.8.1")]),
    image("FLANNEL", "flannel_tag", &[(OLD, "ghcr.io/flannel-io/flannel", "")]),
    image("FLANNEL_CNI", "flannel_cni_tag", &[(OLD, "ghcr.io/flannel-io/flannel-cni-plugin", "")]),
    image("CALICO_NODE", "calico_tag", calico!("node")),
    image("CALICO_CNI", "calico_tag", calico!("cni")),
    Image { name: "CALICO_CONTROLLERS", label: "calico_kube_controllers_tag", or_label: "calico_tag", rows: calico!("kube-controllers") },
    image("CILIUM", "cilium_tag", &[(OLD, "quay.io/cilium/cilium", "v1.13.18"), (33, "quay.io/cilium/cilium", "v1.19.4")]),
    image("CILIUM_OPERATOR", "cilium_tag", &[
        (OLD, "quay.io/cilium/operator-generic", "v1.13.18"), (33, "quay.io/cilium/operator-generic", "v1.19.4"),
    ]),
    image("CLOUD_PROVIDER", "cloud_provider_tag", cloud!("openstack-cloud-controller-manager")),
    image("CINDER_CSI", "cinder_csi_plugin_tag", cloud!("cinder-csi-plugin")),
    image("CSI_ATTACHER", "csi_attacher_tag", sidecar!("csi-attacher", "v3.1.0", "v4.10.0")),
    image("CSI_PROVISIONER", "csi_provisioner_tag", sidecar!("csi-provisioner", "v2.1.1", "v5.3.0")),
    image("CSI_RESIZER", "csi_resizer_tag", sidecar!("csi-resizer", "v1.1.0", "v1.14.0")),
    image("CSI_REGISTRAR", "csi_node_driver_registrar_tag", sidecar!("csi-node-driver-registrar", "v2.1.0", "v2.15.0")),
    image("CSI_LIVENESS_PROBE", "csi_liveness_probe_tag", sidecar!("livenessprobe", "v2.2.0", "v2.17.0")),
    image("KEYSTONE_AUTH", "k8s_keystone_auth_tag", cloud!("k8s-keystone-auth")),
    image("AUTO_HEALER", "magnum_auto_healer_tag", cloud!("magnum-auto-healer")),
    image("AUTOSCALER", "autoscaler_tag", &[
        (OLD, AUTOSCALER, "v1.20.0"), (33, AUTOSCALER, "v1.33.0"), (34, AUTOSCALER, "v1.34.3"), (35, AUTOSCALER, "v1.35.0"), (36, AUTOSCALER, "v1.36.1"),
    ]),
    image("PROBLEM_DETECTOR", "node_problem_detector_tag", &[(OLD, PROBLEMS, "")]),
    image("DASHBOARD", "kube_dashboard_version", &[(OLD, "docker.io/kubernetesui/dashboard", "")]),
    image("DASHBOARD_SCRAPER", "metrics_scraper_tag", &[(OLD, "docker.io/kubernetesui/metrics-scraper", "")]),
];

/// Every image by its placeholder, as the labels and the release (`36` of `v1.36.0`) have it.
pub(super) fn references(labels: &Labels, minor: u32) -> Vec<(String, String)> {
    IMAGES.iter().map(|image| (format!("IMAGE_{}", image.name), image.reference(labels, minor))).collect()
}

impl Image {
    fn reference(&self, labels: &Labels, minor: u32) -> String {
        // A release older than all rows gets the first.
        let row = self.rows.iter().rev().find(|row| row.0 <= minor).or(self.rows.first());
        let (repository, pinned) = row.map_or(("", ""), |row| (row.1, row.2));
        let given = [self.label, self.or_label].map(|label| value(labels, label));
        let tag = given.into_iter().find(|tag| !tag.is_empty()).unwrap_or(pinned);
        match value(labels, "container_infra_prefix") {
            "" => format!("{repository}:{tag}"),
            // As upstream's mirrors are laid out: only the last part of the name is kept.
            prefix => format!("{prefix}{}:{tag}", repository.rsplit('/').next().unwrap_or(repository)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::labels::LABELS;

    fn of(name: &str, minor: u32, labels: &[(&str, &str)]) -> String {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        references(&labels, minor).into_iter().find(|(key, _)| key == name).unwrap().1
    }

    #[test]
    fn tags_follow_the_release() {
        let occm = |minor| of("IMAGE_CLOUD_PROVIDER", minor, &[]);
        assert_eq!(occm(20), "docker.io/k8scloudprovider/openstack-cloud-controller-manager:v1.20.2");
        assert_eq!(occm(34), "registry.k8s.io/provider-os/openstack-cloud-controller-manager:v1.34.1");
        assert_eq!(occm(37), "registry.k8s.io/provider-os/openstack-cloud-controller-manager:v1.36.0");
        assert_eq!(occm(19), occm(20));
    }

    #[test]
    fn labels_name_the_tag_and_the_place() {
        let prefix = ("container_infra_prefix", "registry.example:5000/k8s/");
        assert_eq!(of("IMAGE_COREDNS", 36, &[prefix]), "registry.example:5000/k8s/coredns:v1.14.2");
        assert_eq!(
            of("IMAGE_CALICO_NODE", 36, &[("calico_tag", "v3.0.0")]),
            of("IMAGE_CALICO_CNI", 36, &[("calico_tag", "v3.0.0")]).replace("/cni:", "/node:")
        );
        let both = [("calico_tag", "v3.0.0"), ("calico_kube_controllers_tag", "v3.0.1")];
        assert!(of("IMAGE_CALICO_CONTROLLERS", 36, &both).ends_with(":v3.0.1"));
        assert!(of("IMAGE_CALICO_CONTROLLERS", 36, &both[..1]).ends_with(":v3.0.0"));
    }

    #[test]
    fn every_image_has_a_tag_at_each_release_and_a_label_that_changes_it() {
        for image in IMAGES {
            assert!(LABELS.iter().any(|spec| spec.name == image.label && !spec.idle), "{}", image.label);
            assert!(image.rows.is_sorted_by_key(|row| row.0), "{}", image.name);
            for minor in [20, 33, 34, 35, 36, 37] {
                let reference = image.reference(&Labels::default(), minor);
                assert!(!reference.ends_with(':') && !reference.contains("latest"), "{reference}");
            }
            let named = Labels::from_iter([(image.label.to_owned(), "mine".to_owned())]);
            assert!(image.reference(&named, 36).ends_with(":mine"), "{}", image.name);
        }
    }
}
