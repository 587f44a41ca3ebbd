//! What is in the cloud before anybody calls it: accounts, the catalog, images, flavors and networks.
//!
//! The ids are fixed texts, so that a failing test's output reads well and compares with another run's.

use crate::{
    keystone::{Domain, Place, Project, User},
    neutron::{Network, Subnet},
    nova::{Flavor, KeyPair},
    state::State,
};
use serde_json::{Value, json};

/// The only region.
pub const REGION: &str = "RegionOne";
/// The id of the domain `Default`.
pub const DEFAULT_DOMAIN: &str = "default";
/// The id of the trustee domain, named `magnum`.
pub const TRUSTEE_DOMAIN: &str = "d0000000000000000000000000000001";
/// The public image `debian-12-docker`, with `os_distro=debian`.
pub const IMAGE: &str = "11111111-0000-4000-8000-000000000001";
/// The public image `no-distro`, without `os_distro`.
pub const IMAGE_WITHOUT_DISTRO: &str = "11111111-0000-4000-8000-000000000002";
/// The image `others-secret`, private to the project `other`.
pub const PRIVATE_IMAGE: &str = "11111111-0000-4000-8000-000000000003";
/// The public image `debian-12-next`, with `os_distro=debian`.
pub const NEXT_IMAGE: &str = "11111111-0000-4000-8000-000000000004";
/// The external network `public`.
pub const PUBLIC_NETWORK: &str = "22222222-0000-4000-8000-000000000001";
/// The network `private` of the project `demo`.
pub const PRIVATE_NETWORK: &str = "22222222-0000-4000-8000-000000000002";
/// The subnet `private-subnet` of `private`.
pub const PRIVATE_SUBNET: &str = "33333333-0000-4000-8000-000000000002";
/// The key pair of the user `demo`.
pub const KEY_PAIR: &str = "demo-key";

/// The id of the project of this name.
pub const fn project_id(name: Named) -> &'static str {
    match name {
        Named::Demo => "a0000000000000000000000000000001",
        Named::Other => "a0000000000000000000000000000002",
        Named::Admin => "a0000000000000000000000000000003",
        Named::Service => "a0000000000000000000000000000004",
    }
}

/// The projects there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// `demo`, where tests make clusters.
    Demo,
    /// `other`, which must not see what `demo` has.
    Other,
    /// `admin`, the operator's.
    Admin,
    /// `service`, of the services' own users.
    Service,
}

/// Heat's own user, in which stacks' trusts end.
pub(crate) const HEAT_USER: &str = "b0000000000000000000000000000007";

/// Id, name, roles and place of each account.
const ACCOUNTS: &[(&str, &str, &[&str], Option<Named>)] = &[
    ("b0000000000000000000000000000001", "demo", &["member", "reader"], Some(Named::Demo)),
    ("b0000000000000000000000000000002", "reader", &["reader"], Some(Named::Demo)),
    ("b0000000000000000000000000000003", "other", &["member", "reader"], Some(Named::Other)),
    ("b0000000000000000000000000000004", "admin", &["admin", "member", "reader"], Some(Named::Admin)),
    ("b0000000000000000000000000000005", "magnum", &["admin", "service"], Some(Named::Service)),
    ("b0000000000000000000000000000006", "magnum_domain_admin", &["admin"], None),
    (HEAT_USER, "heat", &["admin", "service"], Some(Named::Service)),
];

/// Type, name and path of each service; a path that ends with a slash is followed by the project's id.
pub(crate) const SERVICES: &[(&str, &str, &str)] = &[
    ("identity", "keystone", "/identity"),
    ("compute", "nova", "/compute/v2.1"),
    ("network", "neutron", "/network"),
    ("image", "glance", "/image"),
    ("orchestration", "heat", "/orchestration/v1/"),
    ("key-manager", "barbican", "/key-manager"),
    ("block-storage", "cinder", "/volume/v3/"),
    ("load-balancer", "octavia", "/load-balancer"),
    ("container-infra", "magnum", "/container-infra/v1"),
];

/// The id of a role.
pub(crate) fn role_id(name: &str) -> String {
    format!("role-{name}")
}

/// The password of the account `name`.
pub(crate) fn password(name: &str) -> String {
    format!("password-of-{name}")
}

