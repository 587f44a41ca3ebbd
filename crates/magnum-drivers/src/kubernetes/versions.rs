//! Kubernetes releases as data: what each supported minor needs that another does not. A plan is made by the same code
//! for all of them; where two releases differ, the difference is a column here.

use crate::error::DriverError;
use std::{cmp::Ordering, fmt, str::FromStr};

/// One minor of Kubernetes, 1.`minor`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Minor {
    /// The number after `1.`.
    pub minor: u32,
    /// The line of etcd that it is run with, as `etcd --version` says it.
    pub etcd: &'static str,
    /// Tag of the pause image.
    pub pause: &'static str,
    /// Registry of the project's own images.
    pub registry: &'static str,
    /// The kubelet's and the runtime's cgroup driver unless a label names one.
    pub cgroup_driver: &'static str,
    /// The kubelet must be told that its runtime is not Docker.
    pub names_runtime: bool,
    /// The runtime's socket stands in the kubelet's configuration file, not on its command line.
    pub socket_in_config: bool,
    /// Taints at registration stand in the kubelet's configuration file.
    pub taints_in_config: bool,
    /// Controllers and API still have a port without TLS that must be closed.
    pub open_ports: bool,
    /// What masters are labelled and tainted with, after `node-role.kubernetes.io/`.
    pub master_roles: &'static [&'static str],
    /// How many minors a kubelet may be behind an API of this release (the project's version skew policy).
    pub kubelet_behind: u32,
    /// The containerd that its kubelet can speak to.
    pub containerd: Containerd,
    /// It still has pod security policies.
    pub pod_security_policy: bool,
    /// Version of the API of disruption budgets.
    pub disruption_api: &'static str,
    /// What the right to read a kubelet's metrics is called.
    pub kubelet_metrics: &'static str,
    /// The API server breaks down over a server-side apply of an aggregated API (seen with 1.20; no later one was here
    /// to ask, and the table trusts them to do better).
    pub applies_by_client: bool,
    /// The add-ons that go with it are those of 2021: cilium 1.13, and a Cinder driver that asks the cloud from every
    /// node.
    pub old_addons: bool,
}

/// The releases of containerd that a kubelet can speak to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Containerd {
    /// The oldest, `major.minor`.
    pub from: &'static str,
    /// The first that is too new; empty for none.
    pub below: &'static str,
}

const OLD: Minor = Minor {
    minor: 20,
    etcd: "3.4",
    pause: "3.2",
    registry: "k8s.gcr.io/",
    cgroup_driver: "cgroupfs",
    names_runtime: true,
    socket_in_config: false,
    taints_in_config: false,
    open_ports: true,
    master_roles: &["master", "control-plane"],
    // Three since 1.28.
    kubelet_behind: 2,
    // It speaks CRI v1alpha2, which containerd 2.0 took away.
    containerd: Containerd { from: "1.4", below: "2.0" },
    pod_security_policy: true,
    disruption_api: "policy/v1beta1",
    kubelet_metrics: "nodes/stats",
    applies_by_client: true,
    old_addons: true,
};

const NEW: Minor = Minor {
    minor: 33,
    etcd: "3.5",
    pause: "3.10",
    registry: "registry.k8s.io/",
    cgroup_driver: "systemd",
    names_runtime: false,
    socket_in_config: true,
    taints_in_config: true,
    open_ports: false,
    master_roles: &["control-plane"],
    kubelet_behind: 3,
    // Since 1.26 a kubelet speaks CRI v1, which came with containerd 1.6. Those of 1.x are deprecated since 1.34, since
    // they do not tell their cgroup driver; kubelets fall back to their own configuration, and cease to in 1.38 (KEP 4033).
    containerd: Containerd { from: "1.6", below: "" },
    pod_security_policy: false,
    disruption_api: "policy/v1",
    kubelet_metrics: "nodes/metrics",
    applies_by_client: false,
    old_addons: false,
};

