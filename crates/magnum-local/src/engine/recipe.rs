//! How the node image is made: its files, which are in this program, and what the image tells about itself. An image is
//! known by its recipe's digest, so a new recipe makes a new image, and an old one is never taken for it.

use super::labels::{COES, OS_DISTRO, RECIPE};
use sha2::{Digest, Sha256};

/// The Debian release.
pub(super) const SUITE: &str = "bookworm";
/// The image that the engine builds on where debootstrap cannot run.
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
    ("entry", include_str!("../../assets/node-image/entry")),
    ("Dockerfile", include_str!("../../assets/node-image/Dockerfile")),
];

/// SHA-256 over all that decides what is in the image, in hexadecimal. Packages' versions do not: they are the mirror's
/// of that day.
pub(super) fn digest() -> String {
    let mut all = Sha256::new();
    all.update(SUITE);
    for (name, content) in FILES {
        all.update(format!("\n{name} {}\n", content.len()));
        all.update(content);
    }
    format!("{:x}", all.finalize())
}

/// The tag, which is also the name that users see.
pub(super) fn tag(digest: &str) -> String {
    format!("{PREFIX}{}", digest.get(..12).unwrap_or(digest))
}

/// The image's labels.
pub(super) fn labels(digest: &str) -> [(&'static str, String); 3] {
    [(COES, "swarm".to_owned()), (OS_DISTRO, "debian".to_owned()), (RECIPE, digest.to_owned())]
}

/// What an imported root is told about itself, as lines of a Dockerfile.
pub(super) fn changes(digest: &str) -> Vec<String> {
    let mut changes = vec![format!("ENTRYPOINT [{ENTRY:?}]")];
    changes.extend(labels(digest).iter().map(|(name, value)| format!("LABEL {name}={value}")));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_names_the_image() {
        assert_eq!(digest().len(), 64);
        assert_eq!(tag("0123456789abcdef"), "debian-12-0123456789ab");
        let changes = changes("abc");
        assert_eq!(changes[0], "ENTRYPOINT [\"/usr/local/lib/magnum/entry\"]");
        assert!(changes.contains(&format!("LABEL {RECIPE}=abc")));
    }
}
