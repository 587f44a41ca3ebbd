//! Glance: the images that nodes boot from, and their properties that choose the driver.

use crate::{client::ServiceClient, error::CloudError, resolve::resolve};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The Image API for one session.
#[derive(Clone)]
pub struct Glance(pub(crate) ServiceClient);

/// An image.
#[derive(Debug, Clone, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its name, which several may share.
    pub name: Option<String>,
    /// `active`, `queued`, `deactivated` …
    pub status: String,
    /// `public`, `private`, `shared`, `community`.
    pub visibility: Option<String>,
    /// Least disk in GiB.
    #[serde(default)]
    pub min_disk: u64,
    /// Least memory in MiB.
    #[serde(default)]
    pub min_ram: u64,
    /// Size in bytes, when there are data.
    pub size: Option<u64>,
    /// The owner's project.
    pub owner: Option<String>,
    /// The distribution, by which a driver is chosen.
    pub os_distro: Option<String>,
    /// Every other field; Glance puts properties beside its own fields.
    #[serde(flatten)]
    pub properties: Map<String, Value>,
}

impl Glance {
    /// The image by id or name. `NotFound`, or `Multiple` for a shared name.
    pub async fn image_find(&self, name_or_id: &str) -> Result<Image, CloudError> {
        resolve(
            "glance",
            "image",
            name_or_id,
            false,
            async || self.0.get(&["images", name_or_id], &[]).await,
            async || {
                // `in:` with quotes keeps a name that holds `:` or `,` from being read as an operator.
                let quoted = format!("in:\"{}\"", name_or_id.replace(['\\', '"'], ""));
                let mut images: Vec<Image> = self.0.list(&["images"], "images", &[("name", &quoted)]).await?;
                images.retain(|image| image.name.as_deref() == Some(name_or_id));
                Ok(images)
            },
        )
        .await
    }

    /// The images of a distribution.
    pub async fn image_list(&self, os_distro: &str) -> Result<Vec<Image>, CloudError> {
        self.0.list(&["images"], "images", &[("os_distro", os_distro)]).await
    }
}