/// The supported minors, the oldest first.
pub const MINORS: &[Minor] = &[
    OLD,
    NEW,
    Minor { minor: 34, etcd: "3.6", ..NEW },
    Minor { minor: 35, etcd: "3.6", ..NEW },
    Minor { minor: 36, etcd: "3.6", ..NEW },
    Minor { minor: 37, etcd: "3.6", ..NEW },
];

/// A release of Kubernetes, such as `v1.36.0`. A suffix that a distributor added does not count for its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Release {
    /// The number after `1.`.
    pub minor: u32,
    /// The number after that.
    pub patch: u32,
}

impl FromStr for Release {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers = text.strip_prefix("v1.").ok_or(())?;
        let (minor, rest) = numbers.split_once('.').ok_or(())?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (patch, suffix) = rest.split_at(end);
        let plain = suffix.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+' | '_'));
        let number = |digits: &str| digits.parse().map_err(drop);
        if !plain || !(suffix.is_empty() || suffix.starts_with(['-', '+'])) {
            return Err(());
        }
        Ok(Self { minor: number(minor)?, patch: number(patch)? })
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.minor, self.patch).cmp(&(other.minor, other.patch))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1.{}.{}", self.minor, self.patch)
    }
}

/// The row of a release; `None` for one that is not supported.
pub fn minor_of(release: &str) -> Option<&'static Minor> {
    let release: Release = release.parse().ok()?;
    MINORS.iter().find(|minor| minor.minor == release.minor)
}

/// Checks that a release can be run.
///
/// # Errors
/// [`DriverError::LabelValue`] for the label `kube_tag`.
pub fn check(release: &str) -> Result<(), DriverError> {
    if minor_of(release).is_some() {
        return Ok(());
    }
    let minors: Vec<String> = MINORS.iter().map(|minor| format!("v1.{}", minor.minor)).collect();
    Err(DriverError::LabelValue {
        label: "kube_tag".to_owned(),
        value: release.to_owned(),
        allowed: format!("a release of {}, such as v1.{}.0", minors.join(", "), NEW.minor),
    })
}

/// Checks a way from one release to another: forward, at most one minor at a time, and no kubelet left too far behind.
///
/// # Errors
/// [`DriverError::LabelValue`] for the label `kube_tag` of the template to reach.
pub fn check_upgrade(from: &str, to: &str, kubelets: &[&str]) -> Result<(), DriverError> {
    check(to)?;
    let refused = |allowed: String| {
        Err(DriverError::LabelValue { label: "kube_tag".to_owned(), value: to.to_owned(), allowed })
    };
    let (Ok(now), Ok(wanted)) = (from.parse::<Release>(), to.parse::<Release>()) else { return Ok(()) };
    if wanted < now {
        return refused(format!("at least {from}, which the cluster runs: a downgrade is not supported"));
    }
    if wanted.minor > now.minor + 1 {
        return refused(format!(
            "at most a release of v1.{}: the cluster runs {from}, and minors cannot be left out",
            now.minor + 1
        ));
    }
    let behind = kubelet_behind(to);
    let oldest = kubelets.iter().filter_map(|release| release.parse::<Release>().ok()).min();
    if let Some(oldest) = oldest.filter(|oldest| oldest.minor + behind < wanted.minor) {
        return refused(format!(
            "at most {behind} minors above the oldest node, which runs {oldest}: upgrade its node group first"
        ));
    }
    Ok(())
}

/// Checks the release of a further group of workers against the one that the masters run: a kubelet must not be newer
/// than the API, nor left too far behind it.
///
/// # Errors
/// [`DriverError::LabelValue`] for the label `kube_tag` of the group.
pub fn check_group(masters: &str, group: &str) -> Result<(), DriverError> {
    check(group)?;
    let refused = |allowed: String| {
        Err(DriverError::LabelValue { label: "kube_tag".to_owned(), value: group.to_owned(), allowed })
    };
    let (Ok(runs), Ok(wanted)) = (masters.parse::<Release>(), group.parse::<Release>()) else {
        return Ok(());
    };
    if wanted > runs {
        return refused(format!("at most {masters}, which the masters run: upgrade the cluster first"));
    }
    let behind = kubelet_behind(masters);
    if wanted.minor + behind < runs.minor {
        return refused(format!(
            "a release from v1.{} on: the masters run {masters}, and a node may be {behind} minors behind them",
            runs.minor.saturating_sub(behind)
        ));
    }
    Ok(())
}

