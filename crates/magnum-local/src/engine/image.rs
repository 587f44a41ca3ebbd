//! Node images that the engine has: those made here, and published ones that say by a label that they are some.

use super::{
    Engine, Progress, cannot,
    error::{gone, refused, status},
    labels::{self, COES, Labels},
    programs::Programs,
    recipe::{REPOSITORY, Recipe},
};
use crate::machines::{MachinesError, NodeImage};
use bollard::{
    models::ImageInspect,
    query_parameters::{CreateImageOptions, ListImagesOptions, RemoveImageOptions},
};
use futures_util::TryStreamExt;
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

/// Of images' ids, which are made of their digests.
const IMAGES: Uuid = Uuid::from_u128(0x8b6b_5d0e_62f3_4c1b_9a53_0b8d_1f0c_7a41);
/// For an image to be pulled, imported or built on a slow line or disk.
pub(super) const LONG: Duration = Duration::from_secs(30 * 60);

impl Engine {
    pub(super) async fn node_images(&self) -> Result<Vec<NodeImage>, MachinesError> {
        let filters = Some(HashMap::from([("label".to_owned(), vec![COES.to_owned()])]));
        let options = ListImagesOptions { filters, ..ListImagesOptions::default() };
        let found = self.docker.list_images(Some(options)).await;
        let mut found = found.map_err(|error| refused("listing node images", error))?;
        found.sort_by(|a, b| (b.created, &a.id).cmp(&(a.created, &b.id)));
        Ok(found.iter().map(|image| view(&image.id, &image.repo_tags, image.size, &image.labels)).collect())
    }

    /// Takes a published image, pulled when the engine does not have it. Fails when there is none of that name or it is
    /// no node image: that has the label `org.openstack.magnum.coes` and an entry point.
    pub async fn image_use(
        &self,
        reference: &str,
        progress: &Progress<'_>,
    ) -> Result<NodeImage, MachinesError> {
        self.image_fetch(reference, progress).await?;
        let doing = format!("using the image {reference}");
        let found = self.docker.inspect_image(reference).await.map_err(|error| refused(&doing, error))?;
        let config = found.config.as_ref();
        if config.and_then(|config| config.entrypoint.as_ref()).is_none_or(Vec::is_empty) {
            return Err(cannot(doing, "it is no node image: it has no entry point that becomes an init"));
        }
        match config.and_then(|config| config.labels.as_ref()) {
            Some(labels) if labels.contains_key(COES) => Ok(inspected(&found, labels)),
            _ => Err(cannot(doing, format!("it is no node image: it has no label {COES}"))),
        }
    }

    /// Pulls an image that the engine does not have.
    pub(super) async fn image_fetch(
        &self,
        reference: &str,
        progress: &Progress<'_>,
    ) -> Result<(), MachinesError> {
        let doing = format!("pulling the image {reference}");
        match self.docker.inspect_image(reference).await {
            Ok(_) => return Ok(()),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(refused(doing, error)),
        }
        progress(&format!("node image: pulling {reference}"));
        // Without a tag the engine would pull all that there are.
        let named = reference.rsplit('/').next().unwrap_or(reference).contains([':', '@']);
        let from_image = if named { reference.to_owned() } else { format!("{reference}:latest") };
        let options = CreateImageOptions { from_image: Some(from_image), ..CreateImageOptions::default() };
        let docker = self.docker.clone().with_timeout(LONG);
        let pulled = docker.create_image(Some(options), None, None).try_for_each(|line| async move {
            // Of each layer only its end: the rest is a number that counts up.
            if let (Some(status), None) =
                (line.status, line.progress_detail.and_then(|detail| detail.current))
            {
                progress(&format!(
                    "node image: {}{status}",
                    line.id.map(|id| format!("{id}: ")).unwrap_or_default()
                ));
            }
            Ok(())
        });
        pulled.await.map_err(|error| refused(doing, error))
    }

