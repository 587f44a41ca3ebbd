//! What a node image is made of, and what it is called: the files of `assets/node-image`, and Kubernetes' programs where
//! it is to have them. The name is made of a digest over them, so that one who has an image of this recipe is told so
//! without building anything, and a changed recipe makes a new image.

use super::{
    labels::{COES, KUBE_TAG, OS_DISTRO, RECIPE},
    programs::Programs,
};
use sha2::{Digest, Sha256};

/// Debian's release that nodes run.
pub(super) const SUITE: &str = "bookworm";
/// What the engine builds on by itself.
pub(super) const BASE: &str = "debian:bookworm-slim";
/// The repository part of the image's name.
pub(super) const REPOSITORY: &str = "magnum-node";
/// What is in front of the digest in names.
const PREFIX: &str = "debian-12-";
/// The first program of a node.
pub(super) const ENTRY: &str = "/usr/local/lib/magnum/entry";

/// Name, content.
pub(super) const FILES: &[(&str, &str)] = &[
    ("build", include_str!("../../assets/node-image/build")),
    ("setup", include_str!("../../assets/node-image/setup")),
    ("packages", include_str!("../../assets/node-image/packages")),
    ("packages.kubernetes", include_str!("../../assets/node-image/packages.kubernetes")),
    ("entry", include_str!("../../assets/node-image/entry")),
    ("runc", include_str!("../../assets/node-image/runc")),
    ("Dockerfile", include_str!("../../assets/node-image/Dockerfile")),
];

/// A recipe by what it makes.
pub(super) struct Recipe {
    /// SHA-256 over all that decides what is in the image, in hexadecimal. Packages' versions do not: they are the mirror's
    /// of that day.
    pub(super) digest: String,
    /// The release of Kubernetes that is in it.
    release: Option<String>,
}

impl Recipe {
    pub(super) fn new(programs: Option<&Programs>) -> Self {
        let mut all = Sha256::new();
        all.update(SUITE);
        for (name, content) in FILES {
            all.update(format!("\n{name} {}\n", content.len()));
            all.update(content);
        }
        all.update(programs.map(Programs::told).unwrap_or_default());
        let release = programs.map(|programs| programs.release().to_owned());
        Self { digest: format!("{:x}", all.finalize()), release }
    }

    /// The tag, which is also the name that users see.
    pub(super) fn tag(&self) -> String {
        // A distributor's `+` is not allowed in it.
        let release =
            self.release.as_deref().map(|release| format!("kubernetes-{release}-").replace('+', "-"));
        let digest = self.digest.get(..12).unwrap_or(&self.digest);
        format!("{PREFIX}{}{digest}", release.unwrap_or_default())
    }

    /// The engine's name of the image.
    pub(super) fn reference(&self) -> String {
        format!("{REPOSITORY}:{}", self.tag())
    }

    /// The image's labels.
    pub(super) fn labels(&self) -> Vec<(&'static str, String)> {
        let coes = if self.release.is_some() { "swarm,kubernetes" } else { "swarm" };
        let mut labels =
            vec![(COES, coes.to_owned()), (OS_DISTRO, "debian".to_owned()), (RECIPE, self.digest.clone())];
        labels.extend(self.release.clone().map(|release| (KUBE_TAG, release)));
        labels
    }

    /// What an imported root is told about itself, as lines of a Dockerfile.
    pub(super) fn changes(&self) -> Vec<String> {
        let mut changes = vec![format!("ENTRYPOINT [{ENTRY:?}]")];
        changes.extend(self.labels().iter().map(|(name, value)| format!("LABEL {name}={value}")));
        changes
    }
}

#[cfg(test)]
impl Recipe {
    pub(super) fn of(digest: &str) -> Self {
        Self { digest: digest.to_owned(), release: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_names_the_image() {
        assert_eq!(Recipe::new(None).digest.len(), 64);
        let recipe = Recipe::of("0123456789abcdef");
        assert_eq!(recipe.reference(), "magnum-node:debian-12-0123456789ab");
        let changes = recipe.changes();
        assert_eq!(changes[0], "ENTRYPOINT [\"/usr/local/lib/magnum/entry\"]");
        assert!(changes.contains(&format!("LABEL {RECIPE}=0123456789abcdef")));
        assert!(changes.contains(&format!("LABEL {COES}=swarm")), "{changes:?}");
    }

    #[test]
    fn an_image_with_kubernetes_says_so_and_which() {
        let recipe = Recipe { release: Some("v1.36.0+k1".to_owned()), ..Recipe::of("0123456789abcdef") };
        assert_eq!(recipe.tag(), "debian-12-kubernetes-v1.36.0-k1-0123456789ab");
        let changes = recipe.changes();
        assert!(changes.contains(&format!("LABEL {COES}=swarm,kubernetes")), "{changes:?}");
        assert!(changes.contains(&format!("LABEL {KUBE_TAG}=v1.36.0+k1")), "{changes:?}");
    }
}