/// How far a kubelet may be behind an API of this release; the newest rule for one that is not in the table.
fn kubelet_behind(api: &str) -> u32 {
    minor_of(api).map_or(NEW.kubelet_behind, |minor| minor.kubelet_behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_with_and_without_a_distributors_suffix() {
        assert_eq!("v1.20.2".parse(), Ok(Release { minor: 20, patch: 2 }));
        assert_eq!("v1.23.3-rancher1".parse(), Ok(Release { minor: 23, patch: 3 }));
        for wrong in ["1.20.2", "v2.0.0", "v1.20", "v1.20.x", "v1.20.2x", "v1.20.2-a/b", "v1.-1.0", ""] {
            assert_eq!(wrong.parse::<Release>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn minors_stand_in_order_and_what_is_not_there_is_refused_by_the_labels_name() {
        assert!(MINORS.is_sorted_by_key(|minor| minor.minor));
        check("v1.20.2").unwrap();
        check("v1.37.1").unwrap();
        for wrong in ["v1.19.0", "v1.99.0", "latest"] {
            let error = check(wrong).unwrap_err().to_string();
            assert!(error.contains("kube_tag") && error.contains("v1.36"), "{error}");
        }
    }

    #[test]
    fn upgrades_go_forward_one_minor_at_a_time() {
        check_upgrade("v1.33.1", "v1.33.1", &[]).unwrap();
        check_upgrade("v1.33.1", "v1.33.4", &["v1.33.1"]).unwrap();
        check_upgrade("v1.33.1", "v1.34.0", &["v1.33.1"]).unwrap();
        let refused =
            |from, to, kubelets: &[&str]| check_upgrade(from, to, kubelets).unwrap_err().to_string();
        assert!(refused("v1.34.0", "v1.33.9", &[]).contains("downgrade"));
        assert!(refused("v1.33.0", "v1.35.0", &[]).contains("v1.34"));
        assert!(refused("v1.36.0", "v1.37.0", &["v1.33.2"]).contains("v1.33.2"));
        assert!(refused("v1.36.0", "v1.99.0", &[]).contains("kube_tag"));
    }

    #[test]
    fn a_group_is_never_newer_than_the_masters_and_not_too_far_behind() {
        for (masters, group) in
            [("v1.36.0", "v1.36.0"), ("v1.36.0", "v1.33.9"), ("v1.37.0", "v1.34.0"), ("v1.20.2", "v1.20.1")]
        {
            check_group(masters, group).unwrap();
        }
        let refused = |masters, group| check_group(masters, group).unwrap_err().to_string();
        for (masters, group, remedy) in [
            ("v1.36.0", "v1.37.0", "upgrade the cluster first"),
            ("v1.36.0", "v1.36.1", "at most v1.36.0"),
            ("v1.37.0", "v1.33.1", "from v1.34 on"),
            ("v1.36.0", "v1.20.2", "3 minors behind"),
            // The older rule: an API before 1.28 takes kubelets of two minors before it.
            ("v1.20.2", "v1.19.0", "kube_tag"),
        ] {
            let said = refused(masters, group);
            assert!(said.contains("kube_tag") && said.contains(remedy), "{masters}, {group}: {said}");
        }
        assert_eq!((kubelet_behind("v1.20.2"), kubelet_behind("v1.33.0")), (2, 3));
        // What another service made runs a release of which nothing is known here.
        check_group("v1.99.0", "v1.37.0").unwrap_err();
    }
}
