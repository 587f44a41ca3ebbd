//! What clusters are made of and how they are made.

use crate::option::section;

section! {
    /// `[cluster]`: what holds for clusters of every kind.
    Cluster {
        /// URL that makes a new address for etcd's discovery, `%(size)d` standing for the number of members.
        etcd_discovery_service_endpoint_format: String = "https://discovery.etcd.io/new?size=%(size)d";
        /// How Nova spreads the nodes of a group over hosts.
        nodes_affinity_policy: String = "soft-anti-affinity",
            one_of(&["soft-anti-affinity", "anti-affinity", "soft-affinity", "affinity"]), releases("Z, 22, M");
        /// Directory for copies of certificates that the conductor uses; unused when it does not exist.
        temp_cache_dir: String = "/var/lib/magnum/certificate-cache", releases("Z, 22, M");
        /// Seconds that a cluster's load balancers get to vanish before the cluster's network is deleted.
        pre_delete_lb_timeout: u64 = "60", releases("Z, 22, M");
    }
    ignored "every driver that is not in [drivers] disabled_drivers is offered" {
        enabled_definitions: Vec<String>, releases("P, Z");
    }
}

section! {
    /// `[cluster_heat]`: creation through Heat.
    ClusterHeat {
        /// Minutes that the creation of a cluster may take, if its creator says nothing else.
        create_timeout: u64 = "60", at_least(1), was(&["bay_create_timeout", "bay_heat/bay_create_timeout"]), releases("P, Z, 22");
    }
    ignored "an operation waits by its time-out, not by counting looks" {
        max_attempts: i64 = "2000", releases("P, Z, 22");
        wait_interval: i64 = "1", releases("P, Z, 22");
    }
}

section! {
    /// `[cluster_template]`: what templates may ask for.
    ClusterTemplate {
        /// Network drivers that Kubernetes templates may name; `all` means every known one.
        kubernetes_allowed_network_drivers: Vec<String> = "flannel,calico,bridge";
        /// Network driver of a Kubernetes template that names none.
        kubernetes_default_network_driver: String = "flannel";
        /// Network drivers that Swarm templates may name; `all` means every known one.
        swarm_allowed_network_drivers: Vec<String> = "all", releases("P, Z");
        /// Network driver of a Swarm template that names none.
        swarm_default_network_driver: String = "docker", releases("P, Z");
        /// Network drivers that Mesos templates may name; `all` means every known one.
        mesos_allowed_network_drivers: Vec<String> = "all", releases("P, Z");
        /// Network driver of a Mesos template that names none.
        mesos_default_network_driver: String = "docker", releases("P, Z");
    }
}

section! {
    /// `[cinder]`: volumes of nodes.
    Cinder {
        /// Volume type for container images when the cluster names none; empty means Cinder's default.
        default_docker_volume_type: String = "";
        /// Volume type for etcd when the cluster names none; empty means Cinder's default.
        default_etcd_volume_type: String = "", releases("Z, 22, M");
        /// Volume type for the root disk when the cluster names none; empty means Cinder's default.
        default_boot_volume_type: String = "", releases("Z, 22, M");
        /// Size in GiB of a root disk on a volume when the cluster names none; 0 means a root disk of the flavour.
        default_boot_volume_size: u32 = "0", releases("Z, 22, M");
    }
}

section! {
    /// `[docker]`: how the conductor asks the Docker engines of Swarm clusters.
    Docker {
        /// Version of the Docker API.
        docker_remote_api_version: String = "1.21";
        /// Seconds to wait for an answer.
        default_timeout: u64 = "60", at_least(1);
        /// Whether the engine's certificate goes unchecked.
        api_insecure: bool = "false";
        /// File of the authorities that the engine's certificate is checked against, PEM.
        ca_file: Option<String>;
        /// File of the certificate shown to the engine, PEM.
        cert_file: Option<String>;
        /// File of that certificate's private key, PEM.
        key_file: Option<String>;
    }
}

section! {
    /// `[docker_registry]`: the image registry inside clusters that have one.
    DockerRegistry {
        /// Region of the object store it keeps images in; unset means the first one in the catalogue.
        swift_region: Option<String>;
        /// Container of the object store it keeps images in.
        swift_registry_container: String = "docker_registry";
    }
}

section! {
    /// `[drivers]`: which kinds of clusters are offered, and what their nodes trust.
    Drivers {
        /// Whether nodes check the certificates of the cloud's endpoints.
        verify_ca: bool = "true";
        /// File of the authorities that nodes check them against, PEM; empty means those of the image.
        openstack_ca_file: String = "";
        /// Drivers that are not offered.
        disabled_drivers: Vec<String>, releases("Z, 22, M");
        /// Drivers that are offered although they are not yet stable.
        enabled_beta_drivers: Vec<String>, releases("22, M");
        /// Driver taken where several fit; unset means the first.
        default_driver: Option<String>, releases("M");
    }
    ignored "metrics of clusters are served by the service itself" {
        send_cluster_metrics: bool = "false", releases("Z");
    }
}

section! {
    /// `[kubernetes]`: what holds for Kubernetes clusters only.
    Kubernetes {
        /// File of the rules that a cluster's Keystone authentication starts with.
        keystone_auth_default_policy: String = "/etc/magnum/keystone_auth_default_policy.json", releases("Z, 22, M");
        /// URL of a manifest that is applied to every new cluster; empty means none.
        post_install_manifest_url: String = "", releases("Z, 22, M");
        /// Seconds between two looks at a cluster's health; 0 or less means none.
        health_polling_interval: i64 = "60", releases("Z, 22, M");
        /// Where nodes fetch those of Kubernetes' programs that their image does not bring: below it stands
        /// `RELEASE/bin/linux/amd64/PROGRAM`.
        binaries_url: String = "https://dl.k8s.io", ours();
        /// File of what nodes may fetch, JSON: `{"kubelet": {"v1.36.0": {"sha256": "…", "url": "…"}}}`, the URL only where
        /// it is another. What is not in it must be in the image.
        binaries_file: Option<String>, ours();
    }
}
