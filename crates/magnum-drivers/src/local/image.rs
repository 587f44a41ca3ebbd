//! Whether an image has what a cluster's nodes need of it. Nodes of the local cloud install nothing: what their image does
//! not bring is not there, so it is asked for before anything is made.

use crate::{error::DriverError, inputs::ImageView, kubernetes::KubernetesSettings, stack_values::label};
use magnum_types::Labels;

const KUBE_TAG: &str = "kube_tag";

pub(super) fn swarm(image: &ImageView<'_>) -> Result<(), DriverError> {
    has(image, "swarm", "Docker Swarm", "magnum standalone image")
}

/// A template that names no release gets the image's.
pub(super) fn kubernetes(
    image: &ImageView<'_>,
    labels: &mut Labels,
    settings: &KubernetesSettings,
) -> Result<(), DriverError> {
    has(image, "kubernetes", "Kubernetes", "magnum standalone image --kubernetes FOLDER")?;
    let Some(brings) = image.kube_tag.filter(|release| !release.is_empty()) else { return Ok(()) };
    match label(labels, KUBE_TAG) {
        None => {
            labels.0.insert(KUBE_TAG.to_owned(), brings.to_owned());
            Ok(())
        }
        Some(wanted) if wanted == brings || !settings.pinned("kubelet", wanted).1.is_empty() => Ok(()),
        Some(wanted) => Err(DriverError::LabelValue {
            label: KUBE_TAG.to_owned(),
            value: wanted.to_owned(),
            allowed: format!(
                "{brings}, which the image {} has, or absent; or name an image of that release",
                image.name
            ),
        }),
    }
}

/// An image that says nothing of its engines is believed to have them.
fn has(image: &ImageView<'_>, coe: &str, engine: &str, command: &str) -> Result<(), DriverError> {
    match image.coes {
        Some(coes) if !coes.split(',').any(|word| word.trim() == coe) => Err(DriverError::Field {
            field: "image_id",
            problem: format!(
                "the image {} does not have the programs of {engine}; name one that has them, as made by: {command}",
                image.name
            ),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::Binary;
    use std::collections::BTreeMap;

    const PLAIN: ImageView<'_> = ImageView { name: "plain", coes: Some("swarm"), kube_tag: None };
    const FULL: ImageView<'_> =
        ImageView { name: "full", coes: Some("swarm,kubernetes"), kube_tag: Some("v1.20.2") };

    fn tag(value: &str) -> Labels {
        Labels::from_iter([(KUBE_TAG.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_plain_image_makes_swarms_only_and_the_refusal_tells_how_to_make_the_other() {
        swarm(&PLAIN).unwrap();
        swarm(&FULL).unwrap();
        let settings = KubernetesSettings::default();
        let refused = kubernetes(&PLAIN, &mut Labels::default(), &settings).unwrap_err().to_string();
        assert!(
            refused.starts_with("image_id: the image plain") && refused.contains("--kubernetes FOLDER"),
            "{refused}"
        );
        let other = ImageView { coes: Some("kubernetes"), ..FULL };
        assert!(swarm(&other).unwrap_err().to_string().starts_with("image_id: "));
        kubernetes(&ImageView { coes: None, kube_tag: None, ..PLAIN }, &mut Labels::default(), &settings)
            .unwrap();
    }

    #[test]
    fn the_images_release_is_the_one_and_only() {
        let settings = KubernetesSettings::default();
        for mut labels in [Labels::default(), tag(""), tag("v1.20.2")] {
            kubernetes(&FULL, &mut labels, &settings).unwrap();
            assert_eq!(labels, tag("v1.20.2"));
        }
        let refused = kubernetes(&FULL, &mut tag("v1.36.0"), &settings).unwrap_err().to_string();
        assert!(
            refused.contains("kube_tag") && refused.contains("v1.20.2") && refused.contains("full"),
            "{refused}"
        );
        let pinned = Binary { sha256: "0".repeat(64), url: None };
        let binaries =
            BTreeMap::from([("kubelet".to_owned(), BTreeMap::from([("v1.36.0".to_owned(), pinned)]))]);
        let settings = KubernetesSettings { binaries, ..settings };
        kubernetes(&FULL, &mut tag("v1.36.0"), &settings).unwrap();
    }
}