    /// The image that was made by a recipe.
    pub(super) async fn image_of(&self, recipe: &Recipe) -> Result<Option<NodeImage>, MachinesError> {
        let reference = recipe.reference();
        match self.docker.inspect_image(&reference).await {
            Ok(found) => {
                let labels =
                    found.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default();
                let made_by = labels::text(Some(&labels), labels::RECIPE);
                Ok((made_by == recipe.digest).then(|| inspected(&found, &labels)))
            }
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(refused(format!("looking for the node image {reference}"), error)),
        }
    }

    /// What the engine calls the image of this program's recipe, and the image if it is there already.
    pub async fn image_planned(
        &self,
        kubernetes: Option<&Programs>,
    ) -> Result<(String, Option<NodeImage>), MachinesError> {
        let recipe = Recipe::new(kubernetes);
        Ok((recipe.reference(), self.image_of(&recipe).await?))
    }

    /// Takes away a node image that was made here, by the engine's name for it. One that is gone, or that was not made here
    /// whatever its name, is no fault. False when it stays since containers stand on it.
    pub async fn image_remove(&self, reference: &str) -> Result<bool, MachinesError> {
        match self.docker.inspect_image(reference).await {
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                if !labels.contains_key(labels::RECIPE) {
                    return Ok(true);
                }
            }
            Err(error) if status(&error) == Some(404) => return Ok(true),
            Err(error) => return Err(refused(format!("looking for the node image {reference}"), error)),
        }
        match self.docker.remove_image(reference, None::<RemoveImageOptions>, None).await {
            Err(error) if status(&error) == Some(409) => Ok(false),
            result => {
                let removed = result.map(drop);
                gone(removed, format!("removing the node image {reference}")).map(|()| true)
            }
        }
    }
}

fn inspected(image: &ImageInspect, labels: &Labels) -> NodeImage {
    let tags = image.repo_tags.as_deref().unwrap_or_default();
    view(image.id.as_deref().unwrap_or_default(), tags, image.size.unwrap_or(0), labels)
}

fn view(digest: &str, tags: &[String], size: i64, labels: &Labels) -> NodeImage {
    let own = format!("{}:", REPOSITORY);
    let name = tags.first().map(|tag| tag.strip_prefix(&own).unwrap_or(tag).to_owned());
    let coes = labels::text(Some(labels), COES);
    let kube_tag = Some(labels::text(Some(labels), labels::KUBE_TAG)).filter(|release| !release.is_empty());
    NodeImage {
        id: Uuid::new_v5(&IMAGES, digest.as_bytes()),
        name: name.unwrap_or_else(|| digest.to_owned()),
        digest: digest.to_owned(),
        size: u64::try_from(size).unwrap_or(0),
        coes: coes.split(',').map(str::trim).filter(|coe| !coe.is_empty()).map(str::to_owned).collect(),
        kube_tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_the_names_that_users_call_them_by() {
        let labels = labels::labels([
            (COES, "swarm, kubernetes".to_owned()),
            (labels::KUBE_TAG, "v1.36.0".to_owned()),
        ]);
        let tags = |tag: &str| vec![tag.to_owned()];
        let own = view("sha256:01", &tags("magnum-node:debian-12-ab"), 5, &labels);
        assert_eq!((own.name.as_str(), own.size), ("debian-12-ab", 5));
        assert_eq!(own.coes, ["swarm", "kubernetes"]);
        assert_eq!(own.kube_tag.as_deref(), Some("v1.36.0"));
        assert_eq!(view("sha256:02", &tags("example.org/node:1"), 0, &labels).name, "example.org/node:1");
        let unnamed = view("sha256:01", &[], -1, &Labels::new());
        assert_eq!((unnamed.name.as_str(), unnamed.size, unnamed.coes.len()), ("sha256:01", 0, 0));
        assert_eq!(unnamed.id, own.id, "the digest alone decides the id");
    }
}