/// The catalog of a token.
pub(crate) fn catalog(base: &str, place: &Place) -> Value {
    let project = match place {
        Place::Project(id) => id.as_str(),
        _ => "",
    };
    let entry = |(kind, name, path): &(&str, &str, &str)| {
        let url =
            if path.ends_with('/') { format!("{base}{path}{project}") } else { format!("{base}{path}") };
        let endpoints: Vec<Value> = ["public", "internal", "admin"]
            .iter()
            .map(|interface| {
                json!({
                    "id": format!("{name}-{interface}"), "interface": interface, "url": url,
                    "region": REGION, "region_id": REGION,
                })
            })
            .collect();
        json!({ "id": format!("service-{name}"), "type": kind, "name": name, "endpoints": endpoints })
    };
    SERVICES.iter().map(entry).collect()
}

/// Fills a new cloud.
pub(crate) fn plant(state: &mut State) {
    let identity = &mut state.identity;
    identity.token_seconds = 3600;
    for (id, name) in [(DEFAULT_DOMAIN, "Default"), (TRUSTEE_DOMAIN, "magnum")] {
        identity.domains.push(Domain { id: id.to_owned(), name: name.to_owned() });
    }
    let projects = [
        (Named::Demo, "demo"),
        (Named::Other, "other"),
        (Named::Admin, "admin"),
        (Named::Service, "service"),
    ];
    for (project, name) in projects {
        let id = project_id(project).to_owned();
        identity.projects.push(Project { id, name: name.to_owned(), domain: DEFAULT_DOMAIN.to_owned() });
    }
    for (id, name, roles, project) in ACCOUNTS {
        let domain = if project.is_some() { DEFAULT_DOMAIN } else { TRUSTEE_DOMAIN };
        let place = match project {
            Some(project) => Place::Project(project_id(*project).to_owned()),
            None => Place::Domain(TRUSTEE_DOMAIN.to_owned()),
        };
        for role in *roles {
            identity.grants.push(((*id).to_owned(), place.clone(), (*role).to_owned()));
        }
        let (id, name) = ((*id).to_owned(), (*name).to_owned());
        let user = User {
            id: id.clone(),
            password: password(&name),
            name,
            domain: domain.to_owned(),
            enabled: true,
        };
        identity.users.insert(id, user);
    }
    let admin = ("b0000000000000000000000000000004".to_owned(), Place::System, "admin".to_owned());
    identity.grants.push(admin);

    for (id, name, ram, vcpus, disk) in
        [("1", "m1.tiny", 512, 1, 1), ("2", "m1.small", 2048, 1, 20), ("3", "m1.medium", 4096, 2, 40)]
    {
        state.flavors.push(Flavor { id, name, ram, vcpus, disk });
    }
    state.key_pairs.push(KeyPair {
        user: "b0000000000000000000000000000001".to_owned(),
        name: KEY_PAIR.to_owned(),
        public_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemoDe demo"
            .to_owned(),
    });
    for (id, name, distro, visibility, owner) in [
        (IMAGE, "debian-12-docker", Some("debian"), "public", Named::Admin),
        (IMAGE_WITHOUT_DISTRO, "no-distro", None, "public", Named::Admin),
        (PRIVATE_IMAGE, "others-secret", Some("debian"), "private", Named::Other),
        (NEXT_IMAGE, "debian-12-next", Some("debian"), "public", Named::Admin),
    ] {
        let mut image = json!({
            "id": id, "name": name, "status": "active", "visibility": visibility, "min_disk": 0, "min_ram": 0,
            "size": 1_048_576, "owner": project_id(owner), "container_format": "bare", "disk_format": "qcow2",
            "protected": false, "tags": [], "os_hidden": false,
        });
        if let (Some(distro), Some(fields)) = (distro, image.as_object_mut()) {
            fields.insert("os_distro".to_owned(), distro.into());
        }
        state.images.insert(id.to_owned(), image);
    }
    plant_networks(state);
}

fn plant_networks(state: &mut State) {
    for (id, name, external, project, subnet, cidr) in [
        (
            PUBLIC_NETWORK,
            "public",
            true,
            Named::Admin,
            "33333333-0000-4000-8000-000000000001",
            "172.24.4.0/24",
        ),
        (PRIVATE_NETWORK, "private", false, Named::Demo, PRIVATE_SUBNET, "10.1.0.0/24"),
    ] {
        let network = Network { name: name.to_owned(), external, project: project_id(project).to_owned() };
        state.fabric.networks.insert(id.to_owned(), network);
        let subnet_name = format!("{name}-subnet");
        let held = Subnet { name: subnet_name, network: id.to_owned(), cidr: cidr.to_owned() };
        state.fabric.subnets.insert(subnet.to_owned(), held);
    }
}
