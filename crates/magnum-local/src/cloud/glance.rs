//! Glance: the node images of this machine.

use super::{
    exchange::{Answer, Ask, Refusal, Reply},
    services::{Caller, Services},
};
use crate::machines::NodeImage;
use serde_json::{Value, json};

/// By which the driver `local` is chosen.
const OS_DISTRO: &str = "magnum-local";

/// The images with the names that users see: of several builds of one name, which come newest first, only the newest has
/// it alone, so that the name goes on meaning one image; the others bear the beginning of their digest as well.
fn named(images: &[NodeImage]) -> impl Iterator<Item = (String, &NodeImage)> {
    images.iter().enumerate().map(|(at, image)| {
        let is_older = images.iter().take(at).any(|newer| newer.name == image.name);
        let digest = image.digest.rsplit(':').next().unwrap_or_default();
        let name = match is_older {
            true => format!("{}-{}", image.name, digest.get(..12).unwrap_or(digest)),
            false => image.name.clone(),
        };
        (name, image)
    })
}

/// The image of an id or a name.
pub(crate) fn find<'a>(images: &'a [NodeImage], wanted: &str) -> Option<&'a NodeImage> {
    let by_id = images.iter().find(|image| image.id.to_string() == wanted);
    by_id.or_else(|| named(images).find(|(name, _)| name == wanted).map(|(_, image)| image))
}

fn shown(name: &str, image: &NodeImage) -> Value {
    let path = format!("/v2/images/{}", image.id);
    let mut shown = json!({
        "id": image.id, "name": name, "status": "active", "visibility": "public", "owner": null,
        "min_disk": 0, "min_ram": 0, "size": image.size, "container_format": "docker", "disk_format": "raw",
        "protected": true, "os_hidden": false, "tags": [], "os_distro": OS_DISTRO,
        "magnum_coes": image.coes.join(","), "docker_digest": image.digest,
        "self": path, "file": format!("{path}/file"), "schema": "/v2/schemas/image",
    });
    if let (Some(release), Some(fields)) = (&image.kube_tag, shown.as_object_mut()) {
        fields.insert("magnum_kube_tag".to_owned(), json!(release));
    }
    shown
}

/// Whether a filter's value is the name: itself, or among those of `in:`, in quotes or not.
fn is_asked(filter: &str, name: &str) -> bool {
    match filter.strip_prefix("in:") {
        Some(list) if list.starts_with('"') => list.trim_matches('"') == name,
        Some(list) => list.split(',').any(|one| one == name),
        None => filter == name,
    }
}

/// The name of a filter for one name in quotes.
fn the_one(filter: &str) -> Option<&str> {
    filter.strip_prefix("in:\"")?.strip_suffix('"')
}

/// What is said of an image that is not there, with what there is and the remedy.
fn unknown(wanted: &str, images: &[NodeImage]) -> String {
    let names: Vec<String> = named(images).map(|(name, _)| name).collect();
    let has = match names.is_empty() {
        true => "has no node image yet".to_owned(),
        false => format!("has {}", names.join(", ")),
    };
    format!("This machine has no image {wanted}; it {has}. Make one with: magnum standalone image")
}

impl Services {
    pub(super) async fn glance(&self, ask: &Ask, rest: &[&str], _caller: &Caller) -> Answer {
        match (ask.verb(), rest) {
            ("GET", ["v2", "images"]) => {
                let images = self.machines.images().await?;
                let wanted = named(&images).filter(|(name, image)| {
                    ask.param("name").is_none_or(|filter| is_asked(filter, name))
                        && ask.param("id").is_none_or(|filter| is_asked(filter, &image.id.to_string()))
                        && ask.admits("os_distro", OS_DISTRO)
                        && ask.admits("status", "active")
                        && ask.admits("visibility", "public")
                });
                let wanted: Vec<Value> = wanted.map(|(name, image)| shown(&name, image)).collect();
                // So Magnum asks for one image, and tells its user what it is told.
                if let (true, Some(name)) = (wanted.is_empty(), ask.param("name").and_then(the_one)) {
                    return Err(Refusal::not_found(unknown(name, &images)));
                }
                Reply::ok(json!({
                    "images": wanted, "first": "/v2/images", "schema": "/v2/schemas/images",
                }))
            }
            ("GET", ["v2", "images", id]) => {
                let images = self.machines.images().await?;
                let found = named(&images).find(|(_, image)| image.id.to_string() == *id);
                match found {
                    Some((name, image)) => Reply::ok(shown(&name, image)),
                    None => Err(Refusal::not_found(unknown(id, &images))),
                }
            }
            (_, ["v2", "images", ..]) => Err(Refusal::new(
                405,
                "Images of the local cloud are made and removed on its machine: see magnum standalone image",
            )),
            _ => Err(Refusal::no_such_path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_name_means_the_newest_image_and_older_ones_can_still_be_named() {
        let image = |id: u128, digest: &str| NodeImage {
            id: Uuid::from_u128(id),
            name: "node".to_owned(),
            digest: digest.to_owned(),
            size: 1,
            coes: vec!["swarm".to_owned()],
            kube_tag: None,
        };
        let images = [image(2, "sha256:feedfeedfeedfeed"), image(1, "sha256:beefbeefbeefbeef")];
        assert_eq!(find(&images, "node").unwrap().id, Uuid::from_u128(2));
        assert_eq!(find(&images, "node-beefbeefbeef").unwrap().id, Uuid::from_u128(1));
        assert_eq!(find(&images, &Uuid::from_u128(1).to_string()).unwrap().id, Uuid::from_u128(1));
        assert!(find(&images, "none").is_none());
        assert_eq!(shown("node", &images[0]).get("magnum_kube_tag"), None);
        let full = NodeImage { kube_tag: Some("v1.36.0".to_owned()), ..images[0].clone() };
        assert_eq!(shown("node", &full)["magnum_kube_tag"], "v1.36.0");
        assert!(
            unknown("none", &images)
                .contains("it has node, node-beefbeefbeef. Make one with: magnum standalone")
        );
        assert!(
            unknown("none", &[]).contains("has no node image yet. Make one with: magnum standalone image")
        );
        assert_eq!((the_one("in:\"a,b\""), the_one("in:a"), the_one("a")), (Some("a,b"), None, None));
        assert!(is_asked("in:\"a,b\"", "a,b") && is_asked("in:a,b", "b") && !is_asked("a", "b"));
    }
}
