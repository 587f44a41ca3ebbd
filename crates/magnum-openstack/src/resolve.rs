//! "Name or id", as users write it.
//!
//! A text that looks like an id is asked for by id first, because that is one cheap call and an id is unambiguous; only
//! when nothing has that id is it taken as a name. Any other text is a name. Several objects of one name are an error:
//! guessing would put a cluster on the wrong network.

use crate::error::{CloudError, CloudErrorKind, found};

/// True for a UUID with or without dashes.
pub(crate) fn looks_like_id(text: &str) -> bool {
    matches!(text.len(), 32 | 36) && uuid::Uuid::try_parse(text).is_ok()
}

/// The object that `wanted` means. `any_id` is set where ids have no fixed form (flavors).
pub(crate) async fn resolve<T>(
    service: &'static str,
    noun: &str,
    wanted: &str,
    any_id: bool,
    by_id: impl AsyncFnOnce() -> Result<T, CloudError>,
    by_name: impl AsyncFnOnce() -> Result<Vec<T>, CloudError>,
) -> Result<T, CloudError> {
    // An empty segment would turn "show" into "list".
    if wanted.is_empty() {
        return Err(missing(service, noun, wanted));
    }
    if (any_id || looks_like_id(wanted))
        && let Some(object) = found(by_id().await)?
    {
        return Ok(object);
    }
    only(service, noun, wanted, by_name().await?)?.ok_or_else(|| missing(service, noun, wanted))
}

/// The one element, none, or `Multiple`.
pub(crate) fn only<T>(
    service: &'static str,
    noun: &str,
    wanted: &str,
    mut objects: Vec<T>,
) -> Result<Option<T>, CloudError> {
    if objects.len() > 1 {
        let text = format!("{} {noun}s are named {wanted}, use an id", objects.len());
        return Err(CloudError::local(service, CloudErrorKind::Multiple, text));
    }
    Ok(objects.pop())
}

fn missing(service: &'static str, noun: &str, wanted: &str) -> CloudError {
    CloudError::local(service, CloudErrorKind::NotFound, format!("no {noun} {wanted:?} could be found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(wanted: &str, names: &[u8]) -> Result<u8, CloudErrorKind> {
        let by_id = async || Err(missing("glance", "image", wanted));
        let by_name = async || Ok(names.to_vec());
        resolve("glance", "image", wanted, false, by_id, by_name).await.map_err(|error| error.kind)
    }

    #[tokio::test]
    async fn an_id_that_nobody_has_is_tried_as_a_name() {
        assert_eq!(resolved("4994b695-559e-4eb6-aee2-9683235fb68e", &[7]).await, Ok(7));
    }

    #[tokio::test]
    async fn several_of_a_name_are_refused_and_none_is_not_found() {
        assert_eq!(resolved("fedora", &[1, 2]).await, Err(CloudErrorKind::Multiple));
        assert_eq!(resolved("fedora", &[]).await, Err(CloudErrorKind::NotFound));
        assert_eq!(resolved("", &[1]).await, Err(CloudErrorKind::NotFound));
    }
}
