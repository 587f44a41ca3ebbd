//! Names: the pattern that cluster names keep to, names drawn when the client gives none, and the names of stacks.

use magnum_types::{Entropy, ServiceError};

const GREEK: [&str; 24] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
    "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
];
const BASE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Longest name of a cluster.
pub const MAX_CLUSTER_NAME: usize = 242;

/// `<greek letter>-<1..24>-<noun>`, e.g. `zeta-22-cluster`.
pub fn drawn(entropy: &dyn Entropy, noun: &str) -> String {
    let mut bytes = [0; 2];
    entropy.fill(&mut bytes);
    let [letter, number] = bytes.map(|byte| usize::from(byte) % GREEK.len());
    format!("{}-{}-{noun}", GREEK.get(letter).copied().unwrap_or("alpha"), number + 1)
}

/// Refuses a name outside of the pattern of clusters.
pub fn check_cluster_name(name: &str) -> Result<(), ServiceError> {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
    if begins && characters.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Ok(());
    }
    Err(ServiceError::invalid(format!(
        "Invalid value for name: {name:?} must begin with a letter and hold only letters, digits, '_', '.' and '-'"
    )))
}

/// Name of a cluster's stack: the readable beginning of the cluster's name and twelve random characters.
pub fn stack_name(entropy: &dyn Entropy, cluster: &str) -> String {
    let readable: String = cluster
        .chars()
        .take(30)
        .map(|c| if c == '_' || c == '.' { '-' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    format!("{readable}-{}", entropy.text(12, BASE32)).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::SeededEntropy;

    #[test]
    fn a_drawn_name_fits_the_pattern_of_cluster_names() {
        let entropy = SeededEntropy::new(3);
        for _ in 0..100 {
            let name = drawn(&entropy, "cluster");
            check_cluster_name(&name).unwrap();
            assert!(name.ends_with("-cluster"), "{name}");
        }
    }

    #[test]
    fn a_stack_name_is_what_heat_accepts() {
        let name = stack_name(&SeededEntropy::new(1), "My_cluster.with-a-very-long-name-indeed");
        let (readable, drawn) = name.rsplit_once('-').unwrap();
        assert_eq!(readable, "my-cluster-with-a-very-long-na");
        assert_eq!(drawn.len(), 12);
    }

    /// The names of members follow from it; Nova and Neutron's DNS take them as they are, and the engine knows them so.
    #[test]
    fn what_members_are_called_after_a_stack_is_a_dns_label() {
        for cluster in ["A", "My_cluster.with-a-very-long-name-indeed", "x..__--", "k8s"] {
            let name = format!("{}-master-999", stack_name(&SeededEntropy::new(7), cluster));
            assert!(name.len() <= 63, "{name}");
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(
                name.chars().all(letters) && name.starts_with(|c: char| c.is_ascii_lowercase()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_name_outside_of_the_pattern_is_refused() {
        for wrong in ["", "1a", "-a", "a b", "a/b", "é"] {
            assert!(check_cluster_name(wrong).is_err(), "{wrong}");
        }
        check_cluster_name("a.b_c-1").unwrap();
    }
}
